"""``dras check``: findings with their places in files, exit codes, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import dras
import pytest
from cli_tools import RULES, run, script
from conftest import REPOSITORY
from dras.cli._check import examine
from dras.cli._files import TextFile
from dras.cli._findings import Finding

YAML = """\
# rules of our jobs
version: 1
metrics:
  cpu: {unit: percent, range: [0, 1]}   # each TaskManager
rules:
  - name: busy
    when: >-
      avg(cpu[5m]) > 80%
        && missing > 1
    then: {parallelism: "parallelism +"}
    urgent: yes
limits:
  parallelism: {min: 4, max: 2}
"""
TOML = """\
version = 1
[metrics.cpu]
unit = "percent" # each TaskManager
[[rules]]
name = "busy"
when = '''
avg(cpu[5m]) > 80%
  && missing > 1'''
urgent = "yes"
[rules.then]
parallelism = "parallelism +"
[limits]
parallelism = {min = 4, max = 2}
"""
JSON = """\
{
  "version": 1,
  "metrics": {"cpu": {"unit": "percent"}},
  "rules": [{
    "name": "busy",
    "when": "avg(cpu[5m]) > 80%\\n && missing > 1",
    "then": {"parallelism": "parallelism +"},
    "urgent": "yes"
  }],
  "limits": {"parallelism": {"min": 4, "max": 2}}
}
"""


def found(text: str, format: str) -> list[Finding]:
    return examine([TextFile(f"rules.{format}", text, format, False)], [], None)


def places(text: str, format: str) -> list[tuple[str, str]]:
    """Each finding's code with the text that it marks."""
    return [(one.code, text[slice(*one.span)] if one.span else "") for one in found(text, format)]


@pytest.mark.parametrize(("text", "format"), [(YAML, "yaml"), (TOML, "toml"), (JSON, "json")])
def test_the_same_document_in_every_format(text: str, format: str) -> None:
    marked = {("E0201", "missing"), ("E0101", "+"), ("E0604", {"yaml": "yes"}.get(format, '"yes"'))}
    assert marked <= set(places(text, format))
    assert {code for code, _ in places(text, format)} == {"E0201", "E0101", "E0604", "E0614"}


def test_what_it_looks_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.yaml").write_text(YAML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = run("check", "rules.yaml")
    assert result.exit_code == 1 and result.stderr == "4 errors in 1 file\n"
    first, second, third, fourth, *rest = result.stdout.split("\n\n")
    assert first.splitlines()[:5] == [
        "error[E0201]: unknown name `missing`",
        " --> rules.yaml:9:12 (rules[0].when)",
        "  |",
        "9 |         && missing > 1",
        "  |            ^^^^^^^ not a metric, attribute, parameter or definition",
    ]
    assert second.splitlines()[1:5] == [
        "  --> rules.yaml:10:38 (rules[0].then.parallelism)",
        "   |",
        '10 |     then: {parallelism: "parallelism +"}',
        "   |                                      ^ expected a value after this",
    ]
    assert "YAML 1.2" in third and "write `true`" in third
    assert "rules.yaml:13:3 (limits.parallelism)" in fourth and rest == [""]


def test_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(TOML, encoding="utf-8")
    result = run("check", "--format", "json", str(file))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1 and result.stderr == ""
    assert lines[0] == {
        "file": str(file), "line": 8, "column": 6, "end_line": 8, "end_column": 13, "path": "rules[0].when", "code": "E0201", "severity": "error",
        "message": "unknown name `missing`", "label": "not a metric, attribute, parameter or definition", "help": lines[0]["help"],
    }  # fmt: skip
    assert all(list(line) == list(lines[0]) for line in lines)


def test_warnings() -> None:
    document = {"version": 1, "metrics": {"cpu": {}}, "rules": [{"name": "up", "when": "uptime > 5m && uptime < 1m", "then": {"parallelism": "4"}}]}
    text = json.dumps(document)
    assert {one.severity for one in found(text, "json")} <= {"warning", "info"}
    assert {"W0110", "W0201"} <= {one.code for one in found(text, "json")}
    args = ["check", "--input-format", "json", "-"]
    assert run(*args, input=text).exit_code == 0
    assert run(*args, "--deny", "warnings", input=text).exit_code == 1
    assert "W0206" not in run(*args, input=text).stdout


def test_retention() -> None:
    text = json.dumps(
        {
            "version": 1,
            "metrics": {"cpu": {"unit": "ratio"}},
            "rules": [{"name": "up", "when": "avg(cpu[7d]) > 0.5", "then": {"parallelism": "4"}}],
        }
    )
    args = ["check", "--input-format", "json", "-"]
    assert "W0206" in run(*args, "--retention", "1d", input=text).stdout
    assert "W0206" not in run(*args, "--retention", "15d", input=text).stdout
    assert run(*args, "--retention", "long", input=text).exit_code == 2


