"""dras for Python beside Rust, beside other rule libraries, and beside plain Python: one run, reported and not asserted.

    make bench-python

Four expressions over variables that change at every evaluation, and handing them over is counted: each evaluation gets another `dict`. The answers
of each library are compared with those of the plain function before it is timed. Times are the least of many short rounds, in nanoseconds.
"""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import dras
import numpy as np

ROWS = 4096
COLUMN = 100_000
# Many short rounds, of which the fastest counts: between two of them the machine may do something else.
ROUNDS = 150
ROUND_SECONDS = 0.004
NOW = 1_800_000_000_000
REPOSITORY = Path(__file__).resolve().parents[2]

Row = dict[str, Any]

E3 = (
    "cpu > 0.7 && heap > 0.6 && lag < 60000 && busy >= 300 "
    "|| gc < 0.3 && restarts <= 2 && backpressure > 0.4 && records_in > 4000 "
    "|| records_out < 6000 && threads > 100 && cpu < 0.3 && heap <= 0.5 "
    "|| lag > 30000 && busy < 800 && gc > 0.2 && restarts > 1 "
    "|| backpressure < 0.5 && records_in < 5000 && records_out > 3000 && threads < 300"
)
SOURCES = {
    "E1": "cpu > 0.8 && lag > 60000 || heap_used / heap_max > 0.9",
    "E2": "ceil(parallelism * (cpu / target) * (1 + reserve))",
    "E3": E3,
    "E4": "exception =~ 'OutOfMemoryError' || exception =~ 'GC overhead'",
}
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "E1": {
        "cpu": (0, 1),
        "lag": (0, 120_000),
        "heap_used": (0, 4e9),
        "heap_max": (3.5e9, 4.5e9),
    },
    "E2": {
        "parallelism": (1, 64),
        "cpu": (0, 1),
        "target": (0.5, 0.9),
        "reserve": (0, 0.5),
    },
    "E3": {
        "cpu": (0, 1),
        "heap": (0, 1),
        "lag": (0, 120_000),
        "busy": (0, 1000),
        "gc": (0, 1),
        "restarts": (0, 5),
        "backpressure": (0, 1),
        "records_in": (0, 10_000),
        "records_out": (0, 10_000),
        "threads": (50, 500),
    },
    "E4": {},
}
NAMES = list(SOURCES)
BEGINNINGS = [
    "java.lang.OutOfMemoryError: Java heap space ",
    "java.lang.IllegalStateException: GC overhead ",
    "java.io.IOException: Broken pipe ",
]
LINE = "at org.apache.flink.streaming.runtime.tasks.StreamTask.invoke(StreamTask.java:862) "


def e1(v: Row) -> bool:
    return (v["cpu"] > 0.8 and v["lag"] > 60000) or v["heap_used"] / v["heap_max"] > 0.9


def e2(v: Row) -> float:
    return math.ceil(v["parallelism"] * (v["cpu"] / v["target"]) * (1 + v["reserve"]))


def e3(v: Row) -> bool:
    return (
        (v["cpu"] > 0.7 and v["heap"] > 0.6 and v["lag"] < 60000 and v["busy"] >= 300)
        or (v["gc"] < 0.3 and v["restarts"] <= 2 and v["backpressure"] > 0.4 and v["records_in"] > 4000)
        or (v["records_out"] < 6000 and v["threads"] > 100 and v["cpu"] < 0.3 and v["heap"] <= 0.5)
        or (v["lag"] > 30000 and v["busy"] < 800 and v["gc"] > 0.2 and v["restarts"] > 1)
        or (v["backpressure"] < 0.5 and v["records_in"] < 5000 and v["records_out"] > 3000 and v["threads"] < 300)
    )


HEAP, OVERHEAD = re.compile("OutOfMemoryError"), re.compile("GC overhead")


def e4(v: Row) -> bool:
    return HEAP.search(v["exception"]) is not None or OVERHEAD.search(v["exception"]) is not None


PLAIN: dict[str, Callable[[Row], Any]] = {"E1": e1, "E2": e2, "E3": e3, "E4": e4}


def rows_of(name: str) -> list[Row]:
    chance = random.Random(42)
    if name == "E4":
        return [{"exception": (BEGINNINGS[i % 3] + LINE * 4)[:300]} for i in range(ROWS)]
    return [{key: chance.uniform(*between) for key, between in RANGES[name].items()} for _ in range(ROWS)]


def with_dras(name: str) -> Callable[[Row], Any]:
    return dras.Expression(SOURCES[name], {"exception": "text"} if name == "E4" else list(RANGES[name])).evaluate


def words(name: str) -> str:
    return SOURCES[name].replace("&&", "and").replace("||", "or")


def with_zen(name: str) -> Callable[[Row], Any]:
    import zen

    source = 'contains(exception, "OutOfMemoryError") or contains(exception, "GC overhead")' if name == "E4" else words(name)
    return zen.compile_expression(source).evaluate  # type: ignore[no-any-return]


