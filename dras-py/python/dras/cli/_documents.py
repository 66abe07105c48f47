"""Rule documents in files: reading, compiling, and the places of what the core says of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dras

from ._files import EXTENSIONS, TextFile, Unreadable, read_file, reason
from ._findings import Finding
from .source import Member, Node, Refused, Span, follow, positions, read_json, steps_of

_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


@dataclass(frozen=True)
class Document:
    """A document, and where each of its values stands in its file."""

    file: TextFile
    root: Node
    text: str
    """Its JSON: the text of the file itself where that is JSON."""
    places: Node
    """The places of the values in ``text``."""

    @property
    def plain(self) -> Any:
        """Its values."""
        return self.root.plain()

    def field(self, name: str) -> Any:
        """A field of the document; ``None`` where there is none."""
        member = (self.root.members or {}).get(name)
        return member and member.node.plain()

    @property
    def name(self) -> str:
        """Its name, empty where it has none."""
        name = self.field("name")
        return name if isinstance(name, str) else ""

    @property
    def extends(self) -> bool:
        """Whether it extends other documents."""
        return "extends" in (self.root.members or {})

    @property
    def assigns(self) -> bool:
        """Whether it holds assignments, and not rules."""
        return "assignments" in (self.root.members or {})


def read_document(file: TextFile) -> Document:
    """The document in a file.

    Raises:
        Refused: the file is not of its format.
    """
    if file.format != "json":
        root = file.read()
        text = json.dumps(root.plain())
        return Document(file, root, text, read_json(text))
    try:
        root = file.read()
    except Refused:
        # What is wrong with JSON the core says better, if it agrees.
        try:
            dras.Policy(file.text)
        except dras.PolicyError as error:
            first = error.diagnostics.errors[0]
            at = _index(file.text, first.line, first.column) if first.span is None else first.span
            message = "the file is empty" if not file.text.strip() else first.message
            raise Refused(message, *(at or (0, 0)), code=first.code, help=first.help if file.text.strip() else None) from None
        raise
    return Document(file, root, file.text, root)


def _index(text: str, line: int | None, column: int | None) -> Span | None:
    if line is None or column is None:
        return None
    begin = 0
    for _ in range(line - 1):
        begin = text.find("\n", begin) + 1
    return begin + column - 1, begin + column


class Places:
    """Finds the place in a file of what the core says of documents."""

    def __init__(self, document: Document, library: Iterable[Document] = ()) -> None:
        self.document = document
        self.library = {other.name: other for other in library}

    def finding(self, d: dras.Diagnostic) -> Finding:
        """A diagnostic of the document, or of one that it extends, with its place in the file."""
        document, path = self.document, d.path
        name, colon, rest = path.partition(": ")
        if colon and name in self.library and name != document.name:
            document, path = self.library[name], rest
        file = document.file
        span = _span(document, path, d)
        return Finding(file.name, d.severity, d.code, d.message, path, span, d.label, d.help or _advice(document, d, span), file.text)


def _advice(document: Document, d: dras.Diagnostic, span: Span | None) -> str | None:
    """What an author of YAML should know and the core cannot."""
    written = document.file.text[span[0] : span[1]] if span is not None else ""
    if document.file.format == "yaml" and d.code == "E0604" and written.lower() in _TRUTHS:
        return f"documents are YAML 1.2, where `{written}` is a text: write `{_TRUTHS[written.lower()]}`"
    return None


def _span(document: Document, path: str, d: dras.Diagnostic) -> Span | None:
    if (d.source is None and d.line is not None) or d.source == document.text:
        found = d.span or _index(document.text, d.line, d.column)
        if found is None:
            return None
        return found if document.root is document.places and d.span is not None else _moved(document, found)
    # In strategies: `strategies[0]: cpu: rules[1]`.
    own = path.partition(": ")[0]
    node, member, _ = follow(document.root, steps_of(own))
    if d.source is not None and d.span is not None and node.scalar == d.source:
        at = positions(document.file.text, node, document.file.format == "yaml")
        if at is not None:
            start, end = at[d.span[0]], at[d.span[1]]
            return start, max(end, start + 1) if d.span[1] > d.span[0] else start
    return _mark(document, node, member)


def _moved(document: Document, span: Span) -> Span:
    """A place in the JSON of a document as the place in its file."""
    here, there = document.places, document.root
    member: Member | None = None
    while True:
        pairs: list[tuple[Node, Node, Member | None]] = []
        if here.members is not None and there.members is not None:
            for key, one in here.members.items():
                if one.key[0] <= span[0] < one.key[1]:
                    return there.members[key].key
                pairs.append((one.node, there.members[key].node, there.members[key]))
        elif here.items is not None and there.items is not None:
            pairs = [(one, other, None) for one, other in zip(here.items, there.items, strict=True)]
        inside = next((pair for pair in pairs if pair[0].start <= span[0] < pair[0].end), None)
        if inside is None:
            return _mark(document, there, member)
        here, there, member = inside


def _mark(document: Document, node: Node, member: Member | None) -> Span:
    """What is underlined of a value. An object or a list may be long: its key, or its bracket, or its first line where it has neither."""
    if node.members is None and node.items is None:
        return node.span
    if member is not None:
        return member.key
    text = document.file.text
    if text[node.start] in "{[":
        return node.start, node.start + 1
    line = text.find("\n", node.start)
    return node.start, max(len(text[: len(text) if line < 0 else line].rstrip()), node.start + 1)


@dataclass
class Shelf:
    """The documents that others may extend, by name, and what is wrong with them."""

    library: dras.Library
    documents: list[Document]


def folder(path: str) -> list[TextFile]:
    """The files with documents in a folder, by name.

    Raises:
        Unreadable: the folder or a file in it cannot be read.
    """
    try:
        found = sorted(entry for entry in Path(path).iterdir() if entry.suffix.lower() in EXTENSIONS and entry.is_file())
    except OSError as error:
        raise Unreadable(f"cannot read {path}: {reason(error)}") from None
    return [read_file(str(entry)) for entry in found]


def shelve(documents: Iterable[Document]) -> tuple[Shelf, list[Finding]]:
    """A library of documents, and why some of them cannot be in it. Documents without a name, and assignments, are left out."""
    shelf = Shelf(dras.Library(), [])
    findings: list[Finding] = []
    for document in documents:
        if document.assigns or not document.name:
            continue
        try:
            shelf.library.add(document.text)
        except dras.PolicyError as error:
            findings += [Places(document).finding(d) for d in error.diagnostics]
        else:
            shelf.documents.append(document)
    return shelf, findings


def compile_document(document: Document, shelf: Shelf) -> dras.Policy:
    """The policy of a document, with all that it extends.

    Raises:
        dras.PolicyError: it is refused.
    """
    if document.extends and document.name in shelf.library:
        return shelf.library.policy(document.name)
    return dras.Policy(document.text)
