from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import dras
import pytest
from conftest import MINUTE, NOW

JOB = {
    "jid": "a" * 32,
    "name": "orders",
    "state": "RUNNING",
    "start-time": NOW,
    "schedulerType": "Adaptive",
    "vertices": [
        {"id": "1" * 32, "name": "source", "parallelism": 4, "maxParallelism": 128},
        {"id": "2" * 32, "name": "sink", "parallelism": 1, "maxParallelism": 128},
    ],
}


def instruct(rescale: str, then: dict[str, str] | None = None) -> tuple[dras.Task, dras.Instruction]:
    rules = [{"name": "more", "when": "true", "then": then or {"parallelism": "parallelism * 2"}}]
    policy = dras.Policy({"version": 1, "name": "etl", "mode": "active", "rescale": rescale, "rules": rules})
    task = dras.Task(policy, "orders", attributes={"parallelism": 4})
    task.set_flink_configuration({"taskmanager.memory.process.size": "2g"})
    decision = task.decide(NOW)
    assert decision.instruction is not None
    return task, decision.instruction


def test_an_instruction_is_plain_data() -> None:
    task, instruction = instruct("in_place")
    assert instruction.task == "orders" and instruction.at == NOW and instruction.policy == "etl" and instruction.restart == "in_place"
    assert (
        instruction.parallelism == dras.ParallelismStep(4, 8) and instruction.task_manager_memory is None and instruction.job_manager_memory is None
    )
    assert instruction.reasons == ("more",) and len(instruction.key) == 16 and instruction.fingerprint == task.policy.fingerprint
    assert instruction.time is not None and instruction.time.year == 2027
    assert str(instruction).startswith("orders: parallelism 4 → 8, rescale in place") and str(instruction) in repr(instruction)
    for again in (
        dras.Instruction.from_dict(instruction.to_dict()),
        dras.Instruction.from_dict(instruction.to_json()),
        dras.Instruction.from_dict(instruction.to_json().encode()),
        pickle.loads(pickle.dumps(instruction)),
    ):
        assert again == instruction and hash(again) == hash(instruction)
    assert json.loads(instruction.to_json()) == instruction.to_dict()
    assert task.decide(NOW + MINUTE).instruction is not None
    assert task.decide(NOW + MINUTE).instruction.key == instruction.key  # type: ignore[union-attr]


@pytest.mark.parametrize("data", [{}, {"key": 5}, "{", "[]", b"\xff", {"key": "x", "surprise": 1}])
def test_what_is_no_instruction_is_refused(data: Any) -> None:
    with pytest.raises(dras.InputError):
        dras.Instruction.from_dict(data)


def test_in_place() -> None:
    _, instruction = instruct("in_place")
    requirements = instruction.resource_requirements(JOB)
    bounds = {"lowerBound": 1, "upperBound": 8}
    assert requirements.body["1" * 32] == {"parallelism": bounds}
    assert requirements.call.method == "PUT" and requirements.call.path == f"/jobs/{'a' * 32}/resource-requirements"
    assert requirements.call.body == requirements.body
    assert [(v.from_, v.to, v.note) for v in requirements.vertices] == [(4, 8, None), (1, 1, "has a parallelism of its own")]
    exact = instruction.resource_requirements(json.dumps(JOB), scaling="proportional", lower_bound="exact")
    assert exact.body["2" * 32] == {"parallelism": {"lowerBound": 2, "upperBound": 2}}
    present = {vertex["id"]: {"parallelism": {"lowerBound": 1, "upperBound": vertex["parallelism"]}} for vertex in JOB["vertices"]}  # type: ignore[attr-defined]
    assert instruction.resource_requirements(JOB, present=present, lower_bound="keep").body["1" * 32] == {"parallelism": bounds}
    with pytest.raises(dras.TranslationError) as caught:
        instruction.resource_requirements({**JOB, "schedulerType": "Default"})
    assert caught.value.code == "default_scheduler"
    with pytest.raises(dras.TranslationError):
        instruction.resource_requirements(JOB, present={"3" * 32: {"parallelism": {"lowerBound": 1, "upperBound": 1}}})
    with pytest.raises(dras.ReadError):
        instruction.resource_requirements(b"<html>")
    with pytest.raises(dras.InputError):
        instruction.resource_requirements(JOB, scaling="both")  # type: ignore[arg-type]
    with pytest.raises(dras.InputTypeError):
        instruction.resource_requirements(5)  # type: ignore[arg-type]


