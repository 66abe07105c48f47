"""What people hand over by mistake, to whatever takes something: an exception of the package's own classes, and the object works as before."""

from __future__ import annotations

import array
import mmap
import os
import subprocess
import sys
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dras
import numpy as np
import pytest
from conftest import DOCUMENT, MINUTE, NOW, SECOND

TIMES = [NOW - (19 - i) * 15 * SECOND for i in range(20)]
HOT = dras.Expression("cpu > 80% && lag > 5m", {"cpu": "ratio", "lag": "s"})


def cycle() -> dict[str, Any]:
    inner: list[Any] = []
    inner.append(inner)
    return {"version": 1, "rules": inner}


class Raises:
    """An object whose every conversion fails."""

    def __float__(self) -> float:
        raise RuntimeError("told you")

    def __index__(self) -> int:
        raise RuntimeError("told you")


class Endless(Mapping[str, Any]):
    """A mapping that says it has more than it gives."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(["version", "rules"])

    def __len__(self) -> int:
        return 2


ODD: list[Any] = [
    None,
    True,
    -1,
    0.5,
    float("nan"),
    float("inf"),
    10**400,
    -(2**63) - 1,
    2**64,
    "",
    "text",
    "\ud800",
    "x" * 100_000,
    b"bytes",
    b"\xff\xfe",
    bytearray(b"{"),
    memoryview(b"[]"),
    array.array("q", [1, 2, 3]),
    np.zeros(3),
    np.zeros((2, 2)),
    np.zeros(3, dtype=np.float32),
    np.zeros(6)[::2],
    np.array(["a"]),
    np.array([object()]),
    np.float64("nan"),
    np.datetime64("2027-01-15"),
    np.bool_(True),
    datetime(2027, 1, 15),
    timedelta(days=-1),
    timedelta.max,
    object(),
    object,
    print,
    (),
    [],
    [None],
    [[1]],
    {},
    {1: 2},
    {"": None},
    {"cpu": Raises()},
    {"version": 10**30},
    {"version": float("nan")},
    {"\ud800": 1},
    set(),
    iter([1, 2]),
    cycle(),
    Raises(),
    Endless(),
    UserDict({1: 2}),
    range(3),
    1j,
    Path("x"),
    HOT,
]


def calls(given: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every way to hand something over."""
    policy = dras.Policy(DOCUMENT)
    task = dras.Task(policy, "orders")
    fleet = dras.Fleet(policy, ["orders"])
    handle = fleet.series("orders", "cpu", "tm-1")
    library = dras.Library([DOCUMENT])
    recording = dras.Recording("orders")
    fleet["orders"].set(parallelism=4, backlog=5000)
    instruction = fleet.decide(NOW)[0].instruction
    assert instruction is not None
    fleet = dras.Fleet(policy, ["orders"])
    handle = fleet.series("orders", "cpu", "tm-1")
    yield from {
        "Policy": lambda: dras.Policy(given),
        "Template": lambda: dras.Template(given),
        "Policy.lint": lambda: policy.lint(retention=given),
        "Policy.bytes_per_task": lambda: policy.bytes_per_task(given),
        "Expression": lambda: dras.Expression(given),
        "Expression variables": lambda: dras.Expression("x > 1", given),
        "Expression unit": lambda: dras.Expression("x > 1", {"x": given}),
        "evaluate": lambda: HOT.evaluate(given),
        "evaluate value": lambda: HOT.evaluate({"cpu": given, "lag": 1}),
        "call": lambda: HOT(cpu=1, lag=given),
        "explain": lambda: HOT.explain(given),
        "dras.explain": lambda: dras.explain("x > 1", given),
        "evaluate_columns": lambda: HOT.evaluate_columns(given),
        "evaluate_columns column": lambda: HOT.evaluate_columns({"cpu": given, "lag": [1.0, 2.0, 3.0]}),
        "format": lambda: dras.format(given),
        "parse_quantity": lambda: dras.parse_quantity(given),
        "derive_memory process": lambda: dras.derive_memory(given, {}),
        "derive_memory": lambda: dras.derive_memory("task_manager", given),
        "plan_memory": lambda: dras.plan_memory("task_manager", {"taskmanager.memory.process.size": "4g"}, given),
        "plan_memory size": lambda: dras.plan_memory("task_manager", {"taskmanager.memory.process.size": "4g"}, {"task_heap": given}, step=given),
        "Task policy": lambda: dras.Task(given, "x"),
        "Task id": lambda: dras.Task(policy, given),
        "Task attributes": lambda: dras.Task(policy, "x", attributes=given),
        "Task labels": lambda: dras.Task(policy, "x", labels=given),
        "set": lambda: task.set(given),
        "set one": lambda: task.set(parallelism=given),
        "set text": lambda: task.set(task_type=given),
        "set_labels": lambda: task.set_labels(given),
        "set_flink_configuration": lambda: task.set_flink_configuration(given),
        "set_flink_configuration entry": lambda: task.set_flink_configuration({"taskmanager.memory.process.size": given}),
        "row": lambda: task.row(given, now=NOW),
        "row value": lambda: task.row({"cpu": given}, now=NOW),
        "row now": lambda: task.row({"cpu": 1}, now=given),
        "row at": lambda: task.row({"cpu": 1}, now=NOW, at=given),
        "row instance": lambda: task.row({"cpu": 1}, now=NOW, instance=given),
        "column metric": lambda: task.column(given, TIMES, [1.0] * 20, now=NOW),
        "column times": lambda: task.column("cpu", given, [1.0, 2.0, 3.0], now=NOW),
        "column values": lambda: task.column("cpu", TIMES[:3], given, now=NOW),
        "event": lambda: task.event("failures", given, now=NOW),
        "observed": lambda: task.observed(given, now=NOW),
        "mark": lambda: task.mark(given, NOW),
        "end": lambda: task.end(given, NOW),
        "queries": lambda: task.queries(NOW, look=given),
        "read_prometheus": lambda: task.read_prometheus("cpu", given, now=NOW),
        "read_flink_metrics": lambda: task.read_flink_metrics(given, now=NOW),
        "read_flink_exceptions": lambda: task.read_flink_exceptions("failures", given, now=NOW),
        "decide": lambda: task.decide(given),
        "decide look": lambda: task.decide(NOW, look=given),
        "next_look": lambda: task.next_look(given),
        "applied": lambda: task.applied(given, now=NOW),
        "failed": lambda: task.failed("key", given, now=NOW),
        "restore": lambda: dras.Task.restore(policy, given),
        "restore policy": lambda: dras.Task.restore(given, b""),
        "rebind": lambda: task.rebind(given),
        "compare": lambda: task.compare(given, NOW),
        "start_shadow": lambda: task.start_shadow(given),
        "Fleet": lambda: dras.Fleet(given),
        "Fleet tasks": lambda: dras.Fleet(policy, given),
        "Fleet.add": lambda: fleet.add(given),
        "Fleet.remove": lambda: fleet.remove(given),
        "Fleet item": lambda: fleet[given],
        "Fleet.set": lambda: fleet.set("parallelism", given),
        "Fleet.set one": lambda: fleet.set("parallelism", {"orders": given}),
        "Fleet.series": lambda: fleet.series("orders", "cpu", given),
        "Fleet.ingest series": lambda: fleet.ingest(given, NOW, [1.0, 2.0, 3.0], now=NOW),
        "Fleet.ingest times": lambda: fleet.ingest([handle], given, [1.0], now=NOW),
        "Fleet.ingest values": lambda: fleet.ingest([handle] * 3, NOW, given, now=NOW),
        "Fleet.read_prometheus": lambda: fleet.read_prometheus("cpu", given, label="job", now=NOW),
        "Fleet.read_prometheus label": lambda: fleet.read_prometheus("cpu", b"{}", label=given, now=NOW),
        "Fleet.decide": lambda: fleet.decide(given),
        "Fleet.decide tasks": lambda: fleet.decide(NOW, tasks=given),
        "Fleet.decide threads": lambda: fleet.decide(NOW, threads=given),
        "Fleet.decide keep": lambda: fleet.decide(NOW, keep=given),
        "Fleet.due": lambda: fleet.due(NOW, given),
        "Fleet.replace": lambda: fleet.replace(given, NOW),
        "Fleet.restore": lambda: dras.Fleet.restore(policy, given),
        "FleetDecisions item": lambda: fleet.decide(NOW)[given],
        "Library": lambda: dras.Library(given),
        "Library.add": lambda: library.add(given),
        "Library.replace": lambda: library.replace(given),
        "Library.remove": lambda: library.remove(given),
        "Library.policy": lambda: library.policy(given),
        "Assigner": lambda: dras.Assigner(given),
        "Assigner.assign": lambda: dras.Assigner({"version": 1, "assignments": [], "default": "etl"}).assign(given),
        "Assigner.check": lambda: dras.Assigner({"version": 1, "assignments": [], "default": "etl"}).check(given),
        "Recording": lambda: dras.Recording(given),
        "Recording.series": lambda: recording.series("cpu", given, [1.0, 2.0, 3.0]),
        "Recording.attribute": lambda: recording.attribute("parallelism", given, NOW),
        "Recording.event": lambda: recording.event("failures", given, NOW),
        "replay": lambda: dras.replay(given, recording),
        "replay recording": lambda: dras.replay(policy, given),
        "replay follow": lambda: dras.replay(policy, recording, follow=given),
        "Instruction.from_dict": lambda: dras.Instruction.from_dict(given),
        "resource_requirements": lambda: instruction.resource_requirements(given),
        "configuration": lambda: instruction.configuration(given),
        "restart_with_savepoint": lambda: instruction.restart_with_savepoint(given),
        "flink_deployment_patch": lambda: instruction.flink_deployment_patch(given),
    }.items()


