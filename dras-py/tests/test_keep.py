"""Keeping tasks, moving them to other documents, trying documents out, replaying recordings."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import timedelta
from typing import Any

import dras
import numpy as np
import pytest
from conftest import DOCUMENT, HOUR, MINUTE, NOW, REPOSITORY, SECOND

TIMES = [NOW - (19 - i) * 15 * SECOND for i in range(20)]
CAUTIOUS: dict[str, Any] = {**DOCUMENT, "name": "cautious", "rules": [{**DOCUMENT["rules"][0], "when": "avg(cpu[5m]) > 95%"}, *DOCUMENT["rules"][1:]]}


@pytest.fixture
def fed(task: dras.Task) -> dras.Task:
    task.column("cpu", TIMES, [90.0] * 20, now=NOW, instance="tm-1")
    task.set_labels({"job": "orders"})
    return task


def test_a_snapshot_holds_everything(fed: dras.Task, policy: dras.Policy) -> None:
    bytes_ = fed.snapshot()
    for given in (bytes_, bytearray(bytes_), memoryview(bytes_)):
        task, carried = dras.Task.restore(policy, given)
        assert not carried and task.id == "orders" and task.snapshot() == bytes_
    assert [t.decide(NOW).to_json() for t in (pickle.loads(pickle.dumps(fed)), copy.deepcopy(fed), fed)] == [task.decide(NOW).to_json()] * 3


def test_what_is_no_snapshot_is_refused(fed: dras.Task, policy: dras.Policy) -> None:
    whole = fed.snapshot()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for bad in (b"", b"x", whole[:-1], whole + b"x", bytes(changed), b"\x00" * 1000):
        with pytest.raises(dras.SnapshotError):
            dras.Task.restore(policy, bad)
    for wrong in ("text", None, 5):
        with pytest.raises(dras.InputTypeError):
            dras.Task.restore(policy, wrong)  # type: ignore[arg-type]
    with pytest.raises(dras.InputTypeError):
        dras.Task.restore("etl", whole)  # type: ignore[arg-type]


def test_a_task_moves_to_another_document(fed: dras.Task, policy: dras.Policy) -> None:
    cautious = dras.Policy(CAUTIOUS)
    difference = fed.compare(cautious, NOW)
    assert difference is not None and difference.task == "orders" and difference.at == NOW
    assert difference.live.changes == (dras.ResourceStep("parallelism", 4.0, 6.0),) and difference.other == dras.Verdict((), (), ())
    assert fed.compare(policy, NOW) is None
    carried = fed.rebind(cautious)
    assert carried.rules_begun_anew == ("busy",) and carried.attributes_dropped == () and carried and hash(carried)
    assert fed.policy == cautious and not fed.decide(NOW).changes
    other = dras.Policy({"version": 1, "rules": [{"name": "a", "when": "uptime > 5m", "then": {"parallelism": "2"}}]})
    fed.set(backlog=5)
    carried = fed.rebind(other)
    assert carried.attributes_dropped == ("backlog",) and carried.windows["metrics_dropped"]
    with pytest.raises(dras.TaskError):
        fed.row({"cpu": 1}, now=NOW)


def test_a_document_is_tried_out_beside_the_live_one(task: dras.Task, policy: dras.Policy) -> None:
    with pytest.raises(dras.InputError):
        task.promote_shadow()
    eager = dras.Policy({**DOCUMENT, "name": "eager", "rules": [{**DOCUMENT["rules"][0], "when": "avg(cpu[5m]) > 50%"}]})
    task.start_shadow(eager)
    assert task.shadow == eager and task.shadow_decision is None and task.shadow_difference is None
    task.column("cpu", TIMES, [70.0] * 20, now=NOW, instance="tm-1")
    for i in range(3):
        task.event("failures", f"{i}", now=NOW)
    task.observed("failures", now=NOW)
    decision = task.decide(NOW)
    assert decision.policy == policy and [c.to for c in decision.changes] == [5.0]
    difference = task.shadow_difference
    assert difference is not None and difference.live.alerts == ("failing",) and difference.other.alerts == ()
    assert difference.other.changes == (dras.ResourceStep("parallelism", 4.0, 5.0),)
    assert task.shadow_decision is not None and task.shadow_decision.policy == eager
    task.promote_shadow()
    assert task.policy == eager and task.shadow is None and task.decide(NOW).states == {"busy": "fired"}
    task.start_shadow(policy)
    task.stop_shadow()
    assert task.shadow is None


def test_a_shadow_without_a_metric_is_fed_the_others(task: dras.Task) -> None:
    task.start_shadow(dras.Policy({"version": 1, "rules": [{"name": "a", "when": "parallelism > 2", "then": {"parallelism": "2"}}]}))
    assert task.row({"cpu": 93}, now=NOW, instance="tm-1").stored == 1
    assert task.column("cpu", TIMES, [90.0] * 20, now=NOW, instance="tm-1").stored > 0
    task.end("tm-1", NOW, metric="cpu")
    assert task.decide(NOW).states["busy"] != "fired"
    assert task.shadow_difference is not None


def test_a_fleet_is_kept(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, ["orders", "bills", "mails"])
    fleet.set("parallelism", dict.fromkeys(fleet, 4))
    fleet.set("task_managers", dict.fromkeys(fleet, 1))
    handles = np.array([fleet.series(id, "cpu", "tm-1") for id in fleet])
    for t in TIMES:
        fleet.ingest(handles, t, [90.0, 50.0, 95.0], now=t)
    kept = fleet.snapshots()
    assert list(kept) == ["orders", "bills", "mails"] and kept["bills"] == fleet["bills"].snapshot()
    decided = [d.to_json() for d in fleet.decide(NOW, keep="all")]
    for given in (kept, list(kept.values()), (bytearray(one) for one in kept.values())):
        again, left = dras.Fleet.restore(policy, given)
        assert left == {} and again.ids == fleet.ids and again.policy == policy
        assert [d.to_json() for d in again.decide(NOW, keep="all")] == decided
    handle = again.series("orders", "cpu", "tm-1")
    assert again.ingest([handle], NOW + SECOND, [90.0], now=NOW + SECOND).accepted.stored == 1
    # Under another document, and what it does not know.
    fleet["bills"].set(backlog=5)
    other, left = dras.Fleet.restore(dras.Policy({"version": 1, "strategies": [{"use": "cpu"}]}), fleet.snapshots())
    assert left["bills"].attributes_dropped == ("backlog",) and other.policy.name != "etl"
    whole = kept["orders"]
    refused: list[tuple[Any, str | None]] = [
        ({**kept, "orders": whole[:-1]}, None),
        ({**kept, "orders": kept["bills"]}, "task"),
        ({"orders": b""}, None),
        ([whole, whole], "duplicate_task"),
    ]
    for bad, code in refused:
        with pytest.raises((dras.SnapshotError, dras.InputError)) as caught:
            dras.Fleet.restore(policy, bad)
        assert code is None or caught.value.code == code
        assert '"orders"' in str(caught.value)


def test_fleets_are_pickled(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, ["orders", "bills"])
    fleet.set("parallelism", dict.fromkeys(fleet, 4))
    fleet.set("backlog", dict.fromkeys(fleet, 5000))
    fleet["bills"].rebind(dras.Policy(CAUTIOUS))
    pickled = pickle.dumps(fleet)
    assert pickled.count(b'"name":"etl"') == 1, "the document is in it once, and not with every task"
    copied = copy.deepcopy(fleet)
    decided = [d.to_json() for d in fleet.decide(NOW)]
    for again in (pickle.loads(pickled), copied):
        assert again.ids == ("orders", "bills") and [again[id].policy.name for id in again] == ["etl", "cautious"]
        assert [d.to_json() for d in again.decide(NOW)] == decided


def test_a_task_is_added_to_a_fleet(fed: dras.Task, policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy)
    restored, _ = dras.Task.restore(policy, fed.snapshot())
    added = fleet.add(restored, attributes={"backlog": 5000})
    assert restored.attributes["backlog"] == 5000 == added.attributes["backlog"], "the task itself, not a copy"
    assert fleet.ids == ("orders",) and fleet.decide(NOW)["orders"].changes[0].to == 8
    with pytest.raises(dras.InputError):
        fleet.add(fed)


def test_a_fleet_moves_to_another_document(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, ["orders", "bills"])
    fleet.set("parallelism", dict.fromkeys(fleet, 4))
    fleet.set("task_managers", dict.fromkeys(fleet, 1))
    handles = np.array([fleet.series(id, "cpu", "tm-1") for id in fleet])
    for i, t in enumerate(TIMES):
        fleet.ingest(handles, t, [90.0, 50.0], now=t)
        assert i >= 0
    cautious = dras.Policy(CAUTIOUS)
    assert [d.task for d in fleet.compare(cautious, NOW)] == ["orders"]
    fleet.start_shadow(cautious)
    decisions = fleet.decide(NOW)
    assert [d.task for d in decisions.differences] == ["orders"] and fleet["orders"].shadow == cautious
    fleet.stop_shadow()
    assert fleet.decide(NOW).differences == ()
    with pytest.raises(dras.TaskError):
        fleet.replace(cautious, NOW - HOUR)
    assert fleet.policy == policy
    replaced = fleet.replace(cautious, NOW)
    assert [d.task for d in replaced.differences] == ["orders"] and replaced.carried["bills"].rules_begun_anew == ("busy",)
    assert fleet.policy == cautious == fleet["orders"].policy == fleet.add("more").policy
    assert fleet.ingest(handles, NOW + SECOND, [99.0, 50.0], now=NOW + SECOND).accepted.stored == 2, "handles stay"
    # One task alone under another document.
    fleet["bills"].rebind(dras.Policy({"version": 1, "metrics": {"x": {}}, "rules": [{"name": "a", "when": "x > 1", "then": {"parallelism": "2"}}]}))
    report = fleet.ingest(handles, NOW + 2 * SECOND, [99.0, 50.0], now=NOW + 2 * SECOND)
    assert report.accepted.stored == 1 and [(e.task, e.code) for e in report.errors] == [("bills", "unknown_metric")]
    assert {d.task: d.policy.name for d in fleet.decide(NOW + 3 * SECOND, keep="all")} == {"orders": "cautious", "bills": "", "more": "cautious"}


def test_documents_that_extend_each_other() -> None:
    base = {
        "version": 1,
        "name": "base",
        "params": {"late": {"value": "1m", "min": "10s"}},
        "metrics": {"delay": {"unit": "ms", "across": "max"}},
        "rules": [{"name": "up", "when": "min(delay[3m]) > late", "then": {"parallelism": "parallelism * 2"}}],
    }
    orders = {"version": 1, "name": "orders", "extends": "base", "params": {"late": "30s"}}
    library = dras.Library()
    assert library.add(orders) == "orders" and library.add(json.dumps(base)) == "base"
    assert (
        library.names == ("base", "orders") and len(library) == 2 and "base" in library and list(library) == ["base", "orders"] and 5 not in library
    )
    assert library.parents("orders") == ("base",) and library.dependents("base") == ("orders",)
    assert library.resolve("orders")["params"]["late"]["value"] == "30s"
    policy = library.policy("orders")
    assert policy.rules[0].name == "up" and pickle.loads(pickle.dumps(policy)) == policy
    assert any(s.path == "params.late.value" and s.document == "orders" for s in library.origins("orders"))
    with pytest.raises(dras.PolicyError) as caught:
        library.replace({**orders, "params": {"late": "5s"}})
    assert caught.value.code == "E0612"
    assert library.resolve("orders")["params"]["late"]["value"] == "30s"
    assert library.replace({**base, "doc": "other"}) == ("base", "orders")
    for call in (lambda: library.add(base), lambda: library.remove("base"), lambda: library.policy("none"), lambda: library.add({"version": 1})):
        with pytest.raises(dras.PolicyError):
            call()
    with pytest.raises(dras.PolicyError):
        dras.Policy(orders)
    library.remove("orders")
    assert repr(library) == "<Library of base>" and repr(dras.Library()) == "<Library of nothing>"
    for bad in (5, [5]):
        with pytest.raises(dras.InputTypeError):
            dras.Library(bad)  # type: ignore[arg-type]


def test_assignments() -> None:
    assigner = dras.Assigner(
        {
            "version": 1,
            "attributes": {"team": {"type": "text"}, "quota": {"type": "number", "unit": "GiB"}},
            "assignments": [{"when": "quota > 64GiB", "document": "large"}, {"when": "team == 'orders' && uptime > 5m", "document": "orders"}],
            "default": "etl",
        }
    )
    assert set(assigner.documents) == {"large", "orders", "etl"} and not assigner.warnings
    assigned = assigner.assign({"team": "orders", "uptime": timedelta(minutes=6), "unknown": 5, "note": "x"})
    assert assigned.document == "orders" and assigned.index == 1 and len(assigned.why) == 2 and "quota" in assigned.undefined[0]
    assert assigner.assign({"quota": "128GiB"}).document == assigner.assign({"quota": 128}).document == "large"
    assert assigner.assign({"team": None}).document == "etl" and str(assigner.assign({})).startswith("document `etl`: the default")
    library = dras.Library([{"version": 1, "name": "etl"}])
    assert {d.path for d in assigner.check(library)} == {"assignments[0].document", "assignments[1].document"}
    with pytest.raises(dras.TaskError):
        assigner.assign({"team": True})
    with pytest.raises(dras.InputTypeError):
        assigner.check("library")  # type: ignore[arg-type]
    with pytest.raises(dras.PolicyError):
        dras.Assigner({"version": 1, "assignments": [{"when": "teem == 'x'", "document": "a"}]})


def test_lint_and_schema() -> None:
    rules = [
        {"name": "up", "when": "load > 60%", "then": {"parallelism": "scale_to(parallelism, load, 45%)"}},
        {"name": "down", "when": "load < 50%", "then": {"parallelism": "parallelism - 1"}},
    ]
    policy = dras.Policy(
        {
            "version": 1,
            "metrics": {"busy": {"unit": "ms/s", "per": "subtask", "range": [0, 1]}},
            "define": {"load": "avg(avg(busy[5m]))"},
            "rules": rules,
        }
    )
    found = policy.lint()
    assert [d.code for d in found] == ["W0205", "W0207"] and {d.severity for d in found} == {"warning"}
    assert "W0206" in [d.code for d in policy.lint(retention="2m")] and "W0206" not in [d.code for d in policy.lint(retention=timedelta(hours=1))]
    with pytest.raises(dras.InputError):
        policy.lint(retention=-1)
    path = REPOSITORY / "dras-core" / "schema" / "document.schema.json"
    assert dras.schema() == json.loads(path.read_text(encoding="utf-8"))


def recording() -> dras.Recording:
    made = dras.Recording("orders", labels={"job": "orders"})
    times = np.arange(NOW, NOW + 2 * HOUR, 15 * SECOND)
    made.series("cpu", times, np.where(times < NOW + HOUR, 40.0, 95.0), instance="tm-1")
    made.attribute("parallelism", 4, NOW)
    made.attribute("task_managers", 1, NOW)
    made.attribute("critical", True, NOW)
    made.mark("restart", NOW)
    for i in range(4):
        made.event("failures", f"failure {i}", NOW + 90 * MINUTE + i)
    return made


def test_a_replay_shows_what_would_have_been_decided(policy: dras.Policy) -> None:
    recorded = recording()
    assert recorded.task == "orders" and recorded.span == (NOW, NOW + 2 * HOUR - 15 * SECOND) and repr(recorded) == '<Recording of "orders">'
    replay = dras.replay(policy, recorded, follow="1m")
    assert replay.summary.applied >= 1 and replay.summary.fired["busy"] >= 1 and replay.summary.restarts_per_day is not None and hash(replay.summary)
    first = replay.decisions[0]
    assert first.at >= NOW + HOUR and first.changes[0].to > 4 and len(replay) == len(list(replay))
    assert any(d.alerts for d in replay)
    everything = dras.replay(policy, recorded, keep="all")
    assert len(everything) == everything.summary.looks > len(replay) and everything.summary.applied == 0
    assert [d.to_json() for d in dras.replay(policy, recorded, keep="all")] == [d.to_json() for d in everything]
    part = dras.replay(policy, recorded, start=NOW + HOUR, end=NOW + HOUR + 30 * MINUTE, keep="all")
    assert all(NOW + HOUR < d.at <= NOW + HOUR + 30 * MINUTE for d in part) and "looks" in repr(part)


def test_bad_replays(policy: dras.Policy) -> None:
    for made, code in [(dras.Recording("empty"), "empty_recording"), (recording(), "no_metric")]:
        with pytest.raises(dras.TaskError) as caught:
            dras.replay(dras.Policy({"version": 1}) if code == "no_metric" else policy, made)
        assert caught.value.code == code
    bad = recording()
    with pytest.raises(dras.InputError):
        bad.series("cpu", [NOW], [1.0, 2.0])
    bad.attribute("critical", "yes", NOW)
    with pytest.raises(dras.TaskError):
        dras.replay(policy, bad)
    with pytest.raises(dras.InputTypeError):
        dras.replay(policy, "recording")  # type: ignore[arg-type]
    with pytest.raises(dras.InputTypeError):
        dras.replay(policy, recording(), progress=5)  # type: ignore[arg-type]


def test_progress_is_told_and_can_end_a_replay() -> None:
    policy = dras.Policy({**DOCUMENT, "timing": {"long": "1s", "short": "1s"}})
    made = dras.Recording("orders")
    times = np.arange(NOW, NOW + 24 * HOUR, 15 * SECOND)
    made.series("cpu", times, np.full(len(times), 40.0), instance="tm-1")
    seen: list[float] = []
    dras.replay(policy, made, progress=seen.append)
    assert seen == sorted(seen) and all(0 <= share <= 1 for share in seen)

    def enough(share: float) -> None:
        raise RuntimeError("enough")

    if seen:
        with pytest.raises(RuntimeError, match="enough"):
            dras.replay(policy, made, progress=enough)
