from __future__ import annotations

import copy
import json
import pickle
from datetime import timedelta
from typing import Any

import dras
import pytest
from conftest import DOCUMENT


def test_a_policy_says_what_is_in_it(policy: dras.Policy) -> None:
    assert policy.name == "etl"
    assert policy.mode == "active"
    assert [rule.name for rule in policy.rules] == ["busy", "late", "behind", "failing"]
    assert policy.rules[0].doc == "too much to do"
    assert policy.rules[3].urgent and policy.rules[3].alert == "it fails"
    assert [(m.name, m.unit, m.kind, m.per) for m in policy.metrics] == [
        ("cpu", "percent", "gauge", "task_manager"),
        ("delay", "ms", "gauge", "task"),
        ("failures", "number", "event", "task"),
    ]
    attributes = {a.name: a for a in policy.attributes}
    assert attributes["budget"].type == "s" and attributes["critical"].type == "bool" and attributes["task_heap"].derived
    assert policy.limits == {"parallelism": {"min": 1, "max": 16}}
    assert policy.bytes_per_task(4) > policy.bytes_per_task(1) > 0
    assert policy.document == DOCUMENT
    assert "guards" in dir(policy) and isinstance(policy.guards, dict)


def test_dict_and_texts_are_the_same_document(policy: dras.Policy) -> None:
    text = json.dumps(DOCUMENT, indent=3)
    for document in (text, text.encode(), bytearray(text.encode()), memoryview(text.encode()), json.loads(text)):
        other = dras.Policy(document)
        assert other == policy and hash(other) == hash(policy) and other.fingerprint == policy.fingerprint
    assert policy != dras.Policy({**DOCUMENT, "name": "other"})
    assert policy != "etl"


def test_durations_in_a_dict_may_be_timedeltas() -> None:
    rule = {"name": "up", "when": "uptime > 5m", "for": timedelta(minutes=3), "then": {"parallelism": "2"}}
    document: dict[str, Any] = {"version": 1, "rules": [rule]}
    assert dras.Policy(document).rules[0].hold == timedelta(minutes=3)
    assert dras.Policy(document).document["rules"][0]["for"] == "3m"


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_policies_are_pickled_and_copied(policy: dras.Policy, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(policy, protocol)) == policy
    assert copy.copy(policy) is policy
    assert copy.deepcopy({"a": policy})["a"] is policy


def test_a_refused_document_says_everything_at_once() -> None:
    with pytest.raises(dras.PolicyError) as caught:
        dras.Policy({"version": 1, "ruels": [], "rules": [{"name": "up", "when": "uptimee > 5m", "then": {"parallelism": "2"}}]})
    error = caught.value
    assert [d.code for d in error.diagnostics] == ["E0602", "E0201"]
    assert error.code == "E0602"
    assert isinstance(error, ValueError)
    second = error.diagnostics[1]
    assert second.path == "rules[0].when" and second.help == "did you mean `uptime`?" and second.severity == "error"
    assert second.source is not None and second.span is not None and second.source[slice(*second.span)] == "uptimee"
    assert str(second) in str(error) and "^^^^^^^" in str(error)
    assert error.diagnostics.errors == error.diagnostics and not error.diagnostics.warnings
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is dras.PolicyError and again.diagnostics == error.diagnostics and str(again) == str(error)


def test_spans_count_characters_not_bytes() -> None:
    with pytest.raises(dras.PolicyError) as caught:
        dras.Policy({"version": 1, "rules": [{"name": "up", "when": "'é😀' == 'é' && uptimee > 5m", "then": {"parallelism": "2"}}]})
    found = next(d for d in caught.value.diagnostics if d.code == "E0201")
    assert found.source is not None and found.span is not None
    assert found.source[found.span[0] : found.span[1]] == "uptimee"
    assert found.column == found.span[0] + 1


def test_warnings_do_not_refuse() -> None:
    policy = dras.Policy({"version": 1, "params": {"spare": 2}, "strategies": [{"use": "cpu"}]})
    [warning] = policy.warnings
    assert warning.severity == "warning" and warning.message == "the parameter `spare` is not used"
    assert policy.warnings.warnings == policy.warnings


def test_diagnostics_and_policies_show_themselves_in_notebooks(policy: dras.Policy) -> None:
    with pytest.raises(dras.PolicyError) as caught:
        dras.Policy({"version": 1, "rules": [{"name": "<b>", "when": "1 <", "then": {}}]})
    html = caught.value.diagnostics._repr_html_()
    assert "<b>" not in html and "<pre" in html
    assert caught.value._repr_html_() == html
    assert "nothing to report" in dras.Diagnostics()._repr_html_()
    assert "too much to do" in policy._repr_html_() and "urgent" in policy._repr_html_()
    assert repr(policy) == '<Policy "etl": 4 rules (busy, late, behind, failing)>'


def test_parameters_say_where_they_come_from() -> None:
    policy = dras.Policy({"version": 1, "strategies": [{"use": "cpu", "params": {"high": "75%"}}]})
    high = {p.name: p for p in policy.parameters}["cpu.high"]
    assert (high.value, high.default, high.range, high.origin) == ("75%", "80%", "10% … 100%", "strategies[0].params.high")
    assert high.doc and str(high).startswith("cpu.high = 75%")
    assert not any(metric.recorded for metric in policy.metrics)


def test_templates() -> None:
    names = [template.name for template in dras.Template.all()]
    assert "cpu" in names
    for name in names:
        template = dras.Template(name)
        assert template.doc and template == dras.Template(name) and hash(template) == hash(dras.Template(name))
        assert pickle.loads(pickle.dumps(template)) == template
        # What is printed works as it stands.
        assert dras.Policy(template.document) == dras.Policy(template.to_json())
        assert json.loads(template.to_json()) == template.document
    high = dras.Template("cpu").params["high"]
    assert high["value"] == "80%" and high["doc"]
    with pytest.raises(dras.InputError, match="there is no template called"):
        dras.Template("cpuu")