@pytest.mark.parametrize("given", ODD, ids=lambda given: f"{type(given).__name__}-{str(given)[:20]!a}")
def test_anything_to_anybody(given: Any) -> None:
    """Whatever is handed to whatever: it is taken, or an exception of dras says what is wrong with it; and the object works as before."""
    refused = 0
    for name, call in calls(given):
        try:
            call()
        except dras.InternalError as error:
            pytest.fail(f"{name}: {error}")
        except dras.DrasError as error:
            refused += 1
            assert str(error) and error.code, name
        except (KeyError, IndexError):
            # As of every sequence and mapping; and of a mapping that says it has more than it gives.
            assert name == "FleetDecisions item" or isinstance(given, Endless), name
        except RuntimeError as error:
            # What the object itself raises is its own.
            assert str(error) == "told you", name
    assert refused > 20
    task = dras.Task(dras.Policy(DOCUMENT), "orders", attributes={"parallelism": 4, "backlog": 5000})
    assert task.decide(NOW).changes[0].to == 8


def test_nothing_is_changed_by_what_is_refused() -> None:
    policy = dras.Policy(DOCUMENT)
    task = dras.Task(policy, "orders", attributes={"parallelism": 4, "task_managers": 1})
    task.column("cpu", TIMES, [90.0] * 20, now=NOW, instance="tm-1")
    before = task.snapshot()
    refused: list[Callable[[], object]] = [
        lambda: task.row({"cpu": 1.0, "nothing": 1.0}, now=NOW + SECOND),
        lambda: task.row({"cpu": 1.0, "delay": object()}, now=NOW + SECOND),  # type: ignore[dict-item]
        lambda: task.column("cpu", [*TIMES, "x"], [1.0] * 21, now=NOW + SECOND),  # type: ignore[list-item]
        lambda: task.column("cpu", TIMES, [*[1.0] * 19, None], now=NOW + SECOND),  # type: ignore[list-item]
        lambda: task.set({"parallelism": 5, "nothing": 1}),
        lambda: task.read_prometheus("cpu", b'{"status": "success", "data"', now=NOW + SECOND),
        lambda: task.decide(datetime(2027, 1, 15)),
        lambda: task.set_flink_configuration({"taskmanager.memory.process.size": "1k"}),
    ]
    for call in refused:
        with pytest.raises(dras.DrasError):
            call()
        assert task.snapshot() == before


