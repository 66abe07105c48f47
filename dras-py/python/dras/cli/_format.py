"""Formatting the expressions of a document in its source: what is no expression is not touched."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dras

from ._files import TextFile
from ._findings import Finding
from .source import READERS, Node, Refused, Span, positions

_BREAK = re.compile(r"\r?\n")
_ESCAPED_BREAK = re.compile(r"\\[rn]")


class NotKept(Exception):
    """An edit that would change more than an expression; nothing is written then."""


@dataclass(frozen=True)
class _Edit:
    span: Span
    text: str
    path: str


def expressions(root: Node) -> Iterator[tuple[str, Node]]:
    """The expressions of a document or of assignments, with their paths. What is not as it should be is left out."""

    def members(node: Node | None, name: str) -> list[tuple[str, Node]]:
        member = (node.members or {}).get(name) if node is not None else None
        return [(key, one.node) for key, one in (member.node.members or {}).items()] if member else []

    def items(name: str) -> list[tuple[str, Node]]:
        member = (root.members or {}).get(name)
        return [(f"{name}[{index}]", node) for index, node in enumerate(member.node.items or [])] if member else []

    found: list[tuple[str, Node]] = []
    for name, metric in members(root, "metrics"):
        found += [(f"metrics.{name}.record", one.node) for key, one in (metric.members or {}).items() if key == "record"]
    found += [(f"define.{name}", node) for name, node in members(root, "define")]
    for path, rule in items("rules"):
        found += [(f"{path}.{key}", one.node) for key, one in (rule.members or {}).items() if key in ("when", "lowers", "raises")]
        found += [(f"{path}.then.{resource}", node) for resource, node in members(rule, "then")]
    for path, assignment in items("assignments"):
        found += [(f"{path}.when", one.node) for key, one in (assignment.members or {}).items() if key == "when"]
    # An anchor may stand in several places.
    seen: set[int] = set()
    for path, node in found:
        if isinstance(node.scalar, str) and id(node) not in seen:
            seen.add(id(node))
            yield path, node


def format_document(file: TextFile) -> tuple[str, list[Finding]]:
    """The text of a file with its expressions in canonical form, and what is wrong with those that do not parse and stay as they are.

    Raises:
        Refused: the file is not of its format.
        NotKept: the result would not be the same document.
    """
    root = file.read()
    edits: list[_Edit] = []
    findings: list[Finding] = []
    for path, node in expressions(root):
        try:
            canonical = dras.format(node.scalar)
        except dras.ExpressionError as error:
            findings += [_finding(file, path, node, d) for d in error.diagnostics.errors]
            continue
        edit = _edit(file, node, canonical, path)
        if edit is not None:
            edits.append(edit)
    text = _apply(file.text, edits)
    if edits and not _same(file, root, text):
        # One of them cannot be written as its author wrote the old one: that one in quotes of its own.
        text = _one_by_one(file, root, edits)
    return text, findings


def _finding(file: TextFile, path: str, node: Node, d: dras.Diagnostic) -> Finding:
    span = node.span
    at = positions(file.text, node, file.format == "yaml")
    if at is not None and d.span is not None and d.source == node.scalar:
        span = (at[d.span[0]], at[d.span[1]])
    return Finding(file.name, d.severity, d.code, d.message, path, span, d.label, d.help, file.text)


def _edit(file: TextFile, node: Node, canonical: str, path: str) -> _Edit | None:
    value: str = node.scalar
    at = positions(file.text, node, file.format == "yaml")
    if at is None:
        return None if value.split() == canonical.split() else _Edit(_written(file, node), json.dumps(canonical, ensure_ascii=False), path)
    first = len(value) - len(value.lstrip())
    last = len(value.rstrip())
    span = (at[first], at[last - 1] + _length(file, node, at, last - 1))
    parts = _laid_out(value[first:last], canonical, [file.text[at[i] : at[i + 1]] for i in range(first, last - 1)])
    if node.style == "'" and file.format != "yaml" and "'" in canonical:
        return _Edit(node.span, json.dumps(canonical, ensure_ascii=False), path)
    if node.style in ('"', '"""'):
        parts[::2] = [json.dumps(part, ensure_ascii=False)[1:-1] for part in parts[::2]]
    elif node.style == "'" and file.format == "yaml":
        parts[::2] = [part.replace("'", "''") for part in parts[::2]]
    text = "".join(parts)
    return None if text == file.text[span[0] : span[1]] else _Edit(span, text, path)


