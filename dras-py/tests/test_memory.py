"""Flink's model of memory, quantities and error codes."""

from __future__ import annotations

from typing import Any

import dras
import pytest

MIB = 1024 * 1024
PRESENT = {"taskmanager.memory.process.size": "4096m"}


def test_what_flink_makes_of_a_configuration() -> None:
    memory = dras.derive_memory("task_manager", PRESENT)
    assert memory.kind == "task_manager" and memory.process == 4096 * MIB
    assert memory.flink == memory.process - memory.metaspace - memory.overhead == memory.jvm_heap + memory.jvm_direct + memory.managed
    assert memory.jvm_heap == memory.framework_heap + memory.task_heap
    assert memory.jvm_direct == memory.framework_off_heap + memory.task_off_heap + memory.network
    manager = dras.derive_memory(
        "job_manager", {"jobmanager.memory.process.size": "1600m", "jobmanager.memory.off-heap.size": "128m", "rest.port": 8081}
    )
    assert (manager.kind, manager.process, manager.task_off_heap, manager.managed) == ("job_manager", 1600 * MIB, 128 * MIB, 0)


def test_the_configuration_that_components_need() -> None:
    plan = dras.plan_memory("task_manager", PRESENT, {"metaspace": "320MiB"}, total="5GiB")
    assert plan.entries == {"taskmanager.memory.process.size": "5120m", "taskmanager.memory.jvm-metaspace.size": "320m"}
    assert plan.before == dras.derive_memory("task_manager", PRESENT) and plan.after == dras.derive_memory(
        "task_manager", {**PRESENT, **plan.entries}
    )
    assert plan.after.metaspace == 320 * MIB and hash(plan)
    same = dras.plan_memory("task_manager", PRESENT, {"task_heap": dras.derive_memory("task_manager", PRESENT).task_heap})
    assert same.entries == {} and same.after == same.before
    steps = dras.plan_memory("task_manager", PRESENT, {"task_heap": 3 * 1024 * MIB}, step=64 * MIB)
    assert steps.after.process % (64 * MIB) == 0 and steps.after.task_heap >= 3 * 1024 * MIB


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        (lambda: dras.derive_memory("task_manager", {}), dras.InputError, "memory"),
        (lambda: dras.derive_memory("task_manager", {"taskmanager.memory.process.size": "400m"}), dras.InputError, "memory"),
        (lambda: dras.derive_memory("taskmanager", PRESENT), dras.InputError, "unknown_word"),  # type: ignore[arg-type]
        (lambda: dras.derive_memory("task_manager", "4g"), dras.InputTypeError, "type"),  # type: ignore[arg-type]
        (lambda: dras.plan_memory("task_manager", PRESENT, {"heap": 5}), dras.InputError, "unknown_word"),
        (lambda: dras.plan_memory("task_manager", PRESENT, {"task_heap": "5m"}), dras.InputError, "unit"),
        (lambda: dras.plan_memory("task_manager", PRESENT, {"task_heap": -1}), dras.InputError, "number"),
        (lambda: dras.plan_memory("task_manager", PRESENT, {"task_heap": 0.5}), dras.InputError, "number"),
        (lambda: dras.plan_memory("task_manager", PRESENT, {}, step=0), dras.InputError, "memory"),
        (lambda: dras.plan_memory("job_manager", {"jobmanager.memory.process.size": "2g"}, {"managed": "1GiB"}), dras.InputError, "memory"),
    ],
)
def test_what_flink_would_refuse(call: Any, error: type[dras.DrasError], code: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code


def test_quantities() -> None:
    assert dras.parse_quantity("2GiB") == (2.0 * 1024**3, "B") and dras.parse_quantity("80%") == (0.8, "number")
    assert dras.parse_quantity("5MiB/s")[1] == "B/s"
    for text in ("", "5 apples", "5min", "-5m", "1e999"):
        with pytest.raises(dras.InputError):
            dras.parse_quantity(text)


def test_error_codes() -> None:
    codes = {code.code: code for code in dras.error_codes()}
    unknown = codes["E0201"]
    assert unknown.severity == "error" and unknown.kind == "expression" and unknown.title and unknown.explanation
    assert {code.severity for code in codes.values()} == {"error", "warning", "info"}
    for code in codes.values():
        if code.kind == "document":
            try:
                found = dras.Policy(code.example).warnings
            except dras.PolicyError as error:
                found = error.diagnostics
            assert code.code in {d.code for d in found}