# --- buffers ---------------------------------------------------------------------------------------------------------------------------------


def test_buffers_that_were_released(task: dras.Task, tmp_path: Path) -> None:
    released = memoryview(array.array("d", [1.0] * 20))
    released.release()
    for values in (released,):
        with pytest.raises(dras.InputError) as caught:
            task.column("cpu", TIMES, values, now=NOW)
        assert caught.value.code == "buffer" and "released" in str(caught.value)
    for body in (released, memoryview(b"{}")[::2]):
        with pytest.raises(dras.DrasError):
            task.read_prometheus("cpu", body, now=NOW)
    # A closed file's memory is a buffer of bytes that cannot be had any more.
    path = tmp_path / "column"
    path.write_bytes(array.array("d", [1.0] * 20).tobytes())
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
        floats = memoryview(mapped).cast("d")
        assert task.column("cpu", TIMES, floats, now=NOW, instance="tm-1").stored == 20
        floats.release()
        mapped.close()
    with pytest.raises(dras.DrasError):
        task.column("cpu", TIMES, mapped, now=NOW)
    assert task.decide(NOW).at == NOW


def test_buffers_are_given_back(task: dras.Task) -> None:
    """A column that was read, or refused, can be resized again: nothing holds on to it."""
    good, bad = array.array("d", [1.0] * 20), array.array("f", [1.0] * 20)
    long = array.array("d", [1.0] * 10_000)
    task.column("cpu", TIMES, good, now=NOW)
    with pytest.raises(dras.InputTypeError):
        task.column("cpu", TIMES, bad, now=NOW)
    with pytest.raises(dras.TaskError):
        task.column("cpu", TIMES, long, now=NOW)
    HOT.evaluate_columns({"cpu": long, "lag": long})
    for column in (good, bad, long):
        column.append(2.0)


