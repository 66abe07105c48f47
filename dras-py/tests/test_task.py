from __future__ import annotations

import array
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dras
import numpy as np
import pytest
from conftest import HOUR, MINUTE, NOW, REPOSITORY, SECOND

TIMES = [NOW - (19 - i) * 15 * SECOND for i in range(20)]
PAYLOADS = REPOSITORY / "dras-core" / "tests" / "data" / "payloads"


def payload(name: str) -> bytes:
    return Path(PAYLOADS / name).read_bytes()


def test_attributes_in_their_units(policy: dras.Policy) -> None:
    task = dras.Task(policy, "orders", attributes={"parallelism": 4})
    task.set(task_manager_memory="4GiB", budget=timedelta(seconds=3), critical=True, task_type="sql", uptime="5m")
    assert task.attributes == {
        "task_id": "orders",
        "parallelism": 4.0,
        "task_manager_memory": 4 * 1024**3,
        "budget": 3.0,
        "critical": True,
        "task_type": "sql",
        "uptime": 300.0,
    }
    task.set({"budget": 250}, uptime=None)
    assert task.attributes["budget"] == 0.25 and "uptime" not in task.attributes
    task.set(budget="2m", parallelism=np.int64(5))
    assert task.attributes["budget"] == 120.0 and task.attributes["parallelism"] == 5.0
    assert repr(task) == '<Task "orders" of policy "etl">' and task.id == "orders" and task.policy == policy


@pytest.mark.parametrize(
    ("attributes", "error", "code"),
    [
        ({"paralelism": 4}, dras.TaskError, "unknown_attribute"),
        ({"parallelism": "4 of them"}, dras.InputError, "quantity"),
        ({"parallelism": True}, dras.TaskError, "attribute_type"),
        ({"task_type": 4}, dras.TaskError, "attribute_type"),
        ({"critical": "yes"}, dras.TaskError, "attribute_type"),
        ({"parallelism": float("nan")}, dras.TaskError, "not_finite"),
        ({"parallelism": 10**400}, dras.InputError, "number_too_large"),
        ({"budget": "2GiB"}, dras.InputError, "unit"),
        ({"task_heap": 1024}, dras.TaskError, "derived_attribute"),
        ({"task_type": "x" * 100_000}, dras.TaskError, "too_long"),
        ({"parallelism": [4]}, dras.InputTypeError, "type"),
        ({4: 4}, dras.InputTypeError, "type"),
        ([("parallelism", 4)], dras.InputTypeError, "type"),
    ],
)
def test_bad_attributes_change_nothing(task: dras.Task, attributes: Any, error: type[dras.DrasError], code: str) -> None:
    before = task.attributes
    with pytest.raises(error) as caught:
        task.set(attributes)
    assert caught.value.code == code
    if isinstance(attributes, dict) and 4 not in attributes:
        with pytest.raises(error):
            task.set({"backlog": 7.0, **attributes})
    assert task.attributes == before


def test_times_may_be_aware_datetimes(policy: dras.Policy) -> None:
    moment = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
    zone = ZoneInfo("Europe/Berlin")
    for now in (moment, moment.astimezone(zone), moment.astimezone(timezone(timedelta(hours=-5, minutes=-30))), NOW, np.int64(NOW)):
        task = dras.Task(policy, "orders")
        assert task.row({"cpu": 93}, now=now, instance="tm-1").stored == 1
        assert task.decide(now).at == NOW and task.decide(now).time == moment
    early = datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC)
    assert dras.Task(policy, "orders").decide(early).at == -1, "rounded down to whole milliseconds"


@pytest.mark.parametrize(
    ("now", "error", "code"),
    [
        (datetime(2027, 1, 15, 8, 0), dras.InputError, "naive_datetime"),
        (1_800_000_000.5, dras.InputTypeError, "type"),
        (2**63, dras.InputError, "number_too_large"),
        (-(10**30), dras.InputError, "number_too_large"),
        ("2027-01-15", dras.InputTypeError, "type"),
        (True, dras.InputTypeError, "type"),
        (None, dras.InputTypeError, "type"),
        (timedelta(1), dras.InputTypeError, "type"),
    ],
)
def test_what_is_no_time_is_refused(task: dras.Task, now: Any, error: type[dras.DrasError], code: str) -> None:
    for call in (
        lambda: task.decide(now),
        lambda: task.row({"cpu": 1}, now=now),
        lambda: task.column("cpu", [now], [1.0], now=NOW),
        lambda: task.mark("restart", now),
    ):
        with pytest.raises(error) as caught:
            call()
        assert caught.value.code == code
    assert task.counters.accepted == 0


