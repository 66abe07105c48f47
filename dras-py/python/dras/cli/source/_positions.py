"""Where each character of a text value stands in the source, through quotes, escapes, folding and indentation."""

from __future__ import annotations

import re

from ._node import Node

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_FOLD = re.compile(r"[ \t]*(?:\r?\n[ \t]*)+")
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]*(?:#[^\n]*)?\r?\n")
_INDENT = re.compile(r"(?:[ \t]*\r?\n)*( *)")


def positions(text: str, node: Node, yaml: bool) -> list[int] | None:
    """For each character of the text that ``node`` holds its index in the source, and behind them that of the end; ``None`` where the author has
    written it in a way that this does not follow."""
    value = node.scalar
    if not isinstance(value, str):
        return None
    if node.style in ("|", ">"):
        return _block(text, node, value)
    return _flow(text, node, value, yaml)


def _flow(text: str, node: Node, value: str, yaml: bool) -> list[int] | None:
    quotes = "" if node.style == "plain" else node.style
    escapes = quotes in ('"', '"""')
    at, end = node.start + len(quotes), node.end - len(quotes)
    if len(quotes) == 3:
        at += len(match.group()) if (match := re.compile(r"\r?\n").match(text, at)) else 0
    found: list[int] = []
    while at < end:
        if escapes and text[at] == "\\":
            escape = _ESCAPE.match(text, at)
            if escape is None:
                return None
            folded = re.compile(r"\\[ \t]*\r?\n[ \t\r\n]*").match(text, at) if escape.group()[1:2] in " \t\r\n" else None
            if folded is not None and (not yaml or text[at + 1] in "\r\n"):
                at = folded.end()
                continue
            low = _ESCAPE.match(text, escape.end())
            pair = not yaml and low is not None and escape.group()[:4].lower() in ("\\ud8", "\\ud9", "\\uda", "\\udb") and low.group()[1] == "u"
            found.append(at)
            at = low.end() if pair and low is not None else escape.end()
        elif yaml and quotes == "'" and text.startswith("''", at):
            found.append(at)
            at += 2
        elif yaml and (fold := _FOLD.match(text, at)) is not None:
            breaks = fold.group().count("\n")
            found += [at] * max(breaks - 1, 1)
            at = fold.end()
        elif text.startswith("\r\n", at):
            found.append(at)
            at += 2
        elif len(found) < len(value) and text[at] == value[len(found)]:
            found.append(at)
            at += 1
        else:
            return None
    found.append(end)
    return found if len(found) == len(value) + 1 else None


def _block(text: str, node: Node, value: str) -> list[int] | None:
    header = _HEADER.match(text, node.start)
    if header is None:
        return None
    at = header.end()
    first = _INDENT.match(text, at)
    # What the first line with anything in it has more than the value is indentation, whether YAML found it or its author gave it as a number.
    own = _INDENT.match(value)
    indent = max(len(first.group(1)) - len(own.group(1)), 0) if first and own else 0
    found: list[int] = []
    fresh = True
    for sign in value:
        while True:
            if fresh:
                skipped = re.compile(rf" {{0,{indent}}}").match(text, at)
                at = skipped.end() if skipped else at
                fresh = False
            start = at
            if text.startswith("\r\n", at):
                at += 1
            if at >= len(text):
                return None
            here = text[at]
            fresh = here == "\n"
            at += 1
            if here == sign or (here == "\n" and sign == " " and node.style == ">"):
                found.append(start)
                break
            if here != "\n" or node.style == "|":
                return None
    found.append(min(found[-1] + 1, len(text)) if found else header.end())
    return found
