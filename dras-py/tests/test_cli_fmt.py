"""``dras fmt``: expressions in their canonical form, and nothing else touched."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import dras
import pytest
import yaml
from cli_tools import RULES, run, script
from dras.cli._files import TextFile
from dras.cli._format import expressions, format_document
from dras.cli.source import READERS
from hypothesis import given
from hypothesis import strategies as st

YAML = """\
# all of this stays
version: 1   # the format
metrics:
  demand: {record: cpu*parallelism}   # recorded
define:
  late: "min(delay[3m])>1m"   # double
  one: 'parallelism==1||task_type=="it''s"' # single
  tern: parallelism>3?1:2     # plain, and needs quotes then
rules:
  - name: busy
    # a comment between
    when: cpu>80% &&
       min( delay[3m] )>1m
    then:
      parallelism: |   # a comment of the block
        parallelism
          *2

    doc: cpu>80%
  - {name: x, when: &w a>1, lowers: *w, "then": {parallelism: "(1)"}}
"""
FORMATTED = """\
# all of this stays
version: 1   # the format
metrics:
  demand: {record: cpu * parallelism}   # recorded
define:
  late: "min(delay[3m]) > 1m"   # double
  one: 'parallelism == 1 || task_type == "it''s"' # single
  tern: 'parallelism > 3 ? 1 : 2'     # plain, and needs quotes then
rules:
  - name: busy
    # a comment between
    when: cpu > 80% &&
       min(delay[3m]) > 1m
    then:
      parallelism: |   # a comment of the block
        parallelism
          * 2

    doc: cpu>80%
  - {name: x, when: &w a > 1, lowers: *w, "then": {parallelism: "1"}}