def test_columns_of_many_kinds(policy: dras.Policy) -> None:
    loads = [93.0] * 20
    columns: list[tuple[Any, Any]] = [
        (TIMES, loads),
        (tuple(TIMES), tuple(loads)),
        (np.array(TIMES), np.array(loads)),
        (np.array(TIMES, dtype="datetime64[ms]"), np.array(loads)),
        (np.array(TIMES, dtype="datetime64[ms]").astype("datetime64[ns]"), loads),
        (array.array("q", TIMES), array.array("d", loads)),
        (memoryview(array.array("q", TIMES)), memoryview(array.array("d", loads))),
        ([datetime.fromtimestamp(t / 1000, UTC) for t in TIMES], [np.float64(93)] * 20),
    ]
    decisions = set()
    for times, values in columns:
        task = dras.Task(policy, "orders", attributes={"parallelism": 4, "task_managers": 1})
        assert task.column("cpu", times, values, now=NOW, instance="tm-1").stored == 20
        decisions.add(task.decide(NOW).to_json())
    assert len(decisions) == 1


def test_columns_in_pieces_are_as_columns_in_one(policy: dras.Policy) -> None:
    """A column so long that it is taken in pieces, sorted and not, against the same as many short ones."""
    n = 1_300_000
    rng = np.random.default_rng(7)
    times = NOW - n + np.arange(n)
    values = np.where(rng.uniform(size=n) < 0.1, np.nan, rng.uniform(0, 100, n))
    mixed = rng.permutation(n)
    whole, shuffled, short = (dras.Task(policy, "orders") for _ in range(3))
    accepted = [
        whole.column("cpu", times, values, now=NOW, instance="tm-1"),
        shuffled.column("cpu", times[mixed], values[mixed], now=NOW, instance="tm-1"),
    ]
    stored = sum(short.column("cpu", times[i : i + 2000], values[i : i + 2000], now=NOW, instance="tm-1").stored for i in range(0, n, 2000))
    assert accepted[0] == accepted[1] and accepted[0].stored == stored > 0
    assert whole.snapshot() == shuffled.snapshot() == short.snapshot()


def test_long_columns(policy: dras.Policy) -> None:
    n = 50_000
    times, values = np.arange(NOW - n * 100, NOW, 100), np.full(n, 93.0)
    taken = [
        dras.Task(policy, "orders").column("cpu", times, values, now=NOW, instance="tm-1"),
        dras.Task(policy, "orders").column("cpu", array.array("q", times.tolist()), array.array("d", values.tolist()), now=NOW, instance="tm-1"),
    ]
    assert taken[0] == taken[1] and taken[0].stored > 0


def test_bad_columns_change_nothing(task: dras.Task) -> None:
    times, values = np.array(TIMES), np.full(20, 93.0)
    released = memoryview(array.array("d", [1.0] * 20))
    released.release()
    cases: list[tuple[Any, Any, type[dras.DrasError]]] = [
        (times, values[:5], dras.TaskError),
        (times.astype(np.int32), values, dras.InputTypeError),
        (times.astype(np.float64), values, dras.InputTypeError),
        (times, values.astype(np.float32), dras.InputTypeError),
        (times, values.astype(np.int64), dras.InputTypeError),
        (np.repeat(times, 2)[::2], values, dras.InputTypeError),
        (times, np.zeros((20, 1)), dras.InputTypeError),
        (times, np.array(5.0), dras.InputTypeError),
        (times, released, dras.InputError),
        (times, array.array("f", [1.0] * 20), dras.InputTypeError),
        (times, b"12345678" * 20, dras.InputTypeError),
        (times, 5.0, dras.InputTypeError),
        (times, "x" * 20, dras.InputTypeError),
        (times, [[]] * 20, dras.InputTypeError),
        (times, [10**400] * 20, dras.InputError),
        (["x"] * 20, values, dras.InputTypeError),
        ({}, {}, dras.InputTypeError),
    ]
    for bad_times, bad_values, error in cases:
        with pytest.raises(error):
            task.column("cpu", bad_times, bad_values, now=NOW, instance="tm-1")
    assert task.counters.accepted == 0
    assert task.column("cpu", times, values, now=NOW, instance="tm-1").stored == 20


