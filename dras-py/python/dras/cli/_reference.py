"""``dras functions`` and ``dras schema``: the language and documents, from the catalogue of the core."""

from __future__ import annotations

import difflib
import json
import re
import textwrap
from dataclasses import asdict
from itertools import groupby

import click

import dras

from ._findings import width

_FUNCTIONS_EPILOG = """\b
Examples:
  dras functions
  dras functions quantile
  dras functions --format json | jq -r '.[].name'"""

_WIDTH = 110


@click.command(epilog=_FUNCTIONS_EPILOG)
@click.argument("name", required=False)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def functions(name: str | None, output: str) -> int:
    """List the functions of the expression language, or show one with its examples."""
    known = dras.functions()
    chosen = [function for function in known if name is None or function.name == name]
    if not chosen:
        near = difflib.get_close_matches(name or "", [function.name for function in known], n=3)
        advice = f"; is it {' or '.join(near)}?" if near else "; `dras functions` lists them"
        raise click.UsageError(f"there is no function {name}{advice}")
    if output == "json":
        listed = [asdict(function) | {"examples": [{"expression": e, "result": r} for e, r in function.examples]} for function in chosen]
        click.echo(json.dumps(listed if name is None else listed[0], indent=2, ensure_ascii=False))
    elif name is None:
        click.echo(_table(chosen))
    else:
        click.echo("\n\n".join(map(_page, chosen)))
    return 0


def _table(known: list[dras.Function]) -> str:
    indent = max(len(function.signature) for function in known if len(function.signature) <= 30) + 2
    lines: list[str] = []
    for group, members in groupby(known, key=lambda function: function.group):
        lines += ["", click.style(group, bold=True)]
        for function in members:
            sentence = re.split(r"(?<=\.)\s", function.doc, maxsplit=1)[0]
            signature = function.signature
            if width(signature) + 2 > indent:
                lines.append(f"  {click.style(signature, fg='cyan')}")
                signature = ""
            wrapped = textwrap.wrap(sentence, _WIDTH - indent - 2) or [""]
            lines.append(f"  {click.style(signature, fg='cyan')}{' ' * (indent - len(signature))}{wrapped[0]}")
            lines += [" " * (indent + 2) + line for line in wrapped[1:]]
    return "\n".join(lines[1:])


def _page(function: dras.Function) -> str:
    lines = [click.style(function.signature, fg="cyan", bold=True), function.group, "", *textwrap.wrap(function.doc, _WIDTH)]
    if function.examples:
        lines += ["", click.style("Examples", bold=True)]
        longest = max(width(expression) for expression, _ in function.examples)
        lines += [f"  {expression}{' ' * (longest - width(expression))}  → {result}" for expression, result in function.examples]
    return "\n".join(lines)


_SCHEMA_EPILOG = """\b
Examples:
  dras schema > document.schema.json
  # and as the first line of a document, for editors:
  #   yaml-language-server: $schema=document.schema.json"""


@click.command(epilog=_SCHEMA_EPILOG)
def schema() -> int:
    """Print the JSON Schema (2020-12) of rule documents, for editors and forms."""
    click.echo(json.dumps(dras.schema(), indent=2, ensure_ascii=False))
    return 0
