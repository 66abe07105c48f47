"""``dras check``."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

import dras

from ._documents import Document, Places, Shelf, compile_document, folder, read_document, shelve
from ._files import TextFile, Unreadable, read_file
from ._findings import Finding
from ._options import files_argument, input_format, library_option
from .source import Refused

_CHECK_EPILOG = """\b
Examples:
  dras check rules/*.yaml
  dras check --deny warnings --library rules/shared orders.toml
  generate-rules | dras check --input-format json -
  dras check --format json etl.yaml | jq .message

\b
Exit codes: 0 no errors, 1 errors (or warnings with --deny warnings), 2 wrong usage or a file that cannot be read."""


@click.command(epilog=_CHECK_EPILOG)
@files_argument
@library_option
@input_format
@click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="json: one object a line for each finding."
)
@click.option("--deny", type=click.Choice(["warnings"]), help="Warnings count as errors.")
@click.option("--retention", metavar="DURATION", help="How long metrics are kept, such as 15d: windows that reach back further are reported.")
def check(files: tuple[str, ...], library: tuple[str, ...], input_format: str | None, output: str, deny: str | None, retention: str | None) -> int:
    """Say everything that is wrong or odd in rule documents (and in assignments), with file, line and column.

    FILES are JSON, YAML or TOML; `-` is standard input. Documents that extend others find them by name among FILES and in the folders of --library.
    """
    if files.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    given, unreadable = _read(files, input_format)
    shelved = [file for path in library for file in folder(path)]
    findings = examine(given, shelved, retention)
    for finding in findings:
        click.echo(finding.to_json() if output == "json" else finding.render() + "\n")
    if output == "text" and given:
        click.echo(_sum(findings, len(given)), err=True)
    for error in unreadable:
        error.show()
    bad = {"error", "warning"} if deny == "warnings" else {"error"}
    return 2 if unreadable else int(any(finding.severity in bad for finding in findings))


def _read(names: Iterable[str], input_format: str | None) -> tuple[list[TextFile], list[Unreadable]]:
    """The files that can be read, each once, and the others."""
    files: list[TextFile] = []
    unreadable: list[Unreadable] = []
    seen: set[str] = set()
    for name in names:
        real = os.path.realpath(name)
        if real in seen:
            continue
        seen.add(real)
        try:
            files.append(read_file(name, input_format))
        except Unreadable as error:
            unreadable.append(error)
    return files, unreadable


def examine(given: list[TextFile], shelved: list[TextFile], retention: str | None) -> list[Finding]:
    """All that is to be said of the files that are given, file by file, in the order of the text."""
    findings: list[Finding] = []
    documents: list[Document] = []
    names = {os.path.realpath(file.name) for file in given}
    for file in (*given, *(file for file in shelved if os.path.realpath(file.name) not in names)):
        try:
            documents.append(read_document(file))
        except Refused as refused:
            findings.append(Finding.of(file.name, file.text, refused))
    shelf, refused_names = shelve(documents)
    asked = {file.name for file in given}
    for document in documents:
        if document.file.name in asked:
            findings += _document(document, shelf, retention)
    # A name that is taken, or a broken document among those that others extend.
    findings += refused_names
    order = {file.name: index for index, file in enumerate((*given, *shelved))}
    return sorted(dict.fromkeys(findings), key=lambda finding: (order[finding.file], finding.sort_key()))


def _document(document: Document, shelf: Shelf, retention: str | None) -> list[Finding]:
    places = Places(document, shelf.documents)
    said: list[dras.Diagnostic] = []
    try:
        if document.assigns:
            assigner = dras.Assigner(document.text)
            said += assigner.warnings
            if shelf.documents:
                said += assigner.check(shelf.library)
        else:
            policy = compile_document(document, shelf)
            said += policy.warnings
            said += policy.lint(retention=retention)
    except dras.CompileError as error:
        said += error.diagnostics
    return [places.finding(d) for d in said]


def _sum(findings: list[Finding], files: int) -> str:
    def count(number: int, what: str) -> str:
        return f"{number} {what}" + ("" if number == 1 else "s")

    kinds = [finding.severity for finding in findings]
    parts = [count(kinds.count(kind), name) for kind, name in (("error", "error"), ("warning", "warning"), ("info", "remark")) if kind in kinds]
    return f"{', '.join(parts) or 'nothing to report'} in {count(files, 'file')}"
