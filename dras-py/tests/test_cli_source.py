"""Documents with the places of their values: JSON, YAML and TOML."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml
from cli_tools import DATA
from dras.cli.source import Node, Refused, follow, positions, read_json, read_toml, read_yaml, steps_of
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"), max_size=40)
# PyYAML writes YAML 1.1, where `0E0` and `0o7` are texts; both versions agree on what does not begin like a number.
WORDS = TEXTS.filter(lambda text: text[:1] not in set("+-.0123456789"))


def values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )


def walk(node: Node, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Node]]:
    found = [(path, node)]
    for key, member in (node.members or {}).items():
        found += walk(member.node, (*path, key))
    for index, item in enumerate(node.items or []):
        found += walk(item, (*path, index))
    return found


@given(st.dictionaries(TEXTS, values(TEXTS), max_size=4), st.sampled_from([None, 1, 4]), st.booleans())
def test_json(value: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    root = read_json(text)
    assert root.plain() == value
    for _, node in walk(root):
        # Every value stands where the tree says.
        assert json.loads(text[node.start : node.end]) == node.plain()
        for key, member in (node.members or {}).items():
            assert json.loads(text[slice(*member.key)]) == key


@given(st.dictionaries(st.text("abcxyz", min_size=1, max_size=5), values(WORDS), min_size=1, max_size=4), st.sampled_from([True, False, None]))
def test_yaml(value: dict[str, Any], flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    # What is a text for YAML 1.1 is one for 1.2, too; numbers such as `1e5` are written with a dot.
    assert read_yaml(text).plain() == value


@given(
    st.text(st.sampled_from("ab >%&|!'\"\\:#é\n\t中😀-?[]{},*0"), min_size=1, max_size=40),
    st.sampled_from(["", "'", '"', "|", ">"]),
    st.sampled_from([20, 1000]),
)
def test_places_of_characters_in_yaml(value: str, style: str, width: int) -> None:
    text = yaml.safe_dump({"k": [value]}, default_style=style or None, width=width, allow_unicode=True)
    root = read_yaml(text)
    node, _, whole = follow(root, ["k", 0])
    assert whole and node.scalar == value
    at = positions(text, node, True)
    assert at is not None and len(at) == len(value) + 1 and at == sorted(at)
    for sign, index in zip(value, at, strict=False):
        if text[index] != "\\" and not sign.isspace():
            assert text[index] == sign


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.booleans())
def test_places_of_characters_in_json(value: str, ascii_only: bool) -> None:
    text = json.dumps([value], ensure_ascii=ascii_only)
    node, _, _ = follow(read_json(text), [0])
    at = positions(text, node, False)
    assert at is not None and len(at) == len(value) + 1
    for sign, index, end in zip(value, at, at[1:], strict=False):
        assert json.loads(f'"{text[index:end]}"') == sign


TOML = """\
# a comment
version = 1
"quoted key" = 'it is'
name = "a\\u0041\\n\\"b"

[metrics.cpu]
unit = 'percent' # not part of it
range = [0, 1, # more
  2,]
[metrics."a b"]
x.y = {a = 1, b.c = "x"}

[[rules]]
when = \"\"\"
cpu > 1 && \\
   x\"\"\"
[rules.then]
parallelism = "3"

[[rules]]
when = '''
a
  b'''