"""


def formatted(text: str, format: str = "yaml") -> str:
    result, findings = format_document(TextFile(f"x.{format}", text, format, False))
    assert findings == []
    return result


def test_yaml() -> None:
    assert formatted(YAML) == FORMATTED
    assert formatted(FORMATTED) == FORMATTED


def test_blocks_whose_indentation_is_a_number() -> None:
    text = "rules:\n  - when: |2\n        a>1\n          &&b>2\n    # stays\n    doc: x\n  - when: >2-\n\n      a>1\n\n    # stays, too\n    doc: y\n"
    assert formatted(text) == text.replace("a>1", "a > 1").replace("&&b>2", "&& b > 2")


def test_toml() -> None:
    text = (
        "# stays\nversion = 1\n[[rules]]\nwhen = 'cpu>80%&&x==\"a\"' # literal\nlowers = \"a>1\" # basic\nraises = '''\na>1\n  &&b>2'''\n"
        '[rules.then]\nparallelism = "\\u0031+1"\n[define]\n"a b" = \'a>"x"\' # needs other quotes\n'
    )
    assert formatted(text, "toml") == (
        "# stays\nversion = 1\n[[rules]]\nwhen = \"cpu > 80% && x == 'a'\" # literal\n"
        "lowers = \"a > 1\" # basic\nraises = '''\na > 1\n  && b > 2'''\n"
        '[rules.then]\nparallelism = "1 + 1"\n[define]\n"a b" = "a > \'x\'" # needs other quotes\n'
    )


def test_json() -> None:
    text = '{"rules": [ {"when":"a>\\"x\\"\\n &&b", "then" : {"parallelism":"1+1"}} ]}\n'
    assert formatted(text, "json") == '{"rules": [ {"when":"a > \'x\'\\n && b", "then" : {"parallelism":"1 + 1"}} ]}\n'


def test_what_has_no_expressions_is_not_touched() -> None:
    for text in ("a: 1\n", "rules: 3\n", "rules: [1, {when: 2, then: [x>1]}]\n", "metrics: [a>1]\ndefine: x>1\n"):
        assert formatted(text) == text


SPACES = st.sampled_from(["", " ", "  ", "\n", "\n    ", " \n\t"])
EXPRESSIONS = sorted({expression for function in dras.functions() for expression, _ in function.examples})


@st.composite
def untidy(draw: st.DrawFn) -> str:
    """An expression with other spaces, and brackets around it."""
    source = draw(st.sampled_from(EXPRESSIONS))
    other = draw(st.sampled_from(EXPRESSIONS))
    if draw(st.booleans()):
        source = f"({source})"
    if draw(st.booleans()):
        source = f"({source}) == 1 || ({other})"
    words: list[str] = []
    for word in source.split(" "):
        words += [word, draw(SPACES)]
    text = "".join(words[:-1])
    try:
        dras.format(text)
    except dras.ExpressionError:
        return source
    return text


@given(
    st.lists(untidy(), min_size=1, max_size=3),
    st.sampled_from(["plain", "'", '"', "|", ">", "json", "toml"]),
    st.sampled_from([30, 1000]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_only_expressions_change_and_only_once(sources: list[str], style: str, width: int, newline: str) -> None:
    document: dict[str, Any] = {"version": 1, "doc": sources[0], "rules": [{"when": source, "then": {"parallelism": source}} for source in sources]}
    format = style if style in ("json", "toml") else "yaml"
    if format == "json":
        text = json.dumps(document, indent=1)
    elif format == "toml":
        text = f"version = 1 # c\ndoc = {json.dumps(sources[0])}\n"
        for source in sources:
            text += f"[[rules]] # c\nwhen = {json.dumps(source)} # c\n[rules.then]\nparallelism = {json.dumps(source)}\n"
    else:
        text = yaml.safe_dump(document, default_style=None if style == "plain" else style, width=width, sort_keys=False)
        text = text.replace('"version": !!int "1"', "version: 1").replace("'version': !!int '1'", "version: 1")
    text = text.replace("\n", newline)
    reader = READERS[format]
    before = reader(text).plain()
    after = formatted(text, format)
    plain = reader(after).plain()
    # The same but for expressions, which mean what they meant.
    for rule, old in zip(plain["rules"], before["rules"], strict=True):
        for new, source in ((rule["when"], old["when"]), (rule["then"]["parallelism"], old["then"]["parallelism"])):
            assert dras.format(new) == dras.format(source)
            assert " ".join(new.split()) == " ".join(dras.format(source).split()) or "\n" in source or "\n" in new
    assert plain["doc"] == before["doc"]
    assert formatted(after, format) == after
    assert after.count("# c") == text.count("# c") and ("\r" in after) == ("\r" in text)


def test_all_places_of_expressions() -> None:
    text = (
        "metrics: {a: {record: x}}\ndefine: {b: x}\nrules: [{when: x, lowers: x, raises: x, then: {p: x}, doc: x, for: x}]\n"
        "assignments: [{when: x, document: x}]\nparams: {x: x}\n"
    )
    found = [path for path, _ in expressions(READERS["yaml"](text))]
    assert sorted(found) == [
        "assignments[0].when", "define.b", "metrics.a.record", "rules[0].lowers", "rules[0].raises", "rules[0].then.p", "rules[0].when",
    ]  # fmt: skip


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + YAML.replace("\n", "\r\n").encode())
    os.chmod(file, 0o640)
    before = file.read_bytes()
    assert run("fmt", "--check", str(file)).exit_code == 1 and file.read_bytes() == before
    result = run("fmt", "--diff", str(file))
    assert result.exit_code == 1 and file.read_bytes() == before
    assert '-  late: "min(delay[3m])>1m"' in result.stdout and '+  late: "min(delay[3m]) > 1m"' in result.stdout
    result = run("fmt", str(file))
    assert result.exit_code == 0 and result.stderr == f"formatted {file}\n"
    assert file.read_bytes() == b"\xef\xbb\xbf" + FORMATTED.replace("\n", "\r\n").encode()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"], "nothing is left behind"
    again = run("fmt", "--check", str(file))
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "")
    assert run("fmt", "--check", RULES).exit_code == 0


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("define: {a: x>1}\n", encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    assert run("fmt", str(tmp_path / "link.yaml")).exit_code == 0
    assert (tmp_path / "link.yaml").is_symlink() and "x > 1" in (tmp_path / "real.yaml").read_text(encoding="utf-8")


def test_what_does_not_parse_stays(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("define:\n  a: x>1\n  b: x >\n", encoding="utf-8")
    result = run("fmt", str(file))
    assert result.exit_code == 1 and "rules.yaml:3:8 (define.b)" in result.stderr
    assert file.read_text(encoding="utf-8") == "define:\n  a: x > 1\n  b: x >\n"
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    assert run("fmt", str(tmp_path / "broken.yaml")).exit_code == 1
    assert run("fmt", str(tmp_path / "nope.yaml")).exit_code == 2


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everything")
def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("define: {a: x>1}\n", encoding="utf-8")
    file.chmod(0o400)
    result = run("fmt", str(file))
    assert result.exit_code == 2 and "permission denied" in result.stderr


def test_standard_input() -> None:
    result = run("fmt", "--input-format", "yaml", "-", input=YAML)
    assert (result.exit_code, result.stdout) == (0, FORMATTED)
    assert script("fmt", "--input-format", "yaml", "-", input=YAML.replace("\n", "\r\n").encode()).stdout == FORMATTED.replace("\n", "\r\n").encode()
    assert run("fmt", "-", input=YAML).exit_code == 2
    assert run("fmt", "--input-format", "yaml", "-", "-", input=YAML).exit_code == 2


def test_one_expression() -> None:
    assert run("fmt", "-e", "cpu>80%&&( lag > 5m )").stdout == "cpu > 80% && lag > 5m\n"
    assert run("fmt", "-e", "-", input="a>1\n").stdout == "a > 1\n"
    assert run("fmt", "--check", "-e", "a>1").exit_code == 1
    assert run("fmt", "--check", "-e", "a > 1").exit_code == 0
    result = run("fmt", "-e", "a >")
    assert result.exit_code == 1 and result.stdout == "" and "<expression>:1:3" in result.stderr
    assert run("fmt", "-e", "a", "x.yaml").exit_code == 2
    assert run("fmt").exit_code == 2
