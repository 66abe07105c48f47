"""What is in the wheel."""

from __future__ import annotations

import importlib.metadata
import inspect
import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import dras
import dras.errors
import pytest
from conftest import REPOSITORY

FOLDER = Path(dras.__file__).parent


def test_one_version() -> None:
    workspace = tomllib.loads((REPOSITORY / "Cargo.toml").read_text(encoding="utf-8"))
    assert dras.__version__ == workspace["workspace"]["package"]["version"] == importlib.metadata.version("dras")


def test_the_wheel_has_types_and_licences() -> None:
    assert (FOLDER / "py.typed").exists() and (FOLDER / "_dras.pyi").exists()
    files = [str(path) for path in importlib.metadata.files("dras") or ()]
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert any(file.endswith(name) for file in files), name
    metadata = importlib.metadata.metadata("dras")
    assert metadata["License-Expression"] == "MIT OR Apache-2.0" and metadata["Requires-Python"] == ">=3.11"
    required = [line for line in importlib.metadata.requires("dras") or () if "extra ==" not in line]
    assert required == [], "nothing else is needed"


def test_names() -> None:
    assert sorted(dras.__all__) == sorted(set(dras.__all__))
    for name in dras.__all__:
        assert hasattr(dras, name)
    assert set(dras.errors.__all__) <= set(dras.__all__)
    public = {name for name in vars(dras) if not name.startswith("_") and not inspect.ismodule(getattr(dras, name)) and name != "annotations"}
    assert public <= set(dras.__all__)


@pytest.mark.parametrize("name", dras.errors.__all__)
def test_exceptions(name: str) -> None:
    cls = getattr(dras, name)
    if not issubclass(cls, Exception):
        return
    assert issubclass(cls, dras.DrasError) and cls.__doc__
    error = cls("text") if issubclass(cls, dras.CompileError) else cls("text", "code")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls and str(again) == "text" and again.code == error.code
    if cls not in (dras.DrasError,):
        assert issubclass(cls, ValueError | TypeError | RuntimeError | ImportError)


def test_it_works_without_numpy() -> None:
    script = """
import sys
sys.modules["numpy"] = None
import array, dras
policy = dras.Policy({"version": 1, "strategies": [{"use": "cpu"}]})
task = dras.Task(policy, "orders")
now = 1_800_000_000_000
times, values = array.array("q", range(now - 5000, now)), array.array("d", [0.5] * 5000)
assert task.column("cpu", times, values, now=now).stored > 0
assert task.column("cpu", [now], [0.5], now=now).stored == 1
task.decide(now)
try:
    dras.Expression("x > 1", ["x"]).evaluate_columns({"x": values})
except dras.InputError as error:
    assert error.code == "numpy" and "pip install" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_no_path_of_the_builder_is_in_what_is_shown() -> None:
    assert not re.search(r"/home/|/root/|/Users/", dras.Policy.__doc__ or "")
