from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import dras
import pytest
from conftest import DOCUMENT, MINUTE, NOW, SECOND

TIMES = [NOW - (19 - i) * 15 * SECOND for i in range(20)]


@pytest.fixture
def decision(task: dras.Task) -> dras.Decision:
    task.column("cpu", TIMES, [90.0] * 20, now=NOW, instance="tm-1")
    for i in range(3):
        task.event("failures", f"failure {i}", now=NOW)
    task.observed("failures", now=NOW)
    return task.decide(NOW)


def test_a_decision_says_what_and_why(decision: dras.Decision) -> None:
    assert decision.task == "orders" and decision.at == NOW and decision.time == datetime(2027, 1, 15, 8, tzinfo=UTC) and decision.look == "long"
    assert decision.matters and decision and decision.any_fired and decision.any_undefined
    [change] = decision.changes
    assert (change.resource, change.from_, change.to, change.rules) == ("parallelism", 4.0, 6.0, ("busy",))
    assert change.urgent is False and change.notes == () and change.wanted == 6.0
    assert decision.states == {"busy": "fired", "late": "undefined", "behind": "undefined", "failing": "fired"}
    busy, late, _, failing = decision.rules
    assert busy.outcome == "fired" and busy.since == NOW and busy.path == "rules[0]" and busy.explanation == ("avg(cpu[5m]) = 0.9 > 80% → true",)
    assert busy.proposals[0].target == 6.0 and busy.proposals[0].fate == "taken" and busy.proposals[0].explanation
    assert failing.proposals[0].fate == "beaten" and failing.proposals[0].by == "busy"
    assert late.undefined is not None and late.outcome.startswith("insufficient data") and late.parts[0].value is None
    assert [(a.kind, a.rule, a.text) for a in decision.alerts] == [("rule", "failing", "it fails")]
    assert decision.external == () and decision.memory == () and decision.held == ()
    seen = {i.text: i for i in decision.inputs}
    assert seen["avg(cpu[5m])"].value == 0.9 and seen["avg(cpu[5m])"].shown == "0.9" and seen["backlog"].undefined is not None
    assert str(decision) == decision.explain()
    assert str(decision).startswith("orders at 2027-01-15T08:00:00Z: parallelism 4 → 6\n")
    assert repr(decision) == "<Decision orders at 2027-01-15T08:00:00Z: parallelism 4 → 6, 1 alerts>"
    assert decision.policy == dras.Policy(DOCUMENT)


def test_data_and_json_are_the_same(decision: dras.Decision) -> None:
    data = decision.to_dict()
    assert json.loads(decision.to_json()) == data
    assert list(data) == list(json.loads(decision.to_json())), "in the same order"
    data["changes"].clear()
    assert decision.to_dict()["changes"], "a dict is the caller's own"


def test_every_field_of_the_data_is_an_attribute(decision: dras.Decision) -> None:
    for name, value in decision.to_dict().items():
        if name not in ("mode", "fingerprint"):
            assert hasattr(decision, name), name
        if isinstance(value, list) and value:
            objects = getattr(decision, name)
            assert len(objects) == len(value)
            fields = {f.name.rstrip("_") for f in dataclasses.fields(objects[0])}
            assert set(value[0]) <= fields | ({"change"} if name == "held" else set())


def test_guards_hold(policy: dras.Policy) -> None:
    task = dras.Task(policy, "orders", attributes={"parallelism": 4, "backlog": 5000})
    first = task.decide(NOW)
    assert first.instruction is not None
    task.applied(first.instruction, now=NOW + MINUTE)
    decision = task.decide(NOW + 2 * MINUTE)
    [held] = decision.held
    assert held.change.resource == "parallelism" and held.change.from_ == 8 and held.change.to == 16
    assert held.by[-1] == dras.Hold("cool_down", timedelta(minutes=4))
    assert decision.changes == () and decision.instruction is None and decision.matters
    assert {guard.guard for guard in decision.guards} >= {"cool_down", "missing_data"}
    missing = next(g for g in decision.guards if g.guard == "missing_data")
    assert missing.holds[0].direction == "down" and missing.holds[0].left is None
    html = decision._repr_html_()
    for text in ("cool_down", "8 → 16", "⇒ parallelism 16: held by cool_down", "backlog", "insufficient data", "<table>"):
        assert text in html


