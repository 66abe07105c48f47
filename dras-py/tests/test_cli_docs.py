"""Every command of the page on the command line does what the page shows."""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from cli_tools import COMMANDS, DATA, run
from conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "command-line.md"
TEXT = PAGE.read_text(encoding="utf-8")


def shown() -> list[tuple[str, str]]:
    """The commands of the page in their order, each with what it prints."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        starts = [match.start() for match in re.finditer(r"^\$ ", block, re.MULTILINE)]
        for begin, end in pairwise([*starts, len(block)]):
            command, _, output = block[begin + 2 : end].partition("\n")
            found.append((command, output))
    return found


def matches(output: str, pattern: str) -> bool:
    """Whether an output is what the page shows, where `…` stands for anything."""
    parts = (re.escape(part) for part in pattern.rstrip("\n").split("…"))
    return re.fullmatch(".*".join(parts), output.rstrip("\n"), re.DOTALL) is not None


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("diurnal.csv", "recorded.yaml"):
        shutil.copy(DATA / name, tmp_path)
    document = re.search(r"`etl.yaml`:\n\n```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert document is not None
    (tmp_path / "etl.yaml").write_text(document.group(1), encoding="utf-8")
    ran = []
    for command, output in shown():
        program, *args = shlex.split(command)
        if program != "dras":
            assert program == "pip"
            continue
        result = run(*args)
        assert matches(result.stdout + result.stderr, output), f"{command}\n{result.stdout}{result.stderr}"
        assert result.exit_code == (1 if args[0] == "check" or "--diff" in args else 0), command
        ran.append(args[0])
    assert set(ran) == set(COMMANDS) - {"schema"} and len(ran) > 12
    assert (tmp_path / "replay.png").stat().st_size > 10_000


def test_every_option_of_replay_and_check_is_told() -> None:
    from dras.cli._program import program

    for command in ("check", "fmt", "replay"):
        for parameter in program.commands[command].params:
            for name in parameter.opts:
                if name.startswith("--") and name not in ("--task", "--label", "--rules", "--expression"):
                    assert name in TEXT, name


def test_the_picture_is_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert pictures
    for picture in pictures:
        file = PAGE.parent / picture
        assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size < 150_000
