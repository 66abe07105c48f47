"""The cases that all languages run: what comes out is the same, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dras
import pytest
from conftest import REPOSITORY

CASES = REPOSITORY / "dras-core" / "tests" / "cases"


class Run:
    def __init__(self, case: dict[str, Any]) -> None:
        given = case["task"]
        self.task = dras.Task(dras.Policy(case["document"]), given["id"], labels=given.get("labels"))
        self.instruction: dras.Instruction | None = None
        self.task.set_flink_configuration(given.get("flink_configuration", {}))
        self.task.set(given.get("attributes", {}))

    def step(self, name: str, given: Any, now: int) -> str | None:
        task = self.task
        more = {key: given[key] for key in ("instance", "at") if isinstance(given, dict) and key in given}
        match name:
            case "set":
                task.set(given)
            case "flink_configuration":
                task.set_flink_configuration(given)
            case "row":
                return accepted(task.row(given["values"], now=now, **more))
            case "column":
                values = [float(v) for v in given["values"]] * given.get("repeat", 1)
                times = [given["start"] + i * given["step"] for i in range(len(values))]
                taken = task.column(given["metric"], times, values, now=now, **more)
                return accepted(taken) if taken.stored < len(values) else None
            case "event":
                return accepted(task.event(given["metric"], given["message"], now=now, **more))
            case "observed":
                task.observed(given["metric"], now=now, until=given.get("until"))
            case "mark":
                task.mark(given, now)
            case "read_prometheus":
                return accepted(task.read_prometheus(given["metric"], given["body"], now=now).accepted)
            case "read_flink_metrics":
                report = task.read_flink_metrics(given["body"], now=now, **more)
                return f"{accepted(report.accepted)}, notes {compact(list(report.notes))}"
            case "read_flink_exceptions":
                return accepted(task.read_flink_exceptions(given["metric"], given["body"], now=now, **more).accepted)
            case "queries":
                return "\n".join(f"{q.metric} {q.form}" for q in task.queries(now, look=given))
            case "next_look":
                next_look = task.next_look(given)
                return f"{next_look.look} {next_look.at}"
            case "counters":
                counters = task.counters
                return compact({field: getattr(counters, field) for field in counters.__slots__})
            case "applied":
                task.applied(given.get("key") or self.given(), now=now, at=given.get("at"))
            case "failed":
                task.failed(given.get("key") or self.given(), given["reason"], now=now, at=given.get("at"))
            case "decide":
                decision = task.decide(now, look=given)
                self.instruction = decision.instruction or self.instruction
                assert json.loads(decision.to_json()) == decision.to_dict()
                return f"{decision.to_json()}\n{decision}"
            case "configuration":
                entries = self.given().configuration()
                return compact({"set": entries.set, "remove": sorted(entries.remove)})
            case "restart_with_savepoint":
                steps = self.given().restart_with_savepoint(given["job_id"], target_directory=given.get("target_directory"))
                return compact([plain(step) for step in steps])
            case "resource_requirements":
                return compact(self.given().resource_requirements(given["job"], lower_bound=given.get("lower_bound")).body)
            case "flink_deployment_patch":
                return compact(self.given().flink_deployment_patch(given.get("deployment")))
            case other:
                raise AssertionError(f"there is no step {other!r}")
        return None

    def given(self) -> dras.Instruction:
        assert self.instruction is not None
        return self.instruction


def accepted(a: dras.Accepted) -> str:
    return f"stored {a.stored}, ignored {a.ignored}, resolved {a.resolved}, refused {a.refused}, unused {a.unused}"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def call(c: dras.RestCall) -> dict[str, Any]:
    return {"method": c.method, "path": c.path} | ({} if c.body is None else {"body": c.body})


def plain(step: dras.RestartStep) -> dict[str, Any]:
    match step:
        case dras.StopStep():
            return {"step": "stop", "call": call(step.call)}
        case dras.AwaitSavepointStep():
            found = {"status": step.status, "location": step.location, "failure": step.failure}
            return {"step": "await_savepoint", "call": call(step.call), **found}
        case dras.ConfigureStep():
            entries = {"set": step.entries.set, "remove": sorted(step.entries.remove)}
            return {"step": "configure", "entries": entries, "new_processes": step.new_processes}
        case dras.StartStep():
            start = {"step": "start", "savepoint_key": step.savepoint_key, "savepoint_field": step.savepoint_field}
            return start if step.parallelism is None else {**start, "parallelism": step.parallelism}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    run = Run(case)
    found = []
    for number, step in enumerate(case["steps"]):
        [name] = step.keys() - {"now", "at"}
        now = step.get("now", step.get("at", 0))
        try:
            said = run.step(name, step[name], now)
        except dras.DrasError as error:
            said = f"error {error.code}: {error}"
        if said is not None:
            found.append(f"{number} {name}: " + said.replace("\n", "\n    ") + "\n")
    assert "".join(found) == path.with_suffix(".expected").read_text(encoding="utf-8")


def test_there_are_cases() -> None:
    assert len(list(CASES.glob("*.json"))) >= 15
