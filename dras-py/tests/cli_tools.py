"""What the tests of the console script share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from conftest import REPOSITORY
from dras.cli._program import program

DATA = REPOSITORY / "dras-py" / "tests" / "data"
RULES = str(DATA / "recorded.yaml")
DIURNAL = str(DATA / "diurnal.csv")
COMMANDS = sorted(program.commands)
SCRIPT = str(Path(sys.executable).with_name("dras"))


def run(*args: str, input: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
    """The program in this process. A traceback is a failure of the test."""
    result = CliRunner(env=env).invoke(program, list(args), input=input, prog_name="dras")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stderr
    return result


def script(*args: str, input: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The installed program in a process of its own."""
    return subprocess.run([SCRIPT, *args], input=input, capture_output=True, check=False, env={**os.environ, **environment})
