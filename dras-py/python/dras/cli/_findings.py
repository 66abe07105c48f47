"""Findings: what is wrong in a file, where in the file, and how that is shown."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass

import click

from .source import Refused, Span

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_SHOWN = 110


@dataclass(frozen=True)
class Finding:
    """One thing to tell the author of a file."""

    file: str
    severity: str
    """``error``, ``warning`` or ``info``."""
    code: str
    message: str
    path: str
    """Where in the document: ``rules[2].when``."""
    span: Span | None
    """Where in the text of the file."""
    label: str
    help: str | None
    text: str
    """The text of the file."""

    @classmethod
    def of(cls, file: str, text: str, refused: Refused, path: str = "") -> Finding:
        """What was refused."""
        return cls(file, "error", refused.code, refused.message, path, refused.span, "", refused.help, text)

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of a place in the text, in characters from 1."""
        begin = self.text.rfind("\n", 0, at) + 1
        return self.text.count("\n", 0, at) + 1, at - begin + 1

    def sort_key(self) -> tuple[int, str]:
        """By the place in the file; what has none comes last."""
        return (len(self.text) + 1 if self.span is None else self.span[0], self.code)

    def to_json(self) -> str:
        """One JSON object in one line. Its fields stay the same from version to version; more may come."""
        start = end = (None, None)
        if self.span is not None:
            start, end = self.place(self.span[0]), self.place(self.span[1])  # type: ignore[assignment]
        fields = {
            "file": self.file,
            "line": start[0],
            "column": start[1],
            "end_line": end[0],
            "end_column": end[1],
            "path": self.path,
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "label": self.label,
            "help": self.help,
        }
        return json.dumps(fields)

    def render(self) -> str:
        """The finding in the manner of rustc, with the line of the file and carets under the place."""
        colour = COLOURS[self.severity]
        head = click.style(f"{self.severity}[{self.code}]", fg=colour, bold=True) + click.style(f": {visible(self.message)}", bold=True)
        blue = {"fg": "blue", "bold": True}
        where = f" ({visible(self.path)})" if self.path else ""
        gutter = ""
        lines = [head]
        if self.span is None:
            lines.append(click.style(" --> ", **blue) + f"{visible(self.file)}{where}")  # type: ignore[arg-type]
        else:
            line, column = self.place(self.span[0])
            gutter = " " * len(str(line))
            lines.append(click.style(f"{gutter}--> ", **blue) + f"{visible(self.file)}:{line}:{column}{where}")  # type: ignore[arg-type]
            shown, indent, carets = self._excerpt(self.span)
            lines.append(click.style(f"{gutter} |", **blue))  # type: ignore[arg-type]
            lines.append(click.style(f"{line} |", **blue) + f" {shown}".rstrip())  # type: ignore[arg-type]
            label = f" {visible(self.label)}" if self.label else ""
            lines.append(click.style(f"{gutter} |", **blue) + " " + " " * indent + click.style("^" * carets + label, fg=colour, bold=True))  # type: ignore[arg-type]
        if self.help:
            lines.append(click.style(f"{gutter} = ", **blue) + click.style("help", bold=True) + f": {visible(self.help)}")  # type: ignore[arg-type]
        return "\n".join(lines)

    def _excerpt(self, span: Span) -> tuple[str, int, int]:
        """The line, cut around the span where it is long, and where the carets go, in columns of a terminal."""
        start = span[0]
        begin = self.text.rfind("\n", 0, start) + 1
        end = self.text.find("\n", start)
        line = self.text[begin : len(self.text) if end < 0 else end].rstrip("\r")
        before = min(start - begin, len(line))
        # What spans several lines is underlined to the end of its first.
        marked = line[before : max(span[1] - begin, before)].rstrip()
        skip = max(before - _SHOWN // 2, 0)
        shown = "".join(map(_column, line[skip : skip + _SHOWN]))
        if len(line) > skip + _SHOWN:
            shown += " …"
        indent = width(shown[: before - skip])
        carets = max(min(width("".join(map(_column, marked))), width(shown) - indent), 1)
        return ("… " + shown, indent + 2, carets) if skip else (shown, indent, carets)


def _column(sign: str) -> str:
    """A character that cannot move the cursor or hide."""
    if sign == "\t":
        return " "
    return "\ufffd" if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") else sign


def visible(text: str) -> str:
    """A text that quotes what somebody wrote, with nothing in it that a terminal would obey."""
    return "".join(sign if sign == "\n" else _column(sign) for sign in text)


def width(text: str) -> int:
    """The columns that a text takes on a terminal."""
    return sum(0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
