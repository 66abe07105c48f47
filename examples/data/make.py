#!/usr/bin/env python3
"""Make the compact traces of this folder out of a folder of full recordings.

    python3 make.py FOLDER          write NAME.trace for every scenario below
    python3 make.py FOLDER --check  write nothing; fail if a trace here differs from what FOLDER gives

The format is described in README.md. Values are copied as text, digit for digit: nothing is rounded, filled in or left out of the series
that are kept. After writing, each trace is read back and compared with the recording.
"""

import csv
import io
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent

# What each scenario shows, one sentence for people who pick one.
SCENARIOS = {
    "a_overload_cpu": "healthy at 300/s for 60 s, then 5000/s on one CPU-bound slot: the lag grows without bound",
    "a_overload_io": "the same with waiting work: the lag grows while the CPU stays at a few per cent",
    "b_idle": "parallelism 3 for 30 records/s: over-provisioned",
    "c_heap_gc": "heap at 70 to 95 % of its maximum with rising GC time, no failure",
    "d_oom_crashloop": "heap OutOfMemoryError, process exits and is started again, three times over",
    "d_oom_direct": "direct buffer memory runs out, the error is reported",
    "d_oom_hog": "OutOfMemoryError: Java heap space in user code, reported, the task restarts in the same process",
    "d_oom_kill": "SIGKILL of the TaskManager, as by a container's memory limit",
    "d_oom_kill_default_timeout": "the same with Flink's default web.timeout: REST metrics stay away, Prometheus has them",
    "d_oom_metaspace": "metaspace runs out, the error is reported",
    "d_oom_zombie": "heap filled to the last byte: no OutOfMemoryError reaches REST, only a heartbeat timeout",
    "d_user_exception": "an ordinary user exception, for contrast",
    "e_rescale_live": "parallelism 1 to 3 to 2 on the running job: gaps, NaN, wrong lag, resets",
    "e_restart_savepoint": "stop with savepoint, bigger TaskManagers, parallelism 1 to 2, restore",
    "f_diurnal_tight": "two compressed days whose peak exceeds the one slot, and a short spike",
}

# The metrics that are kept: Flink's id, prefix of the Prometheus name, unit, kind. The idle time is left out (1000 less busy and
# back-pressured), and so are the 60 s averages of the record rates (the counters have them).
TM, TASK, OPERATOR = "flink_taskmanager_", "flink_taskmanager_job_task_", "flink_taskmanager_job_task_operator_"
METRICS = [
    ("up", "", "bool", "gauge"),
    ("numRegisteredTaskManagers", "flink_jobmanager_", "number", "gauge"),
    ("numRestarts", "flink_jobmanager_job_", "number", "counter"),
    ("numRescales", "flink_jobmanager_job_", "number", "counter"),
    ("uptime", "flink_jobmanager_job_", "ms", "gauge"),
    ("Status.JVM.CPU.Load", TM, "ratio", "gauge"),
    ("Status.JVM.Memory.Heap.Used", TM, "B", "gauge"),
    ("Status.JVM.Memory.Heap.Max", TM, "B", "gauge"),
    ("Status.JVM.GarbageCollector.All.Count", TM, "number", "counter"),
    ("Status.JVM.GarbageCollector.All.Time", TM, "ms", "counter"),
    ("Status.JVM.GarbageCollector.All.TimeMsPerSecond", TM, "ms/s", "gauge"),
    ("busyTimeMsPerSecond", TASK, "ms/s", "gauge"),
    ("backPressuredTimeMsPerSecond", TASK, "ms/s", "gauge"),
    ("numRecordsIn", TASK, "records", "counter"),
    ("pendingRecords", OPERATOR, "records", "gauge"),
    ("sourceDelayMs", OPERATOR, "ms", "gauge"),
    ("currentEmitEventTimeLag", OPERATOR, "ms", "gauge"),
]
DROPPED = {TASK + "idleTimeMsPerSecond", TASK + "numRecordsInPerSecond"}

# Facts about the job from the REST recording: name here, column there.
FACTS = [
    ("state", "job_state"),
    ("job", "job_id"),
    ("parallelism", "par_work"),
    ("tasks_running", "tasks_running"),
    ("task_managers", "tms"),
    ("slots", "slots_total"),
    ("slots_free", "slots_free"),
    ("restarts", "num_restarts"),
    ("rescales", "num_rescales"),
    ("uptime", "uptime_ms"),
    ("arriving", "topic_rate"),
]

# The process size that the first TaskManagers of every recording were started with: taskmanager.memory.process.size: 704m.
TASK_MANAGER_MEMORY = 704 << 20