def test_read_only_buffers_are_read(task: dras.Task) -> None:
    values = np.full(20, 90.0)
    values.flags.writeable = False
    times = np.array(TIMES)
    times.flags.writeable = False
    assert task.column("cpu", times, values, now=NOW, instance="tm-1").stored == 20
    assert task.column("cpu", memoryview(array.array("q", TIMES)).toreadonly(), values, now=NOW, instance="tm-2").stored == 20
    empty = bytes(0)
    with pytest.raises(dras.InputTypeError):
        task.column("cpu", TIMES, empty, now=NOW)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(40)[::2],
        np.zeros(20)[::-1],
        np.zeros((20, 2))[:, 0],
        np.zeros((20, 1)),
        np.float64(1),
        np.zeros(20, dtype=np.float32),
        np.zeros(20, dtype=np.float16),
        np.zeros(20, dtype=np.int64),
        np.zeros(20, dtype=">f8"),
        np.zeros(20, dtype=np.complex128),
        np.zeros(20, dtype=bool),
        np.zeros(20, dtype="datetime64[s]"),
        np.array(["1"] * 20),
        np.array([1.0] * 20, dtype=object),
        np.zeros(20, dtype=[("x", "f8")]),
        np.ma.masked_array(np.zeros(40), mask=False)[::2],
        array.array("f", [0.0] * 20),
        array.array("q", [0] * 20),
        memoryview(array.array("d", [0.0] * 40))[::2],
        memoryview(bytes(160)),
        b"\0" * 160,
    ],
    ids=lambda values: f"{type(values).__name__}-{getattr(values, 'dtype', getattr(values, 'format', ''))}",
)
def test_columns_of_another_type_or_stride(task: dras.Task, values: Any) -> None:
    before = task.snapshot()
    with pytest.raises(dras.InputTypeError) as caught:
        task.column("cpu", TIMES, values, now=NOW)
    assert "values" in str(caught.value)
    assert task.snapshot() == before


def test_not_available_is_none_or_nan(task: dras.Task) -> None:
    assert task.row({"cpu": None}, now=NOW, instance="tm-1").stored == 1
    assert task.row({"cpu": float("nan")}, now=NOW + 1, instance="tm-1").stored == 1
    assert task.column("cpu", TIMES, [float("nan")] * 20, now=NOW + 1, instance="tm-2").stored == 20
    assert task.counters.not_available == 22 and task.counters.accepted == 0
    infinite = task.row({"cpu": float("inf")}, now=NOW + 2, instance="tm-1")
    assert infinite.refused == 1 and task.counters.infinite == 1
    assert isinstance(HOT(cpu=0.9, lag=None), dras.Undefined) and isinstance(HOT(cpu=0.9, lag=float("nan")), dras.Undefined)
    # None is no place for a number in a column, which has NaN for that.
    with pytest.raises(dras.InputTypeError):
        task.column("cpu", [NOW], [None], now=NOW + 2)  # type: ignore[list-item]


# --- what changes while it is read -----------------------------------------------------------------------------------------------------------


def test_dicts_that_change_while_they_are_read(task: dras.Task) -> None:
    row: dict[str, Any] = {}

    class Grows:
        """A number that changes the dict that it is in."""

        def __float__(self) -> float:
            for i in range(1000):
                row[f"new-{i}"] = 1
            row.pop("cpu", None)
            return 93.0

    row.update(cpu=Grows(), delay=1.0)
    assert task.row(row, now=NOW, instance="tm-1").stored == 2
    assert len(row) == 1001

    values: dict[str, Any] = {}

    class Clears:
        def __float__(self) -> float:
            values.clear()
            return 0.9

    values.update(cpu=Clears(), lag=400)
    assert isinstance(HOT.evaluate(values), dras.Undefined), "the lag is not there any more"

    column: list[Any] = [1.0] * 20

    class Shrinks:
        def __float__(self) -> float:
            column.clear()
            return 2.0

    column[0] = Shrinks()
    assert task.column("delay", TIMES, column, now=NOW).stored > 0 and column == []

    document: dict[str, Any] = {**DOCUMENT}

    class Name(str):
        def __hash__(self) -> int:
            document.pop("limits", None)
            return super().__hash__()

    document["name"] = Name("etl")
    assert dras.Policy(document).name == "etl"


