"""What the documentation shows works as it stands, and prints what it says."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import runpy
from pathlib import Path

import dras
import pytest
from conftest import REPOSITORY

EXAMPLES = REPOSITORY / "dras-py" / "examples"
STUB = Path(dras.__file__).with_name("_dras.pyi")


def test_readme(capsys: pytest.CaptureFixture[str]) -> None:
    text = (REPOSITORY / "dras-py" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    for (language, block), (following, expected) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "python":
            exec(block, names)
            printed = capsys.readouterr().out
            assert following == "text" and printed == expected


def test_docstrings_of_the_package() -> None:
    assert doctest.testmod(dras, optionflags=doctest.NORMALIZE_WHITESPACE).attempted > 5
    assert doctest.testmod(dras, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def docstrings() -> list[tuple[str, str]]:
    found = []
    for node in ast.walk(ast.parse(STUB.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)) and ">>>" in text:
            found.append((node.name, text))
    return found


@pytest.mark.parametrize(("name", "text"), docstrings())
def test_docstrings_of_native_classes(name: str, text: str) -> None:
    test = doctest.DocTestParser().get_doctest(text, {}, name, str(STUB), 0)
    runner = doctest.DocTestRunner()
    runner.run(test)
    assert runner.summarize().failed == 0


def test_everything_public_has_a_docstring() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    without = []
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef):
            overloads = set()
            for node in cls.body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    if ast.get_docstring(node) is None and node.name not in overloads:
                        without.append(f"{cls.name}.{node.name}")
                    overloads.add(node.name)
            if ast.get_docstring(cls) is None:
                without.append(cls.name)
        elif isinstance(cls, ast.FunctionDef) and ast.get_docstring(cls) is None:
            without.append(cls.name)
    assert without == []


def test_help_says_what_the_stub_says() -> None:
    """Editors read the stub, `help()` and notebooks the module: the same text stands in both."""
    different = []
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        native = getattr(dras, node.name)
        pairs = [(node.name, ast.get_docstring(node), native)]
        if isinstance(node, ast.ClassDef):
            members = {m.name: m for m in reversed(node.body) if isinstance(m, ast.FunctionDef) and not m.name.startswith("__")}
            pairs += [(f"{node.name}.{m.name}", ast.get_docstring(m), getattr(native, m.name)) for m in members.values()]
        different += [name for name, text, thing in pairs if text and inspect.getdoc(thing) != text]
    assert different == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.count("\n") > 3


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} >= {"one_task", "fleet_from_prometheus", "custom_rule"}
