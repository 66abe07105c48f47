"""``dras explain``, ``dras functions`` and ``dras schema``."""

from __future__ import annotations

import json
from pathlib import Path

import dras
import pytest
from cli_tools import RULES, run
from conftest import REPOSITORY

STRATEGIES = [template.name for template in dras.Template.all()]


def test_an_expression() -> None:
    result = run("explain", "cpu > 80% && lag > 5m", "cpu=0.9", "lag=7m")
    assert result.exit_code == 0
    assert result.stdout == "cpu > 80% && lag > 5m → true\n  cpu = 0.9 > 80% → true\n  lag = 7m > 5m → true\n"


@pytest.mark.parametrize(
    ("expression", "values", "said"),
    [
        ("cpu", ["cpu=90%"], "0.9"),
        ("lag", ["lag:ms=412000"], "6m52s"),
        ("heap / limit", ["heap=1.5GiB", "limit=2GiB"], "0.75"),
        ("kind == 'sql'", ["kind=sql"], "true"),
        ("kind == 'sql'", ["kind:text=5"], "false"),
        ("live", ["live=true"], "true"),
        ("rate > 4/s", ["rate=5/s"], "true"),
        ("lag > 5m ?? false", ["lag:s="], "false"),
        ("x", ["x="], "undefined"),
        ("x == ''", ["x:text="], "undefined"),
        ("a.b + 1", ["a.b=2"], "3"),
        ("1 + 1", [], "2"),
    ],
)
def test_values(expression: str, values: list[str], said: str) -> None:
    result = run("explain", expression, *values)
    assert result.exit_code == 0 and said in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("expression", "values", "code"),
    [
        ("cpu >", ["cpu=1"], 1),
        ("cpuu > 1", ["cpu=1"], 1),
        ("cpu > 5m", ["cpu=1"], 1),
        ("cpu", ["cpu"], 2),
        ("cpu", ["cpu=1", "cpu=2"], 2),
        ("cpu", ["cpu:ms=fast"], 2),
        ("cpu", ["cpu:parsec=3"], 2),
        ("cpu", ["cpu:bool=3"], 2),
        ("a" * 100_000, [], 1),
    ],
)
def test_what_cannot_be_explained(expression: str, values: list[str], code: int) -> None:
    result = run("explain", expression, *values)
    assert (result.exit_code, result.stdout) == (code, "") and result.stderr


def test_an_expression_as_json() -> None:
    result = json.loads(run("explain", "--format", "json", "heap / limit", "heap=1GiB", "limit=2GiB").stdout)
    assert result["type"] == "number" and result["parts"][0] == {
        "text": "heap / limit",
        "parent": None,
        "type": "number",
        "value": 0.5,
        "undefined": None,
    }


def test_a_document() -> None:
    result = run("explain", RULES)
    assert result.exit_code == 0
    for said in (
        "recorded: decides, and gives instructions",
        "rule catch-up, urgent, priority 10",
        "  when  min(delay[10s]) > late && max(avg(busy[20s])) > 80%",
        "  for   10s without interruption",
        "  then  parallelism becomes parallelism * 2",
        "alert tell people: the heap of a TaskManager is nearly full",
        'flink_taskmanager_job_task_busyTimeMsPerSecond{job_name="JOB"}',
        "late = 3s (1s … 1h)",
        "parallelism.max  4",
        "cool_down.urgent",
    ):
        assert said in result.stdout, said


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("prefix", [None, "night"])
def test_strategies(name: str, prefix: str | None, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    use = {"use": name} | ({"as": prefix} if prefix else {})
    file.write_text(json.dumps({"version": 1, "strategies": [use]}), encoding="utf-8")
    result = run("explain", str(file))
    assert result.exit_code == 0 and "when  ?" not in result.stdout
    for rule in dras.Policy({"version": 1, "strategies": [use]}).rules:
        assert f"rule {rule.name}" in result.stdout
    if prefix:
        assert f"{name}." not in result.stdout.replace(f"strategy {name}", "")


def test_documents_of_the_repository() -> None:
    for path in (REPOSITORY / "examples" / "rules").glob("*.json"):
        assert run("explain", str(path)).exit_code == 0


def test_documents_that_cannot_be_explained(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\nrules: [{name: r, when: x > 1, then: {parallelism: '2'}}]\n", encoding="utf-8")
    result = run("explain", str(file))
    assert result.exit_code == 1 and "rules.yaml:2:25" in result.stderr and result.stdout == ""
    assert run("explain", str(file), "x=1").exit_code == 2
    assert run("explain", "--format", "json", RULES).exit_code == 2
    assert run("explain", str(tmp_path / "nope.yaml")).exit_code == 2
    file.write_text("version: 1\nassignments: []\n", encoding="utf-8")
    assert run("explain", str(file)).exit_code == 2


def test_a_document_that_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("version: 1\nname: base\nrules: [{name: up, when: uptime>5m, then: {parallelism: '4'}}]\n", encoding="utf-8")
    file = tmp_path / "orders.yaml"
    file.write_text("version: 1\nname: orders\nextends: base\n", encoding="utf-8")
    assert "when  uptime > 5m" in run("explain", "--library", str(tmp_path), str(file)).stdout
    assert run("explain", str(file)).exit_code == 1


def test_all_functions() -> None:
    result = run("functions")
    assert result.exit_code == 0
    for function in dras.functions():
        assert f"  {function.signature}" in result.stdout and f"{function.group}\n" in result.stdout
    listed = json.loads(run("functions", "--format", "json").stdout)
    assert [one["name"] for one in listed] == [function.name for function in dras.functions()]


@pytest.mark.parametrize("name", sorted({function.name for function in dras.functions()}))
def test_a_function(name: str) -> None:
    result = run("functions", name)
    function = next(one for one in dras.functions() if one.name == name)
    assert result.exit_code == 0 and result.stdout.startswith(function.signature)
    assert all(expression in result.stdout and value in result.stdout for expression, value in function.examples)
    assert json.loads(run("functions", name, "--format", "json").stdout)["name"] == name


def test_a_function_that_there_is_not() -> None:
    result = run("functions", "quantil")
    assert result.exit_code == 2 and "quantile" in result.stderr


def test_schema() -> None:
    assert json.loads(run("schema").stdout) == dras.schema()