def test_documents_that_are_well() -> None:
    rules = sorted(str(path) for path in (REPOSITORY / "examples" / "rules").glob("*.json"))
    result = run("check", RULES, *rules)
    assert result.exit_code == 0 and len(rules) >= 3
    assert "error" not in result.stdout


def test_documents_that_extend_others(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "base.yaml").write_text(
        "version: 1\nname: base\nparams:\n  late: 5m\nrules:\n  - {name: up, when: uptime > late, then: {parallelism: '4'}}\n", encoding="utf-8"
    )
    (tmp_path / "orders.toml").write_text('version = 1\nname = "orders"\nextends = "base"\n[params]\nlate = "1m"\n', encoding="utf-8")
    (tmp_path / "bills.toml").write_text('version = 1\nname = "bills"\nextends = "nobody"\n', encoding="utf-8")
    orders, bills, base = str(tmp_path / "orders.toml"), str(tmp_path / "bills.toml"), str(shared / "base.yaml")
    assert run("check", "--library", str(shared), orders).exit_code == 0
    assert run("check", base, orders).exit_code == 0
    assert "E0630" in run("check", orders).stdout
    result = run("check", "--library", str(shared), bills)
    assert result.exit_code == 1 and "bills.toml:3:11 (extends)" in result.stdout

    (shared / "base.yaml").write_text(
        "version: 1\nname: base\nparams:\n  late: 5m\nrules:\n  - {name: up, when: uptimee > late, then: {parallelism: '4'}}\n", encoding="utf-8"
    )
    # A mistake is shown where it was made, once.
    result = run("check", "--library", str(shared), orders, base)
    assert result.stdout.count("E0201") == 1 and "base.yaml:6:22 (rules[0].when)" in result.stdout
    assert run("check", "--library", str(tmp_path / "none"), orders).exit_code == 2


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("version: 1\nname: same\nrules: []\n", encoding="utf-8")
    result = run("check", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert result.exit_code == 1 and "b.yaml:2:" in result.stdout and "a.yaml" not in result.stdout


def test_assignments(tmp_path: Path) -> None:
    file = tmp_path / "who.yaml"
    file.write_text("version: 1\nassignments:\n  - {when: parallelsm > 4, document: large}\ndefault: etl\n", encoding="utf-8")
    result = run("check", str(file))
    assert result.exit_code == 1 and "who.yaml:3:12 (assignments[0].when)" in result.stdout
    file.write_text("version: 1\nassignments:\n  - {when: parallelism > 4, document: large}\ndefault: etl\n", encoding="utf-8")
    (tmp_path / "etl.yaml").write_text("version: 1\nname: etl\nrules: []\n", encoding="utf-8")
    result = run("check", str(file), str(tmp_path / "etl.yaml"))
    assert "large" in result.stdout and "who.yaml:3:" in result.stdout
    assert run("check", str(file)).exit_code == 0, "without documents there is nothing to compare with"


@pytest.mark.parametrize(
    ("name", "data", "code", "said"),
    [
        ("a.yaml", b"", 1, "a.yaml:1:1"),
        ("a.json", b"", 1, "the file is empty"),
        ("a.toml", b"", 1, "the file is empty"),
        ("a.yaml", b"a: \xff", 2, "byte 3, in line 1, is not UTF-8"),
        ("a.json", '{"version": 1}'.encode("utf-16"), 2, "it looks like UTF-16"),
        ("a.txt", b"version: 1", 2, "the format of"),
        ("a.json", b'{"version": 1,\n "version": 1}', 1, "a.json:2:2 (version)"),
        ("a.yaml", b"version: 1\nversion: 1\n", 1, "a.yaml:2:1"),
        ("a.json", b'{"version": 1,', 1, "E0601"),
        ("a.json", b"[1]", 1, "E0601"),
        ("a.yaml", b"- 1\n", 1, "E0601"),
        ("a.yaml", b"just a text\n", 1, "E0601"),
        ("a.yaml", b"version: " + b"9" * 4000, 1, "a.yaml:1:10"),
        ("a.yaml", b"version: 99999999999999999999\n", 1, "a.yaml:1:10"),
        ("a.json", b'{"version": ' + b"9" * 5000 + b"}", 1, "E060"),
        ("a.json", b'{"a":' * 5000, 1, "E06"),
        ("a.yaml", b"version: 1\nrules: 2026-11-21\n", 1, "a.yaml:2:8"),
        ("a.toml", b"version = 1\nrules = 2026-11-21\n", 1, "a.toml:2:9"),
        ("a.yaml", b"version: 1\n1: 2\n", 1, "a.yaml:2:1"),
        ("a.yaml", b'version: 1\nname: "\\ud800"\n', 1, "E06"),
        ("a.yaml", b"version: 1\n# " + b"x" * (4 << 20), 1, "E0616"),
        ("a.json", b"\xef\xbb\xbf{}", 1, "E0603"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, data: bytes, code: int, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    result = run("check", str(file))
    assert (result.exit_code, said in result.stdout + result.stderr) == (code, True), result.stdout[-2000:] + result.stderr


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text("version: 1\nrules: [{name: r, when: x > 1, then: {parallelism: '2'}}]\n", encoding="utf-8")
    result = run("check", str(tmp_path / "nope.yaml"), str(good))
    # The others are looked at all the same, and the worst counts.
    assert result.exit_code == 2 and "E0201" in result.stdout
    assert "nope.yaml: no such file or directory" in result.stderr
    result = run("check", str(tmp_path))
    assert result.exit_code == 2 and "*.yaml" in result.stderr


def test_standard_input() -> None:
    assert run("check", "-", input=YAML).exit_code == 2, "the format is not known"
    result = run("check", "--input-format", "yaml", "-", input=YAML)
    assert result.exit_code == 1 and "<stdin>:9:12" in result.stdout
    assert run("check", "--input-format", "yaml", "-", "-", input=YAML).exit_code == 2
    assert script("check", "--input-format", "yaml", "-", input=YAML.encode()).stdout.decode() == result.stdout


def test_hostile_texts_do_not_reach_the_terminal() -> None:
    text = json.dumps(
        {"version": 1, "rules": [{"name": "\x1b[31m\u202e", "when": "a\x1b]0;x\x07", "then": {"parallelism": "2"}}]}, ensure_ascii=False
    )
    text = text.replace("\\u001b", "\\u001b")
    shown = run("check", "--input-format", "json", "-", input=text).stdout
    assert "E0" in shown and "\x1b" not in shown and "\u202e" not in shown


def test_carets_stand_under_wide_characters() -> None:
    text = 'version: 1\nrules: [{doc: "中文", name: r, when: x > 1, then: {parallelism: "2"}}]\n'
    shown = click.unstyle(next(one for one in found(text, "yaml") if one.code == "E0201").render()).splitlines()
    # Each of the two characters takes two columns.
    assert shown[4].index("^") == shown[3].index("x >") + 2


def test_every_example_of_an_error_has_its_place() -> None:
    """Whatever the core finds in a document is found in the file, in all three formats."""
    documents: list[dict[str, Any]] = [
        {"version": 1, "nme": "x"},
        {"version": 1, "metrics": {"bad name": {"unit": "ms"}, "a.b": {"unit": "parsec"}}},
        {"version": 1, "params": {"late": {"value": "5x"}, "q": {"value": 5, "min": 6}}},
        {"version": 1, "define": {"h": "1", "x": "y +", "z": "z"}},
        {"version": 1, "strategies": [{"use": "cpuu"}, {"use": "cpu", "params": {"high": "400%", "lo": 1}}]},
        {"version": 1, "rules": [{"when": "true"}, {"name": "r", "when": 1, "then": {"memory": "1"}}]},
        {"version": 1, "limits": {"parallelism": {"min": 0, "max": 1e9}}, "timing": {"long": "* *"}, "guards": {"cool_down": {"up": "x"}}},
        {"version": 2, "mode": "off"},
    ]
    for document in documents:
        with pytest.raises(dras.PolicyError) as caught:
            dras.Policy(json.dumps(document))
        codes = sorted(d.code for d in caught.value.diagnostics)
        for format, text in (("json", json.dumps(document, indent=2)), ("yaml", _yaml(document)), ("toml", _toml(document))):
            findings = found(text, format)
            assert sorted(one.code for one in findings) == codes, (format, text)
            assert all(one.span is not None and one.span[0] < len(text) for one in findings), format
            written = [text[slice(*one.span)].strip("\"'") for one in findings if one.span]
            reference = [
                json.dumps(document)[slice(*d.span)].strip("\"'") for d in caught.value.diagnostics if d.span and d.source == json.dumps(document)
            ]
            # What the core underlines of the JSON is underlined in the file; of an object its key.
            for text_of, want in zip(sorted(written), sorted(written), strict=True):
                assert text_of == want
            scalars = [one for one in reference if not one.startswith(("{", "["))]
            assert all(one in written or float(one) in [_float(w) for w in written] for one in scalars), (format, scalars, written)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(document, sort_keys=False)


def _toml(document: dict[str, Any]) -> str:
    def value(one: Any) -> str:
        if isinstance(one, dict):
            return "{" + ", ".join(f"{json.dumps(key)} = {value(child)}" for key, child in one.items()) + "}"
        return "[" + ", ".join(map(value, one)) + "]" if isinstance(one, list) else json.dumps(one)

    return "".join(f"{key} = {value(one)}\n" for key, one in document.items())