def test_somebody_else_changes(policy: dras.Policy) -> None:
    task = dras.Task(policy, "orders", attributes={"parallelism": 4})
    task.decide(NOW)
    task.set(parallelism=5)
    decision = task.decide(NOW + MINUTE)
    [step] = decision.external
    assert step == dras.ResourceStep("parallelism", 4.0, 5.0)
    assert task.history.records[-1].kind == "external"
    assert "somebody else changed parallelism 4 → 5" in decision._repr_html_()
    assert "somebody else" not in task.decide(NOW + 2 * MINUTE)._repr_html_()


def test_memory_of_processes() -> None:
    policy = dras.Policy({"version": 1, "rules": [{"name": "heap", "when": "true", "then": {"task_heap": "task_heap * 1.5"}}]})
    task = dras.Task(policy, "orders")
    task.set_flink_configuration({"taskmanager.memory.process.size": "2g"})
    [memory] = task.decide(NOW).memory
    assert memory.process == "task_manager" and memory.from_ == 2 * 1024**3 and memory.to > memory.from_
    assert set(memory.entries) == {"taskmanager.memory.process.size"}
    html = task.decide(NOW + 1)._repr_html_()
    for text in ("⇒ task_heap 832MiB: taken", "task manager: 2GiB → 2.688GiB, with <code>taskmanager.memory.process.size: 2752m</code>"):
        assert text in html, "memory as people write it"


def test_notebooks(decision: dras.Decision) -> None:
    html = decision._repr_html_()
    for text in ("busy", "avg(cpu[5m]) = 0.9 &gt; 80% → true", "it fails", "undefined: ", "⇒ orders: parallelism 4 → 6"):
        assert text in html
    assert html.count("<table>") == html.count("</table>") >= 2


def test_names_of_authors_are_escaped() -> None:
    rule = {"name": "x", "when": "note == '<script>alert(1)</script>'", "then": {"parallelism": "2"}, "alert": "<b>"}
    policy = dras.Policy({"version": 1, "attributes": {"note": {"type": "text"}}, "rules": [rule]})
    task = dras.Task(policy, "<i>", attributes={"note": "<script>alert(1)</script>", "parallelism": 1})
    html = task.decide(NOW)._repr_html_()
    assert "<script" not in html and "<i>" not in html and "<b><" not in html


def test_a_quiet_decision(task: dras.Task) -> None:
    task.set(backlog=1)
    decision = task.decide(NOW)
    assert not decision and not decision.matters and not decision.changes and decision.instruction is None


def test_decisions_are_equal_where_all_of_them_is(policy: dras.Policy) -> None:
    def decide(cpu: float) -> dras.Decision:
        task = dras.Task(policy, "orders", attributes={"parallelism": 4, "task_managers": 1})
        task.column("cpu", TIMES, [cpu] * 20, now=NOW, instance="tm-1")
        return task.decide(NOW)

    assert decide(90) == decide(90) and hash(decide(90)) == hash(decide(90)) and decide(90) != decide(91) and decide(90) != "x"
    one = decide(90)
    assert copy.copy(one) is one and copy.deepcopy([one])[0] is one
    with pytest.raises(dras.InputTypeError, match="to_dict"):
        pickle.dumps(one)
    json.dumps(one.to_dict())


def test_plain_data_is_frozen_and_can_be_pickled(decision: dras.Decision) -> None:
    everything: list[Any] = [*decision.changes, *decision.rules, *decision.inputs, *decision.guards, *decision.alerts]
    for one in everything:
        assert pickle.loads(pickle.dumps(one)) == one
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, dataclasses.fields(one)[0].name, None)