def test_rows(task: dras.Task) -> None:
    assert task.row({"cpu": 93, "delay": timedelta(minutes=1)}, now=NOW, at=NOW - SECOND).stored == 2
    assert task.row({"cpu": None, "delay": float("nan")}, now=NOW).stored == 2
    assert task.counters.not_available == 2
    assert task.row({"delay": float("inf")}, now=NOW + 1).refused == 1
    assert task.row({}, now=NOW + 1).stored == 0
    for row, error, code in [
        ({"cpuu": 1}, dras.TaskError, "unknown_metric"),
        ({"failures": 1}, dras.TaskError, "not_a_number_metric"),
        ({"cpu": "much"}, dras.InputError, "quantity"),
        ({"cpu": True}, dras.InputTypeError, "type"),
        ({"cpu": b"1"}, dras.InputTypeError, "type"),
        ({b"cpu": 1}, dras.InputTypeError, "type"),
        ([], dras.InputTypeError, "type"),
    ]:
        with pytest.raises(error) as caught:
            task.row(row, now=NOW + 2)  # type: ignore[arg-type]
        assert caught.value.code == code
    with pytest.raises(dras.TaskError, match="time must not go back"):
        task.row({"cpu": 1}, now=NOW - MINUTE)
    for instance in (5, b"tm"):
        with pytest.raises(dras.InputTypeError):
            task.row({"cpu": 1}, now=NOW + 2, instance=instance)  # type: ignore[arg-type]
    with pytest.raises(dras.TaskError):
        task.row({"cpu": 1}, now=NOW + 2, instance="x" * 5000)
    with pytest.raises(dras.InputError):
        task.row({"cpu": 1}, now=NOW + 2, instance="\ud800")


def test_events(task: dras.Task) -> None:
    for i in range(4):
        assert task.event("failures", f"é {i}", now=NOW, at=NOW - i * SECOND).stored == 1
    assert task.event("failures", "é 0", now=NOW).ignored == 1
    task.observed("failures", now=NOW)
    decision = task.decide(NOW, look="short")
    assert [a.text for a in decision.alerts] == ["it fails"]
    assert decision.states == {"busy": "not_looked", "late": "not_looked", "behind": "not_looked", "failing": "fired"}
    with pytest.raises(dras.TaskError):
        task.event("cpu", "x", now=NOW)
    with pytest.raises(dras.TaskError):
        task.observed("cpu", now=NOW)
    with pytest.raises(dras.InputTypeError):
        task.event("failures", b"x", now=NOW)  # type: ignore[arg-type]
    with pytest.raises(dras.InputError, match='it can be "restart" or "change"'):
        task.mark("restarted", NOW)  # type: ignore[arg-type]


def test_instances_end(task: dras.Task) -> None:
    task.column("cpu", TIMES, [95.0] * 20, now=NOW, instance="tm-1")
    task.column("cpu", TIMES, [5.0] * 20, now=NOW, instance="tm-2")
    assert task.decide(NOW).states["busy"] == "not_met"
    task.end("tm-2", NOW)
    assert task.decide(NOW).states["busy"] == "fired"
    with pytest.raises(dras.TaskError):
        task.end("tm-1", NOW, metric="cpuu")


def test_prometheus() -> None:
    policy = dras.Policy({"version": 1, "strategies": [{"use": "cpu"}]})
    task = dras.Task(policy, "orders", labels={"job_name": "orders"})
    queries = {query.metric: query for query in task.queries(NOW)}
    assert queries["cpu"].promql == 'flink_taskmanager_Status_JVM_CPU_Load{job_name="orders"}'
    assert queries["cpu"].path == "/api/v1/query_range" and "query=flink_taskmanager" in queries["cpu"].form
    assert queries["cpu"].end == NOW and queries["cpu"].step == 15 * SECOND
    body = payload("prom_query_range_cpu.json")
    newest = max(int(values[-1][0] * 1000) for values in (series["values"] for series in json.loads(body)["data"]["result"]))
    for form in (body, body.decode(), json.loads(body), bytearray(body), memoryview(body)):
        other = dras.Task(policy, "orders")
        report = other.read_prometheus("cpu", form, now=newest)
        assert report.series > 0 and report.accepted.stored > 0 and report.notes == ()
    query = {"version": 1, "attributes": {"job": {"type": "text"}}, "metrics": {"x": {"query": "x{job='{{job}}'}"}}}
    rule = {"name": "a", "when": "x > 1", "then": {"parallelism": "2"}}
    unlabelled = dras.Task(dras.Policy({**query, "rules": [rule]}), "t")
    with pytest.raises(dras.TaskError) as caught:
        unlabelled.queries(NOW)
    assert caught.value.code == "render"


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        (b"<html>502 Bad Gateway</html>", dras.ReadError, "not_json"),
        (b"", dras.ReadError, "empty"),
        (b"\xff\xfe", dras.ReadError, "not_utf8"),
        ('{"status": "success", "data": {"resultType": "matrix", "result": [', dras.ReadError, "truncated"),
        ("[]", dras.ReadError, "shape"),
        ({"status": "error", "errorType": "timeout", "error": "slow"}, dras.ReadError, "prometheus"),
        ({"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "x"]]}]}}, dras.ReadError, "value"),
        ({"status": float("nan")}, dras.InputError, "not_finite"),
        ({"status": object()}, dras.InputTypeError, "type"),
        ({1: 2}, dras.InputTypeError, "type"),
        (None, dras.InputTypeError, "type"),
        (5, dras.InputTypeError, "type"),
    ],
)
def test_bad_answers(task: dras.Task, body: Any, error: type[dras.DrasError], code: str) -> None:
    with pytest.raises(error) as caught:
        task.read_prometheus("cpu", body, now=NOW)
    assert caught.value.code == code
    assert task.counters.accepted == 0