def test_with_a_savepoint() -> None:
    _, instruction = instruct("with_savepoint", {"parallelism": "parallelism * 2", "task_manager_memory": "4GiB"})
    memory = instruction.task_manager_memory
    assert memory is not None and memory.from_ == 2 * 1024**3 and memory.to == 4 * 1024**3
    assert memory.entries == {"taskmanager.memory.process.size": "4g"} or memory.entries == {"taskmanager.memory.process.size": "4096m"}
    configuration = instruction.configuration()
    assert configuration.set["parallelism.default"] == "8" and "pipeline.jobvertex-parallelism-overrides" in configuration.remove
    assert "-Dparallelism.default=8" in configuration.args and "parallelism.default: 8\n" in configuration.flink_conf
    vertices = instruction.configuration(JOB)
    assert vertices.set["pipeline.jobvertex-parallelism-overrides"] == f"{'1' * 32}:8,{'2' * 32}:1"
    stop, wait, configure, start = instruction.restart_with_savepoint("a" * 32, target_directory="s3://x", format="native")
    assert (
        isinstance(stop, dras.StopStep)
        and stop.call.body is not None
        and stop.call.body["formatType"] == "NATIVE"
        and stop.call.body["targetDirectory"] == "s3://x"
    )
    assert (
        isinstance(wait, dras.AwaitSavepointStep) and wait.call.method == "GET" and wait.call.body is None and wait.location == "/operation/location"
    )
    assert isinstance(configure, dras.ConfigureStep) and configure.new_processes and configure.entries == configuration
    assert isinstance(start, dras.StartStep) and start.parallelism == 8
    with pytest.raises(dras.TranslationError) as caught:
        instruction.restart_with_savepoint("orders")
    assert caught.value.code == "bad_job_id"
    with pytest.raises(dras.TranslationError):
        instruction.resource_requirements(JOB)


def test_the_operator() -> None:
    _, instruction = instruct("with_savepoint")
    assert instruction.flink_deployment_patch() == {"spec": {"job": {"parallelism": 8}}}
    manifest: dict[str, Any] = {"kind": "FlinkDeployment", "spec": {"job": {"parallelism": 4, "upgradeMode": "stateless"}, "flinkConfiguration": {}}}
    with pytest.raises(dras.TranslationError) as caught:
        instruction.flink_deployment_patch(manifest)
    assert caught.value.code == "stateless"
    assert instruction.flink_deployment_patch(manifest, allow_stateless=True)["spec"]["job"] == {"parallelism": 8}
    manifests: list[dict[str, Any]] = [{"kind": "Deployment"}, {"spec": {}}]
    for bad in manifests:
        with pytest.raises(dras.TranslationError):
            instruction.flink_deployment_patch(bad)
    with pytest.raises(dras.InputError):
        instruction.flink_deployment_patch(manifest, autoscaler="fight")  # type: ignore[arg-type]


def test_reports() -> None:
    task, instruction = instruct("in_place")
    assert task.history.pending == instruction.key and task.history.generation == 0
    task.applied(instruction, now=NOW + MINUTE)
    task.applied(instruction.key, now=NOW + MINUTE)
    history = task.history
    assert history.generation == 1 and history.pending is None and task.attributes["parallelism"] == 8
    assert [record.kind for record in history.records] == ["instructed", "applied"]
    assert history.records[-1].steps == (dras.ResourceStep("parallelism", 4.0, 8.0),) and history.records[-1].rules == ("more",)
    assert history.data["generation"] == 1 and hash(history)
    reports: list[tuple[Callable[[], object], str]] = [
        (lambda: task.applied("0" * 16, now=NOW + MINUTE), "never_given"),
        (lambda: task.failed(instruction, "too late", now=NOW + MINUTE), "contradicts"),
        (lambda: task.applied(None, now=NOW + MINUTE), "no_instruction"),  # type: ignore[arg-type]
    ]
    for report, code in reports:
        with pytest.raises(dras.DrasError) as caught:
            report()
        assert caught.value.code == code
    with pytest.raises(dras.InputTypeError):
        task.applied(5, now=NOW)  # type: ignore[arg-type]
    other, second = instruct("in_place")
    other.failed(second, "savepoint timed out", now=NOW + MINUTE)
    assert other.history.records[-1].kind == "failed" and other.history.records[-1].reason == "savepoint timed out"
    third = other.decide(NOW + 30 * MINUTE).instruction
    assert third is not None and third.key != second.key