def test_dicts_that_other_threads_change(task: dras.Task) -> None:
    import threading

    row: dict[str, Any] = {"cpu": 1.0}
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            row["delay"] = 1.0
            row.pop("delay", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for i in range(2000):
            assert task.row(row, now=NOW + i).stored in (1, 2)
    finally:
        stop.set()
        thread.join()


def test_an_expression_that_evaluates_itself() -> None:
    class Asks:
        def __float__(self) -> float:
            return float(bool(HOT(cpu=0.9, lag=400)))

    assert HOT(cpu=Asks(), lag=400) is True
    nested: Any = 0.9
    for _ in range(20):

        class Deeper:
            inner = nested

            def __float__(self) -> float:
                return 0.9 if HOT(cpu=self.inner, lag=400) is True else 0.0

        nested = Deeper()
    assert HOT(cpu=nested, lag=400) is True


# --- cycles and depth ------------------------------------------------------------------------------------------------------------------------


def test_cycles_and_depth() -> None:
    own: dict[str, Any] = {"version": 1}
    own["rules"] = own
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for document in (own, cycle(), {"version": 1, "rules": deep}):
        with pytest.raises(dras.InputError) as caught:
            dras.Policy(document)
        assert caught.value.code == "too_deep" and len(str(caught.value)) < 500
    for text in ("[" * 100_000, '{"rules":' * 100_000):
        with pytest.raises(dras.PolicyError):
            dras.Policy(text)
    with pytest.raises(dras.ExpressionError):
        dras.Expression("(" * 100_000)
    with pytest.raises(dras.ExpressionError):
        dras.Expression("!" * 100_000 + "x", ["x"])
    with pytest.raises(dras.ReadError):
        dras.Task(dras.Policy(DOCUMENT), "x").read_prometheus("cpu", "[" * 100_000, now=NOW)


# --- gone ------------------------------------------------------------------------------------------------------------------------------------


def test_use_after_the_end(policy: dras.Policy) -> None:
    """There is nothing to close; what was taken out of a fleet is refused by the fleet, and goes on by itself."""
    fleet = dras.Fleet(policy, ["orders", "bills"])
    handle = fleet.series("orders", "cpu", "tm-1")
    orders = fleet["orders"]
    fleet.remove("orders")
    gone: list[tuple[Callable[[], object], str]] = [
        (lambda: fleet.ingest([handle], NOW, [1.0], now=NOW), "unknown_series"),
        (lambda: fleet["orders"], "unknown_task"),
        (lambda: fleet.remove("orders"), "unknown_task"),
        (lambda: fleet.decide(NOW, tasks=["orders"]), "unknown_task"),
    ]
    for call, code in gone:
        with pytest.raises(dras.InputError) as caught:
            call()
        assert caught.value.code == code
    orders.set(parallelism=4, backlog=5000)
    assert orders.decide(NOW).changes and fleet.decide(NOW).looked == 1
    # What objects gave outlives them.
    decision = orders.decide(NOW + MINUTE)
    del gone, orders, policy
    assert decision.policy.name == "etl" and decision.explain() and decision.to_dict()


def test_objects_take_no_attributes(policy: dras.Policy, task: dras.Task) -> None:
    for thing in (policy, task, dras.Fleet(policy), HOT, task.decide(NOW)):
        with pytest.raises(AttributeError):
            setattr(thing, "me", thing)  # noqa: B010


def test_nothing_can_be_made_without_its_constructor() -> None:
    for cls in (dras.Decision, dras.Instruction, dras.FleetDecisions, dras.Replay):
        with pytest.raises(TypeError):
            cls()
        with pytest.raises(TypeError):
            object.__new__(cls)
        with pytest.raises(TypeError):
            type("Own", (cls,), {})


def test_at_the_end_of_the_interpreter(tmp_path: Path) -> None:
    """Objects that live to the very end, and threads that are still inside a call then, do not stop it from ending well."""
    script = f"""
import atexit, sys, threading
import dras
policy = dras.Policy({{"version": 1, "strategies": [{{"use": "cpu"}}]}})
fleet = dras.Fleet(policy, [f"t{{i}}" for i in range(2000)])
sys.modules["kept"] = fleet
threading.Thread(target=lambda: [fleet.decide({NOW}) for _ in range(1000)], daemon=True).start()
atexit.register(lambda: print(fleet.decide({NOW} + 1).looked))
"""
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", script], capture_output=True, text=True, check=False, env={**os.environ})
    assert (done.returncode, done.stdout, done.stderr) == (0, "2000\n", "")
