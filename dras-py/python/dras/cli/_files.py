"""Files that the user names, and what is wrong with them before anybody looks into them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from .source import READERS, Node, Refused

EXTENSIONS = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}
"""The formats of documents by the ends of files' names."""

LARGEST = 4 * 1024 * 1024
"""The most bytes of a file with a document; the core takes 1 MiB without comments."""


class Unreadable(click.ClickException):
    """A file that cannot be read. The message names it."""

    exit_code = 2


@dataclass(frozen=True)
class TextFile:
    """A file with a document, as text."""

    name: str
    """As the user named it; ``<stdin>`` for standard input."""
    text: str
    format: str
    mark: bool
    """Whether it begins with a byte order mark, which is not part of ``text``."""

    def read(self) -> Node:
        """Its values with their places.

        Raises:
            Refused: it is not of its format.
        """
        if len(self.text) > LARGEST:
            raise Refused("the file is larger than any document may be: 1 MiB", 0, code="E0616")
        return READERS[self.format](self.text)


def read_bytes(name: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``.

    Raises:
        Unreadable: it cannot be read.
    """
    try:
        if name == "-":
            return sys.stdin.buffer.read()
        return Path(name).read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot read {shown(name)}: {reason(error)}") from None


def reason(error: OSError) -> str:
    """Why, in the words of the operating system, beginning with a small letter."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def shown(name: str) -> str:
    """A file's name for people."""
    return "<stdin>" if name == "-" else name


def decode(data: bytes, name: str) -> tuple[str, bool]:
    """Text in UTF-8, and whether a byte order mark stood before it.

    Raises:
        Unreadable: it is not UTF-8.
    """
    mark = data.startswith(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8-sig"), mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        guess = " (it looks like UTF-16)" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise Unreadable(f"cannot read {shown(name)}: byte {error.start}, in line {line}, is not UTF-8{guess}") from None


def format_of(name: str, given: str | None) -> str:
    """The format of a file: the one that is given, or what its name ends with.

    Raises:
        click.UsageError: neither says it.
    """
    if given is not None:
        return given
    if os.path.isdir(name):
        raise click.UsageError(f"{name} is a directory: name its files, such as {os.path.join(name, '*.yaml')}")
    if name == "-":
        raise click.UsageError("what standard input holds is not known: say --input-format json, yaml or toml")
    ending = os.path.splitext(name)[1].lower()
    if ending not in EXTENSIONS:
        raise click.UsageError(f"the format of {name} is not known: its name ends with none of {', '.join(EXTENSIONS)}; say --input-format")
    return EXTENSIONS[ending]


def read_file(name: str, given: str | None = None) -> TextFile:
    """A file with a document.

    Raises:
        Unreadable: it cannot be read, or is not UTF-8.
        click.UsageError: its format is not known.
    """
    kind = format_of(name, given)
    text, mark = decode(read_bytes(name), name)
    return TextFile(shown(name), text, kind, mark)
