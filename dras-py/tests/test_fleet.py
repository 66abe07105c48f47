from __future__ import annotations

import array
import json
from collections.abc import Callable
from typing import Any

import dras
import numpy as np
import pytest
from conftest import DOCUMENT, MINUTE, NOW, SECOND

TIMES = [NOW - (19 - i) * 15 * SECOND for i in range(20)]


def fleet_of(policy: dras.Policy, n: int) -> dras.Fleet:
    fleet = dras.Fleet(policy, (f"task-{i}" for i in range(n)))
    fleet.set("parallelism", {id: 4 for id in fleet})
    fleet.set("task_managers", dict.fromkeys(fleet, 1))
    return fleet


def feed(fleet: dras.Fleet, load: Any) -> dras.FleetReport:
    handles = np.array([fleet.series(id, "cpu", "tm-1") for id in fleet], dtype=np.int64)
    series = np.repeat(handles, len(TIMES))
    times = np.tile(np.array(TIMES), len(handles))
    values = np.repeat(np.array([load(i) for i in range(len(handles))], dtype=np.float64), len(TIMES))
    return fleet.ingest(series, times, values, now=NOW)


def test_a_fleet_decides_as_its_tasks_do(policy: dras.Policy) -> None:
    fleet = fleet_of(policy, 1000)
    report = feed(fleet, lambda i: 95.0 if i % 10 == 0 else 50.0)
    assert report.accepted.stored == 20_000 and report.errors == () and report.notes == ()
    alone = []
    for i in range(1000):
        task = dras.Task(policy, f"task-{i}", attributes={"parallelism": 4, "task_managers": 1})
        task.column("cpu", TIMES, [95.0 if i % 10 == 0 else 50.0] * 20, now=NOW, instance="tm-1")
        alone.append(task.decide(NOW))
    decisions = fleet.decide(NOW, threads=2)
    assert decisions.at == NOW and decisions.looked == 1000 and decisions.fired == 100 and decisions.undefined == 1000 and decisions.errors == ()
    assert len(decisions) == 100 and decisions and [d.task for d in decisions] == [f"task-{i}" for i in range(0, 1000, 10)]
    assert list(decisions) == [d for d in alone if d.matters]
    assert [d.to_json() for d in decisions] == [d.to_json() for d in alone if d.matters]
    assert [i.task for i in decisions.instructions] == [d.task for d in decisions]
    assert decisions[0].task == "task-0" and decisions[-1].task == "task-990" and decisions["task-20"] == decisions[2]
    missing: list[tuple[Any, type[Exception]]] = [(100, IndexError), (-101, IndexError), ("task-1", KeyError)]
    for key, error in missing:
        with pytest.raises(error):
            decisions[key]
    with pytest.raises(dras.InputTypeError):
        decisions[1.5]  # type: ignore[call-overload]
    assert repr(decisions) == "<FleetDecisions of 1000 tasks: 100 to look at>"
    assert "task-10" in decisions._repr_html_()
    assert not fleet.decide(NOW + 1, tasks=["task-1"])


def test_the_number_of_threads_does_not_matter(policy: dras.Policy) -> None:
    results = []
    for threads in (1, 2, 7):
        fleet = fleet_of(policy, 700)
        feed(fleet, lambda i: float(60 + i % 40))
        results.append([d.to_json() for d in fleet.decide(NOW, threads=threads, keep="all")])
        assert len(results[-1]) == 700
    assert results[0] == results[1] == results[2]
    bad: list[Any] = [0, -1, 2.5, True, "2"]
    for threads in bad:
        with pytest.raises((dras.InputError, dras.InputTypeError)):
            fleet.decide(NOW + 1, threads=threads)


def test_tasks_come_and_go(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy)
    assert len(fleet) == 0 and list(fleet) == [] and not fleet.decide(NOW)
    orders = fleet.add("orders", attributes={"parallelism": 4}, labels={"job": "orders"})
    assert "orders" in fleet and "bills" not in fleet and 5 not in fleet and fleet.ids == ("orders",)
    orders.set(backlog=5000)
    assert fleet["orders"].attributes["backlog"] == 5000, "the task itself, not a copy"
    assert fleet.decide(NOW)["orders"].changes[0].to == 8
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: fleet.add("orders"), "duplicate_task"),
        (lambda: fleet["bills"], "unknown_task"),
        (lambda: fleet.remove("bills"), "unknown_task"),
        (lambda: fleet.set("parallelism", {"orders": 5, "bills": 4}), "unknown_task"),
        (lambda: fleet.decide(NOW, tasks=["bills"]), "unknown_task"),
        (lambda: fleet.series("bills", "cpu"), "unknown_task"),
        (lambda: fleet.series("orders", "cpuu"), "unknown_metric"),
        (lambda: fleet.series("orders", "failures"), "not_a_number_metric"),
        (lambda: fleet.series("orders", "cpu", "x" * 5000), "too_long"),
    ]
    for call, code in calls:
        with pytest.raises(dras.DrasError) as caught:
            call()
        assert caught.value.code == code
    assert fleet["orders"].attributes["parallelism"] == 4
    handle = fleet.series("orders", "cpu", "tm-1")
    assert fleet.series("orders", "cpu", "tm-1") == handle != fleet.series("orders", "cpu", "tm-2")
    fleet.remove("orders")
    assert len(fleet) == 0 and "orders" not in fleet
    with pytest.raises(dras.InputError):
        fleet.ingest([handle], NOW, [1.0], now=NOW)
    fleet.add("orders")
    assert fleet.series("orders", "cpu", "tm-1") != handle
    for i in range(500):
        fleet.add(f"t{i}")
    for i in range(0, 500, 2):
        fleet.remove(f"t{i}")
    for i in range(1, 400, 2):
        fleet.remove(f"t{i}")
    assert fleet.ids == ("orders", *(f"t{i}" for i in range(401, 500, 2)))
    assert fleet.decide(NOW + 1, keep="all")["t401"].task == "t401"
    assert repr(fleet) == '<Fleet of 51 tasks, policy "etl">'
    with pytest.raises(dras.InputTypeError):
        dras.Fleet("etl")  # type: ignore[arg-type]
    with pytest.raises(dras.InputTypeError):
        dras.Fleet(policy, "orders")
    with pytest.raises(dras.InputError):
        dras.Fleet(policy, ["a", "a"])


