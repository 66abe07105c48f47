"""``dras replay``: what files it reads, what it says, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dras
import pytest
from cli_tools import DATA, DIURNAL, RULES, run, script
from dras.cli.source import read_yaml
from dras.cli.trace import Metrics, clock

pyarrow: Any = import_module("pyarrow")  # which has no types
parquet: Any = import_module("pyarrow.parquet")
ARGS = ["--rules", RULES, "--parallelism", "1", "--follow", "10s", "--task", "orders"]
ROWS = list(csv.DictReader(Path(DIURNAL).read_text(encoding="utf-8").splitlines()))
COLUMNS = [name for name in ROWS[0] if name != "epoch_s"]


def decisions(*args: str) -> list[dict[str, Any]]:
    result = run("replay", *args, "--format", "jsonl")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


REFERENCE = decisions(DIURNAL, *ARGS)


def test_the_time_line() -> None:
    result = run("replay", DIURNAL, *ARGS)
    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[0] == "recorded (active) over 8m56s from 2026-11-21 05:08:23 UTC: 1345 samples in 5 series of 3 metrics"
    at = next(i for i, line in enumerate(lines) if "parallelism 1 → 2" in line)
    assert lines[at].startswith("05:10:49    +2m27s   ")
    assert [line.strip() for line in lines[at + 1 : at + 4]] == [
        "catch-up fired",
        "min(delay[10s]) = 5.319s > late (3s) → true",
        "max(avg(busy[20s])) = 0.9788 > 80% → true",
    ]
    assert lines[-3].startswith("107 looks in 8m50s: 4 instructions, 4 applied, 1 reversal within an hour")
    assert lines[-1].startswith("fired: catch-up 9×")
    assert max(map(len, lines)) <= 130


def test_json_lines_are_the_decisions_of_the_library() -> None:
    *found, last = REFERENCE
    policy = dras.Policy(json.dumps(_plain(RULES)))
    recording = dras.Recording("orders")
    for name in COLUMNS:
        metric, _, instance = name.partition("|")
        known = [row for row in ROWS if row[name]]
        recording.series(metric, [int(row["epoch_s"]) * 1000 for row in known], [float(row[name]) for row in known], instance=instance)
    assert recording.span is not None
    recording.attribute("parallelism", 1, recording.span[0])
    replayed = dras.replay(policy, recording, follow="10s")
    assert found == [json.loads(decision.to_json()) for decision in replayed]
    assert last["summary"]["looks"] == replayed.summary.looks == 107


def _plain(path: str) -> Any:
    return read_yaml(Path(path).read_text(encoding="utf-8")).plain()


def test_every_look(tmp_path: Path) -> None:
    *every, last = decisions(DIURNAL, *ARGS, "--all")
    assert len(every) == last["summary"]["looks"] > len(REFERENCE)
    text = run("replay", DIURNAL, *ARGS, "--all").stdout
    assert text.count("no change") > 50


# --- the same recording in other files -------------------------------------------------------------------------------------------------------


def wide(tmp_path: Path, time: str, of: Any, delimiter: str = ",") -> str:
    file = tmp_path / "trace.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow([time, *COLUMNS])
        writer.writerows([of(int(row["epoch_s"])), *(row[name] for name in COLUMNS)] for row in ROWS)
    return str(file)


def utc(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def iso(at: int) -> str:
    return utc(at).isoformat()


@pytest.mark.parametrize(
    ("time", "of", "more"),
    [
        ("time", iso, []),
        ("Timestamp", lambda at: utc(at).strftime("%Y-%m-%dT%H:%M:%SZ"), []),
        ("time", lambda at: utc(at).strftime("%Y-%m-%d %H:%M:%S"), ["--timezone", "UTC"]),
        ("time", lambda at: at * 1000, []),
        ("epoch_ms", lambda at: at * 1000, []),
        ("time", lambda at: at, []),
        ("time", lambda at: f"{at}.000", []),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_times(tmp_path: Path, time: str, of: Any, more: list[str], delimiter: str) -> None:
    assert decisions(wide(tmp_path, time, of, delimiter), *ARGS, *more) == REFERENCE


def test_a_time_zone(tmp_path: Path) -> None:
    trace = wide(tmp_path, "time", lambda at: utc(at).astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%d %H:%M:%S"))
    assert decisions(trace, *ARGS, "--timezone", "Asia/Tokyo") == REFERENCE
    result = run("replay", trace, *ARGS)
    assert result.exit_code == 2 and "trace.csv, line 2: the time `2026-11-21 14:08:19` has no time zone" in result.stderr
    assert run("replay", trace, *ARGS, "--timezone", "Mars/Olympus").exit_code == 2


def long_rows() -> list[tuple[int, str, str, float]]:
    return [(int(row["epoch_s"]), *_split(name), float(row[name])) for name in COLUMNS for row in ROWS if row[name]]


def _split(name: str) -> tuple[str, str]:
    metric, _, instance = name.partition("|")
    return metric, instance


def test_long(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["time", "metric", "instance", "value"])
        writer.writerows(long_rows())
        writer.writerow([int(ROWS[0]["epoch_s"]), "parallelism", "", "1"])
    assert decisions(str(file), "--rules", RULES, "--follow", "10s", "--task", "orders") == REFERENCE


@pytest.mark.parametrize("kind", ["timestamp", "ns", "naive", "seconds", "dictionary"])
@pytest.mark.parametrize("shape", ["wide", "long"])
def test_parquet(tmp_path: Path, kind: str, shape: str) -> None:
    seconds = [int(row["epoch_s"]) for row in ROWS] if shape == "wide" else [row[0] for row in long_rows()]
    if kind in ("seconds", "dictionary"):
        time = pyarrow.array(seconds)
    else:
        unit = "ns" if kind == "ns" else "ms"
        factor = 1_000_000_000 if kind == "ns" else 1000
        time = pyarrow.array([at * factor for at in seconds], pyarrow.timestamp(unit, tz=None if kind == "naive" else "UTC"))
    columns: dict[str, Any] = {"time": time}
    if shape == "wide":
        for name in COLUMNS:
            columns[name] = pyarrow.array([float(row[name]) if row[name] else None for row in ROWS])
    else:
        for index, name in enumerate(("metric", "instance", "value"), 1):
            array = pyarrow.array([row[index] for row in long_rows()])
            columns[name] = array.dictionary_encode() if kind == "dictionary" and name != "value" else array
    file = tmp_path / "trace.parquet"
    parquet.write_table(pyarrow.table(columns), file)
    more = ["--timezone", "UTC"] if kind == "naive" else []
    assert decisions(str(file), *ARGS, *more) == REFERENCE
    if kind == "naive":
        assert run("replay", str(file), *ARGS).exit_code == 2


QUERIES = {
    "busy": "flink_taskmanager_job_task_busyTimeMsPerSecond",
    "delay": "flink_taskmanager_job_task_operator_sourceDelayMs",
    "heap_used": "flink_taskmanager_Status_JVM_Memory_Heap_Used",
}


def answer(metric: str | None = None, named: bool = True) -> dict[str, Any]:
    """What Prometheus would say of the recording."""
    result = []
    for column in COLUMNS:
        name, instance = _split(column)
        if metric in (None, name):
            values = [[int(row["epoch_s"]), row[column]] for row in ROWS if row[column]]
            labels = {"instance": instance} | ({"__name__": QUERIES[name]} if named else {})
            result.append({"metric": labels, "values": values})
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def test_prometheus(tmp_path: Path) -> None:
    whole = tmp_path / "all.json"
    whole.write_text(json.dumps(answer()), encoding="utf-8")
    assert decisions(str(whole), *ARGS) == REFERENCE
    pairs = []
    for name in QUERIES:
        (tmp_path / f"{name}.json").write_text(json.dumps(answer(name, named=False)), encoding="utf-8")
        pairs.append(f"{name}={tmp_path / name}.json")
    assert decisions(*pairs, *ARGS) == REFERENCE
    whole.write_text(json.dumps({name: answer(name, named=False) for name in QUERIES} | {"other": {}}), encoding="utf-8")
    assert decisions(str(whole), *ARGS) == REFERENCE
    result = run("replay", str(tmp_path / "busy.json"), *ARGS)
    assert result.exit_code == 2 and "METRIC=" in result.stderr


def test_infinities_of_prometheus_are_no_news(tmp_path: Path) -> None:
    body = answer()
    for series in body["data"]["result"]:
        series["values"][50][1] = "+Inf"
        series["values"][51][1] = "NaN"
    (tmp_path / "all.json").write_text(json.dumps(body), encoding="utf-8")
    found = decisions(str(tmp_path / "all.json"), *ARGS)
    assert found[-1]["summary"]["looks"] == 107 and "inf" not in json.dumps(found).lower().replace("info", "")


def test_series_are_told_by_the_conditions_of_queries(tmp_path: Path) -> None:
    policy = dras.Policy(
        {
            "version": 1,
            "metrics": {
                "sink": {"query": 'busy{task=~"Sink.*",{{labels}}}'},
                "other": {"query": 'busy{task!~"Sink.*",{{labels}}}'},
                "every": {"query": "busy{{{labels}}}"},
                "flink": {"flink": "Status.JVM.CPU.Load"},
                "ratio": {"query": "a / b"},
            },
            "rules": [{"name": "r", "when": "sink + other + every + flink + ratio > 1", "then": {"parallelism": "2"}}],
        }
    )
    metrics = Metrics(policy)
    assert sorted(metrics.of("busy", {"task": "Sink: x"})) == ["every", "sink"]
    assert sorted(metrics.of("busy", {"task": "map"})) == ["every", "other"]
    assert metrics.of("busy", None) == ["every"]
    assert metrics.of("sink", None) == ["sink"] and metrics.of("Status.JVM.CPU.Load", None) == ["flink"]
    assert metrics.of("a", {}) == []


def test_columns_that_are_called_like_series(tmp_path: Path) -> None:
    file = tmp_path / "grafana.csv"
    lines = ['"Time","flink_taskmanager_Status_JVM_Memory_Heap_Used{tm_id=""tm-1"", job=""x""}","busy"']
    lines += [f"{1_800_000_000 + i * 2},{300 << 20},NaN" for i in range(60)]
    file.write_text("\n".join(lines), encoding="utf-8")
    text = run("replay", str(file), "--rules", RULES, "--parallelism", "2").stdout
    assert "alert heap: the heap of a TaskManager is nearly full" in text and "120 samples in 2 series" in text


def test_attributes_and_marks_in_columns() -> None:
    text = run("replay", str(DATA / "rescale.csv"), "--rules", RULES).stdout
    assert "parallelism 1 → 3, by somebody else" in text and "parallelism 3 → 2, by somebody else" in text


def test_exceptions(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rule = {"name": "oom", "when": "count(exceptions[10m] =~ 'OutOfMemory') > 0", "alert": "out of memory"}
    rules.write_text(json.dumps({"version": 1, "metrics": {"exceptions": {"kind": "event"}, "up": {}}, "rules": [rule]}), encoding="utf-8")
    begin = 1_800_000_000
    (tmp_path / "up.csv").write_text("time,up\n" + "".join(f"{begin + i * 15},1\n" for i in range(120)), encoding="utf-8")
    entry = {"exceptionName": "java.lang.OutOfMemoryError", "stacktrace": "java.lang.OutOfMemoryError: heap", "timestamp": (begin + 600) * 1000}
    body = {
        "exceptionHistory": {"entries": [entry, entry | {"concurrentExceptions": [entry | {"timestamp": (begin + 605) * 1000}]}], "truncated": False}
    }
    (tmp_path / "exceptions.json").write_text(json.dumps(body), encoding="utf-8")
    for argument in (str(tmp_path / "exceptions.json"), f"exceptions={tmp_path / 'exceptions.json'}"):
        text = run("replay", str(tmp_path / "up.csv"), argument, "--rules", str(rules)).stdout
        assert "and 2 events" in text and "alert oom: out of memory" in text
    (tmp_path / "events.csv").write_text(f"time,exceptions\n{begin},\n{begin + 600},OutOfMemoryError\n{begin + 900},\n", encoding="utf-8")
    assert "alert oom" in run("replay", str(tmp_path / "events.csv"), str(tmp_path / "up.csv"), "--rules", str(rules)).stdout


# --- options ---------------------------------------------------------------------------------------------------------------------------------


def test_memory(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "version: 1\nname: memory\nmetrics: {heap_used: {unit: B, interval: 2s, across: max}}\n"
        "rules: [{name: full, when: max(heap_used) > 240MiB, then: {task_heap: task_heap * 2}}]\ntiming: {long: 10s}\n",
        encoding="utf-8",
    )
    flink = tmp_path / "config.yaml"
    flink.write_text("taskmanager:\n  memory:\n    process.size: 2g\n  numberOfTaskSlots: 2\nrest.port: 8081\nx: [a, b]\n", encoding="utf-8")
    args = [DIURNAL, "--rules", str(rules)]
    assert "task_heap" not in run("replay", *args).stdout
    text = run("replay", *args, "--flink-config", str(flink)).stdout
    assert re.search(r"task_heap [\d.]+MiB → [\d.]+[MG]iB", text)
    flink.write_text("taskmanager.memory.process.size: 100m\n", encoding="utf-8")
    result = run("replay", *args, "--flink-config", str(flink))
    assert result.exit_code == 2 and "Flink would refuse" in result.stderr
    flink.write_text("a: [", encoding="utf-8")
    assert run("replay", *args, "--flink-config", str(flink)).exit_code == 2


def test_modes(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(Path(RULES).read_text(encoding="utf-8").replace("mode: active", "mode: monitor"), encoding="utf-8")
    args = [DIURNAL, "--rules", str(rules), "--parallelism", "1", "--task", "orders"]
    assert decisions(*args)[-1]["summary"]["instructions"] == 0
    assert decisions(*args, "--active")[-1]["summary"]["instructions"] > 0
    assert decisions(*args, "--active", "--follow", "10s")[-1] == REFERENCE[-1]
    result = run("replay", *args, "--follow", "10s")
    assert result.exit_code == 2 and "--active" in result.stderr


def test_start_and_end() -> None:
    found = decisions(DIURNAL, *ARGS, "--start", "2026-11-21T05:10:00Z", "--end", "1795237899", "--all")
    assert found[0]["at"] > 1_795_237_800_000 and found[-2]["at"] <= 1_795_237_899_000
    for time in ("yesterday", "2026-11-21T05:10:00", "12"):
        assert run("replay", DIURNAL, *ARGS, "--start", time).exit_code == 2
    assert decisions(DIURNAL, *ARGS, "--timezone", "UTC", "--start", "2026-11-21 05:10:00", "--end", "1795237899", "--all") == found


def test_attributes() -> None:
    policy = dras.Policy(
        {
            "version": 1,
            "attributes": {"budget": {"type": "number", "unit": "ms"}, "part": {"type": "number", "unit": "percent"}, "live": {"type": "bool"}},
            "rules": [{"name": "r", "when": "budget > 1s && part > 1 && live", "then": {"parallelism": "2"}}],
        }
    )
    metrics = Metrics(policy)
    for name, text, value in (
        ("budget", "5m", 300_000.0), ("budget", "250", 250.0), ("part", "80%", 80.0), ("live", "True", True), ("task_type", "sql", "sql"),
        ("task_manager_memory", "2GiB", 2.0 * (1 << 30)), ("uptime", "1h", 3600.0), ("parallelism", "4", 4.0),
    ):  # fmt: skip
        assert metrics.attribute(name, text) == value, name
    for name, text in (("budget", "2GiB"), ("live", "1"), ("parallelism", "four"), ("parallelism", "")):
        with pytest.raises(ValueError):
            metrics.attribute(name, text)


def test_a_document_that_extends_another(tmp_path: Path) -> None:
    text = Path(RULES).read_text(encoding="utf-8")
    (tmp_path / "base.yaml").write_text(text, encoding="utf-8")
    orders = tmp_path / "orders.yaml"
    orders.write_text("version: 1\nname: orders\nextends: recorded\nmode: monitor\n", encoding="utf-8")
    args = ["--library", str(tmp_path), "--rules", str(orders), "--parallelism", "1", "--task", "orders"]
    assert decisions(DIURNAL, *args)[-1]["summary"]["instructions"] == 0
    assert decisions(DIURNAL, *args, "--active", "--follow", "10s")[-1]["summary"] == REFERENCE[-1]["summary"]
    assert run("replay", DIURNAL, "--rules", str(orders)).exit_code == 1


# --- what is refused -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"time,busy\n", "a header and no rows"),
        ("a.csv", b"when,busy\n1800000000,1\n", "no column of times"),
        ("a.csv", b"time,busy\n1800000000,1,2\n", "line 2: 3 cells where the header has 2"),
        ("a.csv", b"time,busy,busy\n1800000000,1,2\n", "`busy` stands there twice"),
        ("a.csv", b"time,busy\n1800000000,much\n", "line 2: `much` in the column `busy` is no number"),
        ("a.csv", b"time,busy\nnow,1\n", "line 2: `now` is no time"),
        ("a.csv", b"time,busy\n12,1\n", "`12` is no time since the epoch"),
        ("a.csv", b"time,busy\n,1\n", "line 2"),
        ("a.csv", b"time,busy\n1e300,1\n", "after the year 9999"),
        ("a.csv", b"time,busy\nnan,1\n", "line 2"),
        ("a.csv", b'time,busy\n"1800000000,1\n', "line"),
        ("a.csv", b"time,other\n1800000000,1\n", "no samples of the document's metrics"),
        ("a.csv", b"time,busy,mark\n1800000000,1,stop\n", "a mark is `restart` or `change`"),
        ("a.csv", b"time,busy,parallelism\n1800000000,1,many\n", "line 2"),
        ("a.csv", b"\xff\xfe", "is not UTF-8"),
        ("a.json", b"", "the file is empty"),
        ("a.json", b"{", "is no JSON"),
        ("a.json", b"[]", "is no object"),
        ("a.json", b"{}", "no answer of Prometheus or Flink"),
        ("a.json", b"[" * 100_000, "JSON"),
        ("a.json", b'{"status": "error", "errorType": "bad_data", "error": "parse error"}', "bad_data: parse error"),
        ("a.json", b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}', "a scalar"),
        ("a.json", b'{"status": "success", "data": 3}', "missing"),
        ("a.json", b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1]]}]}}', "none of Prometheus"),
        ("a.json", b'{"status": "success", "data": {"resultType": "matrix", "result": [3]}}', "none of Prometheus"),
        ("a.json", b'{"exceptionHistory": {"entries": []}}', "no samples"),
        ("a.parquet", b"PAR1 not really", "is no Parquet file"),
        ("a.parquet", b"", "is no Parquet file"),
        ("a.xlsx", b"x", "none of .csv, .parquet and .json"),
    ],
)  # fmt: skip
def test_bad_traces(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    result = run("replay", str(file), "--rules", RULES, "--parallelism", "1")
    assert (result.exit_code, result.stdout) == (2, "") and said in result.stderr, result.stderr


def test_series_that_cannot_be_told_apart(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rule = {"name": "r", "when": "cpu > 1", "then": {"parallelism": "2"}}
    rules.write_text(json.dumps({"version": 1, "metrics": {"cpu": {"instance_label": "tm", "query": "cpu"}}, "rules": [rule]}), encoding="utf-8")
    series = [{"metric": {"__name__": "cpu", "tm": "1", "n": n}, "values": [[1_800_000_000, "1"]]} for n in ("a", "b")]
    (tmp_path / "a.json").write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}}), encoding="utf-8")
    result = run("replay", str(tmp_path / "a.json"), "--rules", str(rules))
    assert result.exit_code == 2 and "two series of `cpu` for the instance `1`" in result.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--attribute", "nope=1"], "no attribute `nope`"),
        (["--attribute", "parallelism=2", "--attribute", "parallelism=3"], "given twice"),
        (["--attribute", "parallelism"], "NAME=VALUE"),
        (["--attribute", "task_manager_memory=fast"], "`fast`"),
        (["--parallelism", "0"], "0"),
        (["--follow", "soon"], "soon"),
        (["--plot", "x.gif"], ".png, .svg and .pdf"),
        (["--flink-config", "nope.yaml"], "nope.yaml: no such file"),
        (["--library", "nope"], "nope"),
    ],
)
def test_bad_options(args: list[str], said: str) -> None:
    result = run("replay", DIURNAL, "--rules", RULES, *args)
    assert (result.exit_code, result.stdout) == (2, "") and said in result.stderr, result.stderr


def test_other_mistakes(tmp_path: Path) -> None:
    assert run("replay", "nope.csv", "--rules", RULES).exit_code == 2
    assert run("replay", "nope.parquet", "--rules", RULES).exit_code == 2
    assert "no metric `speed`" in run("replay", "speed=x.json", "--rules", RULES).stderr
    assert run("replay", str(DATA / "rescale.csv"), "--rules", RULES, "--parallelism", "3").exit_code == 2, "the recording says it itself"
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nrules: [{name: r, when: x > 1, then: {parallelism: '2'}}]\n", encoding="utf-8")
    result = run("replay", DIURNAL, "--rules", str(rules))
    assert result.exit_code == 1 and "rules.yaml:2:25" in result.stderr
    assert run("replay", DIURNAL, "--rules", str(tmp_path / "none.yaml")).exit_code == 2


def test_the_installed_script_without_a_terminal() -> None:
    done = script("replay", DIURNAL, *ARGS)
    assert done.returncode == 0 and done.stderr == b"" and "parallelism 1 → 2" in done.stdout.decode()


def test_without_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("replay", str(tmp_path / "a.parquet"), "--rules", RULES)
    assert result.exit_code == 2 and "pip install 'dras[parquet]'" in result.stderr
    monkeypatch.delitem(sys.modules, "dras.plot", raising=False)
    monkeypatch.setitem(sys.modules, "dras.plot", None)
    result = run("replay", DIURNAL, *ARGS, "--plot", str(tmp_path / "x.png"))
    assert result.exit_code == 2 and "pip install 'dras[plot]'" in result.stderr


def test_pictures(tmp_path: Path) -> None:
    for ending, begin in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        file = tmp_path / f"replay.{ending}"
        result = run("replay", DIURNAL, *ARGS, "--plot", str(file))
        assert result.exit_code == 0 and file.read_bytes().startswith(begin)
    # What is shown stays what matters, although the picture needs all looks.
    assert result.stdout == run("replay", DIURNAL, *ARGS).stdout
    assert run("replay", DIURNAL, *ARGS, "--plot", str(tmp_path / "no" / "x.png")).exit_code == 2


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1800000000", 1_800_000_000_000),
        ("1800000000000", 1_800_000_000_000),
        ("1800000000.5", 1_800_000_000_500),
        ("2027-01-15T09:00:00+01:00", 1_800_000_000_000),
    ],
)  # fmt: skip
def test_clock(text: str, at: int) -> None:
    assert clock(text) == at
