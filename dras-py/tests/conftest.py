"""What the tests share. They test the package as it is installed, never the sources beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dras
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = 1_800_000_000_000
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "name": "etl",
    "mode": "active",
    "metrics": {
        "cpu": {"unit": "percent", "per": "task_manager", "range": [0, 1], "instance_label": "tm", "flink": "Status.JVM.CPU.Load"},
        "delay": {"unit": "ms", "across": "max"},
        "failures": {"kind": "event", "across": "sum"},
    },
    "attributes": {"backlog": {"type": "number"}, "budget": {"type": "number", "unit": "ms"}, "critical": {"type": "bool"}},
    "rules": [
        {"name": "busy", "doc": "too much to do", "when": "avg(cpu[5m]) > 80%", "then": {"parallelism": "scale_to(parallelism, avg(cpu[5m]), 60%)"}},
        {"name": "late", "when": "backlog > 1000", "then": {"parallelism": "parallelism * 2"}},
        {"name": "behind", "when": "min(delay[3m]) > 1h", "alert": "an hour late"},
        {"name": "failing", "when": "count(failures[10m]) > 2", "urgent": True, "alert": "it fails", "then": {"parallelism": "parallelism + 1"}},
    ],
    "limits": {"parallelism": {"min": 1, "max": 16}},
}


def pytest_configure() -> None:
    assert REPOSITORY / "dras-py" / "python" not in Path(dras.__file__).parents, "the tests are for the installed package"


@pytest.fixture
def policy() -> dras.Policy:
    return dras.Policy(DOCUMENT)


@pytest.fixture
def task(policy: dras.Policy) -> dras.Task:
    return dras.Task(policy, "orders", attributes={"parallelism": 4, "task_managers": 1})