long = \"\"\"\"quoted\"\"\"\"
number = -1.5e3
truth = true
"""


def test_toml() -> None:
    root = read_toml(TOML)
    assert root.plain() == tomllib.loads(TOML)
    for path, node in walk(root):
        if isinstance(node.scalar, str):
            at = positions(TOML, node, False)
            assert at is not None, path
            assert [TOML[i] for i in at[:-1] if TOML[i] != "\\"] == [s for s, i in zip(node.scalar, at, strict=False) if TOML[i] != "\\"]
        elif node.members is None and node.items is None:
            assert tomllib.loads(f"x = {TOML[node.start : node.end]}")["x"] == node.scalar
    lines = {path: TOML.count("\n", 0, node.start) + 1 for path, node in walk(root)}
    assert lines["metrics", "cpu", "range"] == 8 and lines["rules", 1, "when"] == 21 and lines["rules", 0, "then", "parallelism"] == 18


@given(st.dictionaries(st.text("abc-_", min_size=1, max_size=4), st.recursive(st.integers(-9, 9) | st.booleans() | TEXTS, st.lists, max_leaves=6)))
def test_toml_of_any_values(value: dict[str, Any]) -> None:
    text = "".join(f"{key} = {json.dumps(one, ensure_ascii=False)} # {key}\n" for key, one in value.items())
    if value:
        root = read_toml(text)
        assert root.plain() == value
        for path, node in walk(root)[1:]:
            assert json.loads(text[node.start : node.end]) == node.plain(), path


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("", "the file is empty", 1),
        ("# nothing\n", "the file holds no document", 1),
        ("a: 1\nb: 2\na: 3\n", "`a` stands twice in the same object", 3),
        ("a:\n  1: x\n", "a key is a text, not `1`", 2),
        ("true: x\n", "a key is a text, not `true`", 1),
        ("? [x]\n: y\n", "a key is a text, not an object or a list", 1),
        ("a: &x [1, *x]\n", "`*x` stands inside of what it names", 1),
        ("a: *x\n", "the anchor `x` is not known here", 1),
        ("a: 1\n---\nb: 2\n", "the file holds more than one document", 2),
        ("a: !python/object:os.system b\n", "the tag `!python/object:os.system` is not for documents", 1),
        ("a: !!timestamp 2026-11-21\n", "the tag `tag:yaml.org,2002:timestamp` is not for documents", 1),
        ("a: .inf\n", "`.inf` is no number that a document can hold", 1),
        ("a: [1\nb: 2\n", "not valid YAML", 2),
        ("a:\n\tb: 1\n", "not valid YAML", 2),
        ("a: \x07\n", "the character U+0007 is not allowed", 1),
        ("a: b: c\n", "mapping values are not allowed here", 1),
        ("<<: 3\n", "`<<` takes an object", 1),
        ("[" * 5000, "more than 64 levels", 1),
        (BOMB, "more than 100000 values", 5),
    ],
)
def test_what_yaml_is_refused(text: str, message: str, line: int) -> None:
    with pytest.raises(Refused) as caught:
        read_yaml(text)
    assert message in caught.value.message
    assert text.count("\n", 0, caught.value.span[0]) + 1 == line


def test_yaml_is_1_2() -> None:
    text = "on: yes\noff: No\nday: 2026-11-21\nclock: 12:30\noctal: 0o17\nhex: 0xff\nold: 017\nnothing: ~\ntext: !!str 5\nsign: +1.5e3\nlow: 1_000\n"
    assert read_yaml(text).plain() == {
        "on": "yes", "off": "No", "day": "2026-11-21", "clock": "12:30", "octal": 15, "hex": 255, "old": 17, "nothing": None, "text": "5",
        "sign": 1500.0, "low": "1_000",
    }  # fmt: skip


def test_anchors_and_merge_keys() -> None:
    text = "base: &base {a: 1, b: 2}\nsame: *base\nmore: {<<: *base, b: 3}\nmany: {<<: [{a: 9}, *base]}\n"
    base = {"a": 1, "b": 2}
    assert read_yaml(text).plain() == {"base": base, "same": base, "more": {"a": 1, "b": 3}, "many": {"a": 9, "b": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file holds no document"),
        ("a = 1\na = 2\n", "not valid TOML: cannot overwrite a value"),
        ("a = 1979-05-27\n", "no dates and times"),
        ("a = 12:30:00\n", "no dates and times"),
        ("a = nan\n", "no number that a document can hold"),
        ("a = ", "not valid TOML: invalid value"),
        ("a = " + "[" * 3000 + "]" * 3000, "levels"),
        ("a = " + "[" * 100 + "]" * 100, "levels"),
    ],
)
def test_what_toml_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        read_toml(text)


@given(st.text(max_size=60) | st.text("{}[]:,\"'\\ \n\t01ea#&*!|>-?", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_json, read_yaml, read_toml):
        try:
            root = read(text)
        except Refused as refused:
            assert 0 <= refused.span[0] <= refused.span[1] and refused.span[0] <= len(text)
        else:
            assert all(0 <= node.start <= node.end <= len(text) for _, node in walk(root))


@pytest.mark.parametrize("keep", range(0, 900, 37))
def test_documents_that_are_cut_off(keep: int) -> None:
    text = (DATA / "recorded.yaml").read_text(encoding="utf-8")[:keep]
    for read, cut in ((read_yaml, text), (read_toml, TOML[:keep]), (read_json, json.dumps(tomllib.loads(TOML))[:keep])):
        try:
            read(cut)
        except Refused as refused:
            assert refused.message


def test_paths() -> None:
    assert steps_of("rules[0].then.parallelism") == ["rules", 0, "then", "parallelism"]
    assert steps_of('metrics["bad \\"name"].unit') == ["metrics", 'bad "name', "unit"]
    root = read_yaml("metrics: {a.b: {unit: s}, a: {b: 1}}\nrules: [{when: x}]\n")
    node, member, whole = follow(root, steps_of("metrics.a.b.unit"))
    assert whole and node.scalar == "s" and member is not None
    assert follow(root, steps_of("rules[0].then.x"))[0] is follow(root, ["rules", 0])[0]
    assert not follow(root, steps_of("rules[3]"))[2]