# What else the TaskManagers were configured with: with it Flink's REST API says taskHeap 384m, frameworkHeap and frameworkOffHeap 64m, networkMemory
# 32m, managedMemory 0, jvmMetaspace 96m and jvmOverhead 64m.
CONFIGURATION = [
    ("taskmanager.memory.process.size", "704m"),
    ("taskmanager.memory.framework.heap.size", "64m"),
    ("taskmanager.memory.framework.off-heap.size", "64m"),
    ("taskmanager.memory.network.min", "32m"),
    ("taskmanager.memory.network.max", "32m"),
    ("taskmanager.memory.managed.size", "0m"),
    ("taskmanager.memory.jvm-metaspace.size", "96m"),
    ("taskmanager.memory.jvm-overhead.min", "64m"),
    ("taskmanager.memory.jvm-overhead.max", "64m"),
    ("taskmanager.numberOfTaskSlots", "1"),
]


def encode(values):
    """Runs of one text become `text*count`: ["0", "0", "", "", "", "7"] -> ["0*2", "*3", "7"]."""
    runs = []
    for value in values:
        if "*" in value:
            raise ValueError(f"a value contains `*`: {value}")
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return [value if count == 1 else f"{value}*{count}" for value, count in runs]


def decode(cells):
    """The reverse of `encode`."""
    values = []
    for cell in cells:
        value, star, count = cell.partition("*")
        values += [value] * (int(count) if star else 1)
    return values


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


def make(folder, name):
    """The text of one trace, and the series and facts in it as (key, values) for the comparison."""
    header, rows = read(folder / f"{name}.prom.csv")
    columns = dict(zip(header, map(list, zip(*rows))))
    clock = [int(second) * 1000 for second in columns.pop("epoch_s")]
    step = clock[1] - clock[0]
    if clock != list(range(clock[0], clock[0] + step * len(clock), step)):
        raise ValueError(f"{name}: the times of the Prometheus rows are not equally spaced")

    rest_header, rest_rows = read(folder / f"{name}.csv")
    rest = dict(zip(rest_header, map(list, zip(*rest_rows))))
    if not rest["par_src"] == rest["par_work"] == rest["par_state"]:
        raise ValueError(f"{name}: the vertices differ in parallelism")
    start = int(rest["epoch_ms"][0]) - round(float(rest["t_s"][0]) * 1000)

    lines = [["trace", "1", name, SCENARIOS[name]]]
    lines.append(["start", str(start)])
    lines.append(["task_manager_memory", str(TASK_MANAGER_MEMORY)])
    lines += [["configuration", key, value] for key, value in CONFIGURATION]
    lines.append(["clock", str(clock[0]), str(step), str(len(clock))])

    prometheus = {prefix + metric.replace(".", "_"): metric for metric, prefix, _, _ in METRICS}
    found = {}
    for column, values in columns.items():
        full, *labels = column.split("|")
        if full in DROPPED:
            continue
        metric = prometheus[full]
        target = "" if labels[0] == "jm" and metric != "up" else labels[0]
        task, subtask = (labels[1], labels[-1]) if len(labels) > 1 else ("", "")
        if len(labels) == 4 and labels[1] != labels[2]:
            raise ValueError(f"{name}: the operator of {column} is not called like its task")
        found.setdefault(metric, []).append(([target, task, subtask], values))
    expected = []
    for metric, prefix, unit, kind in METRICS:
        if metric in found:
            lines.append(["metric", metric, prefix + metric.replace(".", "_"), unit, kind])
            for labels, values in sorted(found[metric], key=lambda series: series[0]):
                lines.append(["series", metric, *labels, *encode(values)])
                expected.append(values)

    times = [str(int(ms) - start) for ms in rest["epoch_ms"]]
    lines.append(["fact", "time", *times])
    expected.append(times)
    for fact, column in FACTS:
        lines.append(["fact", fact, *encode(rest[column])])
        expected.append(rest[column])

    _, events = read(folder / "events.csv")
    for scenario, second, what in events:
        if scenario == name:
            lines.append(["event", str(round(float(second) * 1000)), what])

    exceptions = folder / f"{name}.exceptions.json"
    if exceptions.exists():
        entries = json.loads(exceptions.read_text(encoding="utf-8"))["exceptionHistory"]["entries"]
        for entry in sorted(entries, key=lambda entry: entry["timestamp"]):
            # The first line says what happened; the frames below it are Flink's own.
            text = entry["stacktrace"].splitlines()[0]
            lines.append(["exception", str(entry["timestamp"]), entry["exceptionName"], text])

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue(), expected


def compare(name, text, expected):
    """Reads a trace back and compares every value with the recording."""
    first = {"series": 5, "fact": 2}
    rows = [row for row in csv.reader(io.StringIO(text)) if row[0] in first]
    got = [decode(row[first[row[0]]:]) for row in rows]
    if got != expected:
        raise ValueError(f"{name}: the trace does not read back as the recording")


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    folder, differ = pathlib.Path(sys.argv[1]), []
    for name in SCENARIOS:
        text, expected = make(folder, name)
        compare(name, text, expected)
        path = HERE / f"{name}.trace"
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8", newline="")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            differ.append(path.name)
        print(f"{path.name}: {len(text.encode())} bytes")
    if differ:
        sys.exit(f"differ from the recordings: {', '.join(differ)}")


if __name__ == "__main__":
    main()