def test_samples_of_many_series(policy: dras.Policy) -> None:
    fleet = fleet_of(policy, 10)
    handles = [fleet.series(id, "cpu", "tm-1") for id in fleet]
    assert fleet.ingest(handles, NOW, [50.0] * 10, now=NOW).accepted.stored == 10
    assert fleet.ingest(array.array("q", handles), array.array("q", [NOW + 1] * 10), array.array("d", [50.0] * 10), now=NOW + 1).accepted.stored == 10
    assert fleet.ingest([], [], [], now=NOW + 1).accepted.stored == 0
    before = [fleet[id].counters for id in fleet]
    for series, times, values, error in [
        ([*handles[:9], 999_999], NOW, [1.0] * 10, dras.InputError),
        ([*handles[:9], -1], NOW, [1.0] * 10, dras.InputError),
        (handles, NOW, [1.0] * 9, dras.InputError),
        (handles, [NOW] * 9, [1.0] * 10, dras.InputError),
        (np.array(handles, dtype=np.int32), NOW, [1.0] * 10, dras.InputTypeError),
        (np.array(handles, dtype=np.float64), NOW, [1.0] * 10, dras.InputTypeError),
        (handles, "now", [1.0] * 10, dras.InputTypeError),
        (handles, NOW, np.zeros(20, dtype=np.float64)[::2], dras.InputTypeError),
        (5, NOW, [1.0], dras.InputTypeError),
        (["a"], NOW, [1.0], dras.InputTypeError),
    ]:
        with pytest.raises(error):
            fleet.ingest(series, times, values, now=NOW + 2)  # type: ignore[arg-type]
    assert [fleet[id].counters for id in fleet] == before
    # One task's clock is ahead; the others go on.
    fleet["task-3"].decide(NOW + MINUTE)
    report = fleet.ingest(handles, NOW + 2, [50.0] * 10, now=NOW + 2)
    assert report.accepted.stored == 9
    [failure] = report.errors
    assert (failure.task, failure.code) == ("task-3", "time_went_back")
    decisions = fleet.decide(NOW + 3)
    assert decisions.looked == 9 and decisions.errors[0].task == "task-3" and "1 failed" in repr(decisions)


def test_a_series_whose_instance_was_freed_is_made_anew(policy: dras.Policy) -> None:
    fleet = fleet_of(policy, 1)
    handle = fleet.series("task-0", "cpu", "tm-1")
    fleet.ingest([handle], NOW, [50.0], now=NOW)
    later = NOW + 40 * 24 * 60 * MINUTE
    fleet.decide(later)
    report = fleet.ingest([handle], later, [50.0], now=later)
    assert report.accepted.stored == 1 and report.errors == ()


def test_one_answer_about_many_tasks(policy: dras.Policy) -> None:
    fleet = fleet_of(policy, 3)
    result = [{"metric": {"job": f"task-{i}", "tm": f"tm-{j}"}, "values": [[t / 1000, "90"] for t in TIMES]} for i in range(3) for j in range(2)]
    result.append({"metric": {"job": "unknown", "tm": "tm-0"}, "values": [[NOW / 1000, "1"]]})
    result.append({"metric": {"tm": "tm-0"}, "values": [[NOW / 1000, "1"]]})
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}, "warnings": ["slow store"]}
    report = fleet.read_prometheus("cpu", json.dumps(body).encode(), label="job", now=NOW)
    assert report.accepted.stored == 3 * 2 * 20 and report.errors == ()
    assert report.notes == ("slow store", "1 series have no label `job`", "1 series are of tasks that are not in the fleet")
    fleet.set("task_managers", dict.fromkeys(fleet, 2))
    assert fleet.decide(NOW).fired == 3
    twice: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": [*result[:1], *result[:1], *result[2:4]]}}
    report = fleet.read_prometheus("cpu", twice, label="job", now=NOW + 1)
    assert report.accepted.stored == 0 and [(e.task, e.code) for e in report.errors] == [("task-0", "instance")]
    with pytest.raises(dras.ReadError):
        fleet.read_prometheus("cpu", b"<html>", label="job", now=NOW + 1)
    with pytest.raises(dras.TaskError):
        fleet.read_prometheus("cpuu", body, label="job", now=NOW + 1)


def test_looks_are_spread(policy: dras.Policy) -> None:
    fleet = dras.Fleet(dras.Policy({**DOCUMENT, "timing": {"long": "5m", "short": "30s"}}), [f"task-{i}" for i in range(300)])
    due = fleet.due(NOW, NOW + 5 * MINUTE)
    assert sorted(due["long"]) == sorted(fleet.ids) and "short" not in due
    some = fleet.due(NOW, NOW + 30 * SECOND)
    assert 0 < len(some["long"]) < 100 and len(some["long"]) + len(some["short"]) == 300
    for look, ids in some.items():
        for id in ids:
            assert fleet[id].next_look(NOW).at <= NOW + 30 * SECOND
        assert fleet.decide(NOW, look=look, tasks=ids).looked == len(ids)
    assert fleet.due(NOW, NOW) == {}