def _written(file: TextFile, node: Node) -> Span:
    """Where a value stands, without the empty lines and the indentation behind a block."""
    return node.start, node.start + len(file.text[node.start : node.end].rstrip())


def _length(file: TextFile, node: Node, at: list[int], index: int) -> int:
    """The characters that the last one takes in the source: an escape takes several."""
    return at[index + 1] - at[index] if node.style not in ("|", ">") else 1


def _laid_out(value: str, canonical: str, pieces: list[str]) -> list[str]:
    """The canonical text in the lines that its author laid the expression out in: lines, and between them the breaks as they stand in the source.
    ``pieces`` are the sources of the characters but the last."""
    breaks: dict[int, str] = {}
    solid = 0
    space = ""
    for sign, piece in zip(value, [*pieces, ""], strict=True):
        if sign.isspace():
            space += piece
        else:
            solid += 1
            space = piece[1:] if "\n" in piece else ""
        found = list(_BREAK.finditer(space)) or (list(_ESCAPED_BREAK.finditer(space)) if sign.isspace() else [])
        if found:
            breaks[solid] = space[found[-1].start() :]
    if not breaks:
        return [canonical]
    before, after = "".join(value.split()), "".join(canonical.split())
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    wanted: dict[int, str] = {}
    for solid, line in breaks.items():
        block = next(block for block in blocks if block.a + block.size >= solid)
        wanted[block.b + min(max(solid - block.a, 0), block.size)] = line
    parts, solid = [""], 0
    for sign in canonical:
        if not sign.isspace():
            if solid > 0 and solid in wanted:
                parts[-1] = parts[-1].rstrip()
                parts += [wanted.pop(solid), ""]
            solid += 1
        parts[-1] += sign
    try:
        return parts if dras.format("\n".join(parts[::2])) == canonical else [canonical]
    except dras.ExpressionError:
        return [canonical]


def _apply(text: str, edits: list[_Edit]) -> str:
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        text = text[: edit.span[0]] + edit.text + text[edit.span[1] :]
    return text


def _same(file: TextFile, root: Node, text: str) -> bool:
    """Whether a text holds the same document with its expressions in canonical form."""
    try:
        other = READERS[file.format](text)
    except Refused:
        return False
    return bool(_canonical(root) == _canonical(other))


def _canonical(root: Node) -> Any:
    """The values of a document, with its expressions in canonical form."""
    changed: list[tuple[Node, str]] = []
    for _, node in expressions(root):
        try:
            formatted = dras.format(node.scalar)
        except dras.ExpressionError:
            continue
        changed.append((node, node.scalar))
        node.scalar = formatted
    plain = root.plain()
    for node, value in changed:
        node.scalar = value
    return plain


def _one_by_one(file: TextFile, root: Node, edits: list[_Edit]) -> str:
    nodes = dict(expressions(root))
    kept: list[_Edit] = []
    for edit in edits:
        node = nodes[edit.path]
        canonical = dras.format(node.scalar)
        single = "'" + canonical.replace("'", "''") + "'" if file.format == "yaml" and "'" not in canonical else None
        double = json.dumps(canonical, ensure_ascii=False)
        choices = [edit, *(_Edit(_written(file, node), text, edit.path) for text in (single, double) if text is not None)]
        chosen = next((choice for choice in choices if _same(file, root, _apply(file.text, [*kept, choice]))), None)
        if chosen is None:
            raise NotKept(f"the expression at {edit.path} could not be written in its place")
        kept.append(chosen)
    return _apply(file.text, kept)
