"""TOML with the place of every value. `tomllib` judges whether it is TOML; what it accepts is read once more for the places."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time
from typing import Any

from ._node import DEPTH, Member, Node, Refused, Span

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL)
_OTHER = re.compile(r"[^,\]}#\r\n]+")
# Of tomllib's messages: only from Python 3.14 on are line and column attributes of the error.
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_toml(text: str) -> Node:
    """The document in ``text``.

    Raises:
        Refused: it is no TOML, or holds something that a document cannot hold.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(text, str(error)) from None
    except RecursionError:
        raise _too_deep() from None
    if not values:
        raise Refused("the file is empty" if not text.strip() else "the file holds no document", 0)
    try:
        root = _Places(text).document()
    except RecursionError:
        raise _too_deep() from None
    _fill(root, values, 0)
    return root


def _too_deep() -> Refused:
    return Refused(f"the document has more than {DEPTH} levels", 0, code="E0616")


def _refused(text: str, message: str) -> Refused:
    match = _PLACE.search(message)
    at = len(text)
    if match is not None and match.group(1) is not None:
        lines = text.split("\n")
        line = int(match.group(1)) - 1
        at = sum(len(before) + 1 for before in lines[:line]) + int(match.group(2)) - 1
    what = message[: match.start()] if match else message
    return Refused(f"not valid TOML: {what[:1].lower()}{what[1:]}", min(at, len(text)))


def _fill(node: Node, value: Any, depth: int) -> None:
    """Puts the values that `tomllib` has read into the tree of places."""
    if depth > DEPTH:
        raise Refused(f"the document has more than {DEPTH} levels", *node.span, code="E0616")
    if isinstance(value, dict) and node.members is not None:
        for key, child in value.items():
            _fill(node.members[key].node, child, depth + 1)
        node.size = 1 + sum(member.node.size for member in node.members.values())
    elif isinstance(value, list) and node.items is not None:
        for item, child in zip(node.items, value, strict=True):
            _fill(item, child, depth + 1)
        node.size = 1 + sum(item.size for item in node.items)
    elif isinstance(value, datetime | date | time):
        raise Refused("a document holds no dates and times", *node.span, help="put it in quotes")
    elif isinstance(value, float) and value - value != 0:
        raise Refused(f"`{value}` is no number that a document can hold", *node.span, help="leave out what is not known")
    else:
        node.scalar = value


class _Places:
    """Reads a text that is TOML, for the places of its keys and values."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def document(self) -> Node:
        root = Node(0, min(1, len(self.text)), members={})
        table = root
        while sign := self.skip(_BLANK):
            if sign == "[":
                table = self.header(root)
            else:
                self.entry(table)
        return root

    def header(self, root: Node) -> Node:
        """``[table]`` or ``[[list of tables]]``."""
        start = self.at
        double = self.text.startswith("[[", start)
        self.at += 2 if double else 1
        keys = self.keys()
        self.at += 2 if double else 1
        table = root
        for index, (key, span) in enumerate(keys):
            last = index == len(keys) - 1
            assert table.members is not None
            member = table.members.get(key)
            if last and double:
                if member is None:
                    member = table.members[key] = Member(span, Node(start, self.at, items=[]))
                node = Node(start, self.at, members={})
                assert member.node.items is not None
                member.node.items.append(node)
                return node
            table = self.step(table, key, span, (start, self.at))
        return table

    def step(self, table: Node, key: str, key_span: Span, span: Span) -> Node:
        """The table of that name in a table; of a list of tables the last."""
        assert table.members is not None
        member = table.members.get(key)
        if member is None:
            member = table.members[key] = Member(key_span, Node(*span, members={}))
        else:
            member.more.append(key_span)
        return member.node.items[-1] if member.node.items else member.node

    def keys(self) -> list[tuple[str, Span]]:
        """A key with dots."""
        keys: list[tuple[str, Span]] = []
        while True:
            sign = self.skip(_SPACE)
            start = self.at
            self.skip(_BASIC if sign == '"' else _LITERAL if sign == "'" else _BARE)
            written = self.text[start : self.at]
            key = next(iter(tomllib.loads(f"{written} = 0"))) if sign in ("'", '"') else written
            keys.append((key, (start, self.at)))
            if self.skip(_SPACE) != ".":
                return keys
            self.at += 1

    def entry(self, table: Node) -> None:
        """``key = value``."""
        keys = self.keys()
        self.at += 1
        self.skip(_SPACE)
        value = self.value()
        span = (keys[0][1][0], value.end)
        for key, key_span in keys[:-1]:
            table = self.step(table, key, key_span, span)
        assert table.members is not None
        table.members[keys[-1][0]] = Member(keys[-1][1], value)

    def value(self) -> Node:
        start = self.at
        for opening, pattern in (('"""', _LONG_BASIC), ("'''", _LONG_LITERAL), ('"', _BASIC), ("'", _LITERAL)):
            if self.text.startswith(opening, start):
                self.skip(pattern)
                return Node(start, self.at, style=opening)
        sign = self.text[start]
        if sign in "[{":
            return self.many(start, "]" if sign == "[" else "}")
        self.skip(_OTHER)
        end = start + len(self.text[start : self.at].rstrip())
        return Node(start, end)

    def many(self, start: int, closing: str) -> Node:
        """A list, or an inline table."""
        self.at += 1
        node = Node(start, start, items=[]) if closing == "]" else Node(start, start, members={})
        while self.skip(_BLANK) != closing:
            if self.text[self.at] == ",":
                self.at += 1
            elif node.items is not None:
                node.items.append(self.value())
            else:
                self.entry(node)
        self.at += 1
        node.end = self.at
        return node