def with_cel(name: str) -> Callable[[Row], Any]:
    import cel

    source = {
        "E2": "ceil(parallelism * (cpu / target) * (1.0 + reserve))",
        "E4": "exception.matches('OutOfMemoryError') || exception.matches('GC overhead')",
    }.get(name, SOURCES[name])
    # Its comparisons want both sides of one type.
    source = re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"\1.0", source)
    program = cel.compile(source)
    if name != "E2":
        return program.execute  # type: ignore[no-any-return]

    def evaluate(v: Row) -> Any:
        return program.execute({**v, "ceil": math.ceil})

    return evaluate


def with_rule_engine(name: str) -> Callable[[Row], Any]:
    import rule_engine

    source = words(name)
    if name == "E2":
        source = "(parallelism * (cpu / target) * (1 + reserve)).ceiling"
    if name == "E4":
        source = "exception =~~ 'OutOfMemoryError' or exception =~~ 'GC overhead'"
    return rule_engine.Rule(source).evaluate  # type: ignore[no-any-return]


def with_simpleeval(name: str) -> Callable[[Row], Any]:
    import ast

    import simpleeval

    functions = {"ceil": math.ceil, "has": lambda text, part: part in text}
    source = "has(exception, 'OutOfMemoryError') or has(exception, 'GC overhead')" if name == "E4" else words(name)
    evaluator = simpleeval.SimpleEval(functions=functions)
    parsed = evaluator.parse(source)
    assert isinstance(parsed, ast.AST)

    def evaluate(v: Row) -> Any:
        evaluator.names = v
        return evaluator.eval(source, previously_parsed=parsed)

    return evaluate


LIBRARIES: dict[str, Callable[[str], Callable[[Row], Any]]] = {
    "plain function": PLAIN.__getitem__,
    "dras": with_dras,
    "zen-engine": with_zen,
    "common-expression-language": with_cel,
    "rule-engine": with_rule_engine,
    "simpleeval": with_simpleeval,
}


def least(work: Callable[[], object], units: int) -> float:
    """The least nanoseconds of one of the `units` things that `work` does."""
    best = math.inf
    for _ in range(ROUNDS):
        calls, begin = 0, time.perf_counter_ns()
        while (took := time.perf_counter_ns() - begin) < ROUND_SECONDS * 1e9:
            work()
            calls += 1
        best = min(best, took / calls / units)
    return best


def over(evaluate: Callable[[Row], Any], rows: list[Row]) -> Callable[[], None]:
    def run() -> None:
        for row in rows:
            evaluate(row)

    return run


def show(nanos: float | None) -> str:
    return "–" if nanos is None else f"{nanos:.2f}" if nanos < 10 else f"{nanos:,.0f}"


def table(title: str, columns: list[str], lines: list[tuple[str, list[str]]]) -> None:
    widths = [max(len(title), *(len(line[0]) for line in lines))] + [max(len(c), *(len(line[1][i]) for line in lines)) for i, c in enumerate(columns)]
    print(
        title.ljust(widths[0]),
        *(c.rjust(w) for c, w in zip(columns, widths[1:], strict=True)),
        sep="  ",
    )
    print(*("-" * w for w in widths), sep="  ")
    for name, cells in lines:
        print(
            name.ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True)),
            sep="  ",
        )
    print()


def single() -> None:
    lines = []
    loops: dict[str, float] = {}
    for library, make in LIBRARIES.items():
        cells = []
        for name in NAMES:
            rows = rows_of(name)
            try:
                evaluate = make(name)
                for row in rows[:500]:
                    found, wanted = evaluate(row), PLAIN[name](row)
                    if float(found) != float(wanted):
                        raise ValueError(f"{found} instead of {wanted}")
            except Exception as error:
                print(f"{library} cannot do {name}: {error!s:.120}", file=sys.stderr)
                cells.append(show(None))
                continue
            # What the loop itself takes is in all of them; it is measured and taken off.
            loops[name] = loops.get(name) or least(over(lambda _: None, rows), len(rows))
            cells.append(show(least(over(evaluate, rows), len(rows))))
        lines.append((library, cells))
    lines.append(("(the loop with an empty function)", [show(loops[name]) for name in NAMES]))
    table("ns an evaluation", NAMES, lines)


def in_rust(numeric: list[str]) -> Mapping[str, float]:
    """The same work in Rust, measured now."""
    with tempfile.TemporaryDirectory() as folder:
        cases = Path(folder) / "cases.json"
        cases.write_text(json.dumps({name: {"source": SOURCES[name], "ranges": RANGES[name]} for name in numeric}))
        command = [
            "cargo",
            "bench",
            "--quiet",
            "--locked",
            "-p",
            "dras-benches",
            "--bench",
            "host",
            "--",
            str(cases),
        ]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


