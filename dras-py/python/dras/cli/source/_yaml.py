"""YAML with the place of every value, by YAML 1.2's core schema: ``on``, ``yes`` and ``2026-11-21`` are texts, not a truth value and a date.

Built from the parser's events rather than from its objects: that knows places, does not recurse, and lets nothing pass in silence, such as a key that
stands twice. Aliases and merge keys (``<<``) work; what they may grow to is bounded.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from ._node import DEPTH, VALUES, Member, Node, Refused, Span

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
_NULLS = ("", "~", "null", "Null", "NULL")
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_TAG = "tag:yaml.org,2002:"


def read_yaml(text: str) -> Node:
    """The document in ``text``.

    Raises:
        Refused: it is no YAML, holds no document or several, or something that a document cannot hold.
    """
    builder = _Builder(text)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.event(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = len(text) if mark is None else mark.index
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise Refused(f"not valid YAML: {what}", min(at, len(text)), help=_advice(text, at)) from None
    except yaml.reader.ReaderError as error:
        at = error.position
        raise Refused(f"not valid YAML: the character U+{ord(text[at]):04X} is not allowed", at, at + 1) from None
    except yaml.YAMLError as error:
        raise Refused(f"not valid YAML: {error}", 0) from None
    if builder.root is None:
        raise Refused("the file is empty" if not text.strip() else "the file holds no document", 0)
    return builder.root


def _advice(text: str, at: int) -> str | None:
    """What is wrong most often."""
    sign = text[at : at + 1]
    if sign == "\t":
        return "YAML is indented with spaces, not with tabs"
    if sign in ("%", "@", "`", "!", "&", "*", "|", ">", ":", "?"):
        return "put an expression in quotes where it begins with one of `! & * | > % @`, or holds `: ` or ` #`"
    return None


class _Open:
    """A mapping or a sequence whose end is not there yet."""

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: tuple[str, Span] | None = None
        self.merged: list[Node] = []


class _Builder:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.documents = 0

    def event(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise Refused("the file holds more than one document", start, end, help="write each document into a file of its own")
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise Refused(f"the anchor `{event.anchor}` is not known here", start, end)
                node = self.anchors[event.anchor]
                if node is None:
                    raise Refused(f"`*{event.anchor}` stands inside of what it names", start, end)
                self.add(node, (start, end))
            case yaml.ScalarEvent():
                node = self.scalar(event, start, end)
                if event.anchor:
                    self.anchors[event.anchor] = node
                self.add(node, (start, end))
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self.begin(event, start, end)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                # The end of what is indented is the beginning of the next token; that would be far away.
                done = self.open.pop()
                if start > done.node.start and end > start:
                    done.node.end = end
                self.merge(done)
                if done.anchor:
                    self.anchors[done.anchor] = done.node
                self.add(done.node, done.node.span)

    def begin(self, event: Any, start: int, end: int) -> None:
        if event.tag not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
            raise Refused(f"the tag `{event.tag}` is not for documents", start, end, help="leave it out")
        if len(self.open) >= DEPTH:
            raise Refused(f"the document has more than {DEPTH} levels", start, end, code="E0616")
        mapping = isinstance(event, yaml.MappingStartEvent)
        node = Node(start, max(end, start + 1), members={}) if mapping else Node(start, max(end, start + 1), items=[])
        if self.open and self.open[-1].node.members is not None and self.open[-1].key is None:
            raise Refused("a key is a text, not an object or a list", start, end)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append(_Open(node, event.anchor))

    def add(self, node: Node, span: Span) -> None:
        """Puts a value where it belongs: at the top, into the sequence, or as key or value into the mapping that is open."""
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if parent.node.items is not None:
            parent.node.items.append(node)
        elif parent.key is None:
            parent.key = self.key(parent, node, span)
            return
        else:
            key, key_span = parent.key
            parent.key = None
            if key == "<<" and self.text[slice(*key_span)] == "<<":
                parent.merged.append(node)
            else:
                assert parent.node.members is not None
                parent.node.members[key] = Member(key_span, node)
        parent.node.size += node.size
        if parent.node.size > VALUES:
            raise Refused(f"the document has more than {VALUES} values", *span, code="E0616", help="an alias counts as often as it is used")

    def key(self, parent: _Open, node: Node, span: Span) -> tuple[str, Span]:
        key = node.scalar
        if not isinstance(key, str):
            written = "a list or an object" if node.scalar is None and node.style == "" and node.size > 1 else f"`{_shown(key)}`"
            raise Refused(f"a key is a text, not {written}", *span, help=f'write `"{_shown(key)}"`')
        if parent.node.members is not None and key in parent.node.members:
            first = self.text.count("\n", 0, parent.node.members[key].key[0]) + 1
            raise Refused(
                f"`{key}` stands twice in the same object",
                *span,
                code="E0608",
                help=f"YAML readers would silently keep one of them: remove the other; the first is in line {first}",
            )
        return key, span

    def merge(self, done: _Open) -> None:
        """What ``<<`` brings: keys that the mapping does not have itself; of several mappings the first wins."""
        for given in done.merged:
            for source in given.items if given.items is not None else [given]:
                if source.members is None:
                    raise Refused("`<<` takes an object, or a list of objects", *source.span)
                assert done.node.members is not None
                for key, member in source.members.items():
                    done.node.members.setdefault(key, member)

    def scalar(self, event: Any, start: int, end: int) -> Node:
        text: str = event.value
        style = event.style or "plain"
        tag = event.tag
        if event.anchor or tag is not None:
            # The event begins with anchor and tag; the value stands behind them.
            properties = _PROPERTIES.match(self.text, start)
            start = min(properties.end(), end) if properties else start
        if tag is not None and tag not in ("!", *(_TAG + name for name in ("str", "int", "float", "bool", "null"))):
            raise Refused(f"the tag `{tag}` is not for documents", start, end, help="leave it out, or put the value in quotes")
        if tag in ("!", f"{_TAG}str") or (tag is None and style != "plain"):
            return Node(start, end, text, style)
        value = _resolve(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(
                f"`{text if len(text) < 40 else text[:36] + '…'}` is no number that a document can hold",
                start,
                end,
                help="leave out what is not known",
            )
        return Node(start, end, value, style if isinstance(value, str) else "")


def _resolve(text: str) -> Any:
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _INT.fullmatch(text):
        # More digits than any number of a document has: the core says what is wrong with it.
        if len(text) > 100:
            return float(text)
        base = 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10
        return int(text[2:] if base != 10 else text, base)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.lower().replace(".", ""))
    return text


def _shown(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
