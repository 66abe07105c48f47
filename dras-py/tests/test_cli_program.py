"""The console script as a program: help, how it ends, and what it does without its packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import dras
import pytest
from cli_tools import COMMANDS, SCRIPT, run, script
from dras.cli._program import program


def test_the_commands() -> None:
    assert COMMANDS == ["check", "explain", "fmt", "functions", "replay", "schema"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0 and "Examples:" in result.stdout and f"dras {command}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 140


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_does(command: str) -> None:
    for parameter in program.commands[command].params:
        if isinstance(parameter, click.Option) and parameter.name != "output":
            assert parameter.help, parameter.name


def test_help_of_all_says_how_it_ends() -> None:
    text = run("--help").stdout
    for code in ("0", "1", "2", "130", "141"):
        assert f"\n    {code} " in text
    assert all(command in text for command in COMMANDS)


def test_version() -> None:
    assert run("--version").stdout == f"dras {dras.__version__}\n"


@pytest.mark.parametrize(
    "args", [["nope"], ["check"], ["check", "--nope"], ["fmt"], ["functions", "a", "b"], ["replay", "x.csv"], ["--color", "pink"]]
)
def test_wrong_usage_ends_with_two(args: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == 2 and result.stdout == "" and "Error: " in result.stderr


def test_the_installed_script() -> None:
    done = script("--version")
    assert (done.returncode, done.stdout.decode().strip(), done.stderr) == (0, f"dras {dras.__version__}", b"")
    assert script("check", "nope.yaml").returncode == 2
    assert script("fmt", "-e", "a>1").stdout == b"a > 1\n"


def test_it_is_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "dras", "fmt", "-e", "a>1"], capture_output=True, check=True)
    assert done.stdout == b"a > 1\n"


def test_nobody_reads_the_output() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([SCRIPT, "functions"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_no_room_for_the_output() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([SCRIPT, "functions"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2 and b"Traceback" not in done.stderr and b"No space left" in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_terminals_that_know_few_characters(encoding: str) -> None:
    done = script("explain", "cpu > 80%", "cpu=0.9", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    shown = "→" if encoding == "utf-8" else "\\u2192"
    assert (done.returncode, done.stdout.decode(encoding).strip(), done.stderr) == (0, f"cpu = 0.9 > 80% {shown} true", b"")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are texts there")
def test_files_whose_names_are_no_text(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\x1b[31m.json"
    done = subprocess.run([SCRIPT, "check", name], capture_output=True, check=False)
    assert done.returncode == 2 and b"Traceback" not in done.stderr
    with open(name, "wb") as out:
        out.write(b"{}")
    done = subprocess.run([SCRIPT, "check", name], capture_output=True, check=False)
    assert done.returncode == 1 and b"E0603" in done.stdout and b"\x1b" not in done.stdout


def test_ctrl_c() -> None:
    code = """
import os, signal, sys
import dras.cli._check as check
# Whoever starts the tests in the background of a shell has them ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
check.examine = lambda *_: os.kill(os.getpid(), signal.SIGINT)
from dras.cli import main
sys.argv = ["dras", "check", "--input-format", "json", "-"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], input=b"{}", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, b"", b"")


@pytest.mark.parametrize("missing", ["click", "yaml"])
def test_without_its_packages_it_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from dras.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 2 and done.stdout == b""
    assert b"pip install 'dras[cli]'" in done.stderr and missing.encode() in done.stderr and b"Traceback" not in done.stderr


def test_the_library_does_not_need_them() -> None:
    code = "import sys, dras; print([name for name in ('click', 'yaml', 'matplotlib', 'pyarrow', 'dras.cli', 'dras.plot') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"


def test_colours() -> None:
    document = '{"version": 2}'
    args = ["check", "--input-format", "json", "-"]
    assert "\x1b[" not in run(*args, input=document).stdout
    assert "\x1b[" in run("--color", "always", *args, input=document).stdout
    assert "\x1b[" not in run("--color", "never", *args, input=document).stdout
    plain = run(*args, input=document).stdout
    assert click.unstyle(run("--color", "always", *args, input=document).stdout) == plain


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are another thing there")
@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)])
def test_colours_on_a_terminal(environment: dict[str, str], coloured: bool) -> None:
    import pty

    master, slave = pty.openpty()
    inherited = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    done = subprocess.run([SCRIPT, "functions", "avg"], stdout=slave, check=True, env={**inherited, "TERM": "xterm", **environment})
    os.close(slave)
    shown = os.read(master, 65536)
    os.close(master)
    assert done.returncode == 0 and (b"\x1b[" in shown) == coloured