NUMPY: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "E1": lambda c: (c["cpu"] > 0.8) & (c["lag"] > 60000) | (c["heap_used"] / c["heap_max"] > 0.9),
    "E2": lambda c: np.ceil(c["parallelism"] * (c["cpu"] / c["target"]) * (1 + c["reserve"])),
    "E3": lambda c: (
        (c["cpu"] > 0.7) & (c["heap"] > 0.6) & (c["lag"] < 60000) & (c["busy"] >= 300)
        | (c["gc"] < 0.3) & (c["restarts"] <= 2) & (c["backpressure"] > 0.4) & (c["records_in"] > 4000)
        | (c["records_out"] < 6000) & (c["threads"] > 100) & (c["cpu"] < 0.3) & (c["heap"] <= 0.5)
        | (c["lag"] > 30000) & (c["busy"] < 800) & (c["gc"] > 0.2) & (c["restarts"] > 1)
        | (c["backpressure"] < 0.5) & (c["records_in"] < 5000) & (c["records_out"] > 3000) & (c["threads"] < 300)
    ),
}


def columns_and_calls() -> None:
    numeric = [name for name in NAMES if RANGES[name]]
    rust = in_rust(numeric)
    chance = np.random.default_rng(7)
    lines = []

    def line(name: str, nanos: float, native: float | None, other: float | None = None) -> None:
        lines.append(
            (
                name,
                [
                    show(nanos),
                    show(native),
                    "–" if native is None else f"{nanos / native:.2f} ×",
                    show(other),
                ],
            )
        )

    for name in numeric:
        columns = {key: chance.uniform(*between, COLUMN) for key, between in RANGES[name].items()}
        evaluate = dras.Expression(SOURCES[name], list(columns)).evaluate_columns
        assert (evaluate(columns)[:500].astype(float) == NUMPY[name](columns)[:500].astype(float)).all()
        ours, numpy = (
            least(lambda e=evaluate, c=columns: e(c), COLUMN),
            least(lambda n=name, c=columns: NUMPY[n](c), COLUMN),
        )  # type: ignore[misc]
        line(f"{name} over {COLUMN:,} rows, a row", ours, rust[f"columns {name}"], numpy)

    document = {
        "version": 1,
        "metrics": {
            "cpu": {"unit": "percent", "per": "task_manager", "range": [0, 1]},
            "delay": {"unit": "ms", "per": "subtask", "across": "max"},
        },
        "rules": [
            {
                "name": "busy",
                "when": "avg(cpu[5m]) > 80%",
                "then": {"parallelism": "scale_to(parallelism, avg(cpu[5m]), 60%)"},
            },
            {
                "name": "late",
                "when": "min(delay[3m]) > 1m",
                "then": {"parallelism": "parallelism * 2"},
            },
        ],
        "limits": {"parallelism": {"min": 1, "max": 16}},
    }
    policy = dras.Policy(document)
    task = dras.Task(policy, "orders", attributes={"parallelism": 4, "task_managers": 2})
    times = [NOW - (19 - i) * 15_000 for i in range(20)]
    for instance in ("tm-1", "tm-2"):
        task.column("cpu", times, [90.0] * 20, now=NOW, instance=instance)
    clock = iter(range(NOW + 1, NOW + 10**9))

    def looks() -> None:
        for now in islice(clock, 100):
            task.decide(now)

    line("decide about one task", least(looks, 100), rust["decide"])

    many_times, many_values = np.arange(NOW - 2 * COLUMN, NOW, 2), np.full(COLUMN, 50.0)
    line(
        f"a column of {COLUMN:,} samples into a new task, a sample",
        least(
            lambda: dras.Task(policy, "t").column("cpu", many_times, many_values, now=NOW, instance="tm-1"),
            COLUMN,
        ),
        rust["ingest"],
    )
    values = {"cpu": 93.0}

    def scrapes() -> None:
        for now in islice(clock, 100):
            task.row(values, now=now, instance="tm-1")

    line("one scrape of one metric", least(scrapes, 100), rust["row"])
    line(
        "a trivial call (Decision.at)",
        least(over(lambda d: d.at, [task.decide(next(clock))] * 1000), 1000) - least(over(lambda d: None, [1] * 1000), 1000),
        None,
    )  # type: ignore[attr-defined,list-item]

    fleet = dras.Fleet(policy, [f"t{i}" for i in range(20_000)])
    fleet.set("parallelism", dict.fromkeys(fleet, 4))
    fleet.set("task_managers", dict.fromkeys(fleet, 1))
    handles = np.array([fleet.series(id, "cpu", "tm-1") for id in fleet])
    loads = np.full(len(handles), 50.0)
    for t in times:
        fleet.ingest(handles, t, loads, now=t)
    later = iter(range(NOW + 1, NOW + 10**9))
    line(
        "fleet: one sample for each of 20,000 tasks, a sample",
        least(lambda: fleet.ingest(handles, t := next(later), loads, now=t), len(handles)),
        None,
    )
    line(
        "fleet: a look at 20,000 tasks, a task",
        least(lambda: fleet.decide(next(later)), len(handles)),
        None,
    )
    table("ns", ["Python", "Rust", "ratio", "NumPy"], lines)


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, dras {dras.__version__}, NumPy {np.__version__}\n")
    columns_and_calls()
    single()
