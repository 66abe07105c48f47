"""A document as a tree of values that know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Part of a text: ``text[span[0]:span[1]]``."""

Step: TypeAlias = str | int
"""A key or an index on the way to a value."""

DEPTH = 64
"""Deeper documents are refused before anything recursive sees them; the core takes 32 levels."""

VALUES = 100_000
"""Documents of more values are refused, as the core does; an alias counts as often as it is used."""


class Refused(Exception):
    """A text that is no document of its format."""

    def __init__(self, message: str, start: int, end: int | None = None, *, code: str = "E0601", help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = (start, start if end is None else end)
        self.code = code
        self.help = help


@dataclass(slots=True)
class Node:
    """A value with its place. Where an alias stands, it is the same node as at its anchor."""

    start: int
    end: int
    scalar: Any = None
    """The value of a scalar."""
    style: str = ""
    """How a text is written: the quotes, ``|``, ``>``, or ``plain``."""
    members: dict[str, Member] | None = None
    items: list[Node] | None = None
    size: int = 1
    """How many values it holds, itself included."""

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.start, self.end

    def plain(self) -> Any:
        """The value without places."""
        if self.members is not None:
            return {key: member.node.plain() for key, member in self.members.items()}
        if self.items is not None:
            return [item.plain() for item in self.items]
        return self.scalar


@dataclass(slots=True)
class Member:
    """A key of an object with its value."""

    key: Span
    node: Node
    more: list[Span] = field(default_factory=list)
    """Where else the key stands: TOML may open a table several times."""


_NAME = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.\[\]]+)')


def steps_of(path: str) -> list[Step]:
    """The steps of a path of the core: ``rules[0].when``, ``metrics["bad name"].unit``. A name may hold dots; :func:`follow` finds those."""
    steps: list[Step] = []
    for match in _NAME.finditer(path):
        index, quoted, name = match.groups()
        if index is not None:
            steps.append(int(index))
        elif quoted is not None:
            steps.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            steps.append(name)
    return steps


def follow(root: Node, steps: Iterable[Step]) -> tuple[Node, Member | None, bool]:
    """The node at a path, or the last on the way to it; the member that it is the value of; and whether the whole way was found.

    Names of metrics, parameters and definitions may hold dots: of several keys that fit, the longest is taken.
    """
    node, member = root, None
    rest = list(steps)
    while rest:
        if isinstance(rest[0], int):
            if node.items is None or rest[0] >= len(node.items):
                return node, member, False
            node, member = node.items[rest[0]], None
            rest = rest[1:]
            continue
        for taken in range(len(rest), 0, -1):
            part = rest[:taken]
            key = ".".join(map(str, part))
            if all(isinstance(step, str) for step in part) and node.members is not None and key in node.members:
                member = node.members[key]
                node, rest = member.node, rest[taken:]
                break
        else:
            return node, member, False
    return node, member, True