def test_flink() -> None:
    policy = dras.Policy({"version": 1, "strategies": [{"use": "cpu"}, {"use": "oom"}]})
    task = dras.Task(policy, "orders")
    report = task.read_flink_metrics(payload("flink_taskmanager_metrics.json"), now=NOW, instance="tm-1")
    assert report.accepted.stored > 0
    body = json.loads(payload("flink_job_exceptions_oom_heap.json"))
    newest = max(entry["timestamp"] for entry in body["exceptionHistory"]["entries"])
    other = dras.Task(policy, "orders")
    assert other.read_flink_exceptions("exceptions", body, now=newest + MINUTE).accepted.stored > 0
    with pytest.raises(dras.ReadError) as caught:
        other.read_flink_exceptions("exceptions", payload("flink_error_unknown_job.json"), now=newest + MINUTE)
    assert caught.value.code == "flink"
    with pytest.raises(dras.ReadError):
        other.read_flink_exceptions("cpu", body, now=newest + MINUTE)
    with pytest.raises(dras.TaskError):
        other.read_flink_exceptions("exceptionss", body, now=newest + MINUTE)


def test_flink_configuration(policy: dras.Policy) -> None:
    task = dras.Task(policy, "orders")
    task.set_flink_configuration(
        {"taskmanager.memory.process.size": "4g", "taskmanager.numberOfTaskSlots": 2, "rest.port": 8081, "web.submit.enable": True}
    )
    assert task.attributes["task_manager_memory"] == 4 * 1024**3 and task.attributes["slots_per_task_manager"] == 2
    assert float(task.attributes["task_heap"]) > 1024**3
    with pytest.raises(dras.TaskError, match="Flink would refuse"):
        task.set_flink_configuration({"taskmanager.memory.process.size": "400m"})
    with pytest.raises(dras.InputTypeError):
        task.set_flink_configuration({"taskmanager.memory.process.size": None})  # type: ignore[dict-item]
    assert task.attributes["task_manager_memory"] == 4 * 1024**3


def test_looks_are_due(task: dras.Task) -> None:
    first = task.next_look(NOW)
    assert first.look in ("long", "short") and NOW < first.at <= NOW + 5 * MINUTE
    assert first.time == datetime.fromtimestamp(first.at / 1000, UTC)
    assert task.next_look(first.at).at > first.at


def test_labels(task: dras.Task) -> None:
    task.set_labels({"job": "orders"})
    for labels in ({"job": 5}, {5: "orders"}, "job", None):
        with pytest.raises(dras.InputTypeError):
            task.set_labels(labels)  # type: ignore[arg-type]
    with pytest.raises(dras.TaskError):
        task.set_labels({f"l{i}": "x" for i in range(500)})


def test_time_does_not_go_back(task: dras.Task) -> None:
    task.decide(NOW)
    with pytest.raises(dras.TaskError) as caught:
        task.decide(NOW - 1)
    assert caught.value.code == "time_went_back"
    assert task.decide(NOW + HOUR).at == NOW + HOUR
    with pytest.raises(dras.InputError):
        task.decide(NOW + HOUR, look="quick")  # type: ignore[arg-type]


def test_what_a_task_is_made_of(policy: dras.Policy) -> None:
    for arguments, error in [
        (("etl", "x"), dras.InputTypeError),
        ((policy, 5), dras.InputTypeError),
        ((policy, "x" * 100_000), dras.TaskError),
        ((policy, "\ud800"), dras.InputError),
    ]:
        with pytest.raises(error):
            dras.Task(*arguments)  # type: ignore[arg-type]
    assert dras.Task(policy, "").id == ""
