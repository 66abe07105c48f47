"""JSON with the place of every value. The core judges whether it is JSON; this finds places, and is silent where it is not."""

from __future__ import annotations

import json
import re

from ._node import DEPTH, Member, Node, Refused

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_DECODER = json.JSONDecoder()
_WORDS = {"true": True, "false": False, "null": None}


def read_json(text: str) -> Node:
    """The document in ``text``.

    Raises:
        Refused: it is not JSON.
    """
    reader = _Reader(text)
    try:
        root = reader.value(0)
        reader.skip()
    except json.JSONDecodeError as error:
        raise Refused(f"not valid JSON: {error.msg}", error.pos) from None
    if reader.at < len(text):
        raise Refused("not valid JSON: something follows the document", reader.at)
    return root


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip(self) -> str:
        """Goes to the next character that is no space, and gives it; an empty text at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def refuse(self, what: str) -> Refused:
        return Refused(f"not valid JSON: {what}", self.at)

    def string(self) -> str:
        value, self.at = _DECODER.raw_decode(self.text, self.at)
        return str(value)

    def value(self, depth: int) -> Node:
        if depth > DEPTH:
            raise self.refuse(f"more than {DEPTH} levels")
        sign = self.skip()
        start = self.at
        if sign == "{":
            return self.object(start, depth)
        if sign == "[":
            return self.list(start, depth)
        if sign == '"':
            text = self.string()
            return Node(start, self.at, text, '"')
        for word, value in _WORDS.items():
            if self.text.startswith(word, start):
                self.at += len(word)
                return Node(start, self.at, value)
        match = _NUMBER.match(self.text, start)
        if match is None:
            raise self.refuse("a value is missing")
        self.at = match.end()
        digits = match.group()
        whole = digits.lstrip("-").isdigit() and len(digits) < 100
        return Node(start, self.at, int(digits) if whole else float(digits))

    def object(self, start: int, depth: int) -> Node:
        self.at += 1
        members: dict[str, Member] = {}
        size = 1
        while self.skip() != "}":
            if members:
                self.comma()
            if self.skip() != '"':
                raise self.refuse("a key in quotes is missing")
            key_start = self.at
            key = self.string()
            key_span = (key_start, self.at)
            if self.skip() != ":":
                raise self.refuse("`:` is missing")
            self.at += 1
            node = self.value(depth + 1)
            size += node.size
            members[key] = Member(key_span, node)
        self.at += 1
        return Node(start, self.at, members=members, size=size)

    def list(self, start: int, depth: int) -> Node:
        self.at += 1
        items: list[Node] = []
        while self.skip() != "]":
            if items:
                self.comma()
            items.append(self.value(depth + 1))
        self.at += 1
        return Node(start, self.at, items=items, size=1 + sum(item.size for item in items))

    def comma(self) -> None:
        if self.text[self.at : self.at + 1] != ",":
            raise self.refuse("`,` is missing")
        self.at += 1
