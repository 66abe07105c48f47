"""``dras fmt``."""

from __future__ import annotations

import difflib
import os
import stat
import sys
import tempfile

import click

import dras

from ._files import TextFile, Unreadable, decode, read_bytes, read_file, reason
from ._findings import Finding, visible
from ._format import NotKept, format_document
from ._options import input_format
from .source import Refused

_FMT_EPILOG = """\b
Examples:
  dras fmt rules/*.yaml
  dras fmt --check rules/*.yaml
  dras fmt --diff etl.toml
  dras fmt -e 'cpu>80%&&( lag > 5m )'

\b
Exit codes: 0 done, 1 something does not parse (or, with --check or --diff, is not formatted), 2 wrong usage or a file that cannot be
read or written."""


@click.command(epilog=_FMT_EPILOG)
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option("-e", "--expression", metavar="EXPR", help="Format this expression; `-` reads it from standard input.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is not formatted.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change, and exit with 1 if anything would.")
@input_format
def fmt(files: tuple[str, ...], expression: str | None, check: bool, diff: bool, input_format: str | None) -> int:
    """Write the expressions in rule documents in their canonical form.

    Only expressions are touched: comments, order, quotes and the lines that an expression is laid out in stay. `-` formats a document from
    standard input to standard output.
    """
    if (expression is None) == (not files):
        raise click.UsageError("say FILES, or an expression with -e")
    if expression is not None:
        return _expression(expression, check)
    if files.count("-") > 1:
        raise click.UsageError("standard input can be read only once")
    worst = 0
    for name in files:
        try:
            worst = max(worst, _file(name, check, diff, input_format))
        except Unreadable as error:
            error.show()
            worst = 2
    return worst


def _expression(expression: str, check: bool) -> int:
    text = decode(read_bytes("-"), "-")[0] if expression == "-" else expression
    try:
        formatted = dras.format(text)
    except dras.ExpressionError as error:
        for d in error.diagnostics:
            span = d.span if d.source is not None else None
            finding = Finding("<stdin>" if expression == "-" else "<expression>", d.severity, d.code, d.message, "", span, d.label, d.help, text)
            click.echo(finding.render(), err=True)
        return 1
    if check:
        return int(formatted != text.rstrip("\r\n"))
    click.echo(formatted)
    return 0


def _file(name: str, check: bool, diff: bool, input_format: str | None) -> int:
    file = read_file(name, input_format)
    try:
        formatted, findings = format_document(file)
    except Refused as refused:
        click.echo(Finding.of(file.name, file.text, refused).render() + "\n", err=True)
        return 1
    except NotKept as error:
        click.echo(f"Error: {visible(file.name)} is left as it is: {error}", err=True)
        return 1
    for finding in findings:
        click.echo(finding.render() + "\n", err=True)
    changed = formatted != file.text
    if diff and changed:
        _show_diff(file, formatted)
    elif check and changed:
        click.echo(f"would format {visible(file.name)}")
    elif name == "-" and not (check or diff):
        click.echo((b"\xef\xbb\xbf" if file.mark else b"") + formatted.encode(), nl=False)
    elif changed:
        _write(name, file, formatted)
        click.echo(f"formatted {visible(file.name)}", err=True)
    return 1 if findings or (changed and (check or diff)) else 0


def _show_diff(file: TextFile, formatted: str) -> None:
    before, after = file.text.splitlines(keepends=True), formatted.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, file.name, file.name + " (formatted)"):
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        click.echo(click.style(visible(line.rstrip("\r\n")), fg=colour))


def _write(name: str, file: TextFile, text: str) -> None:
    """Replaces a file at once, so that nobody ever sees half of it, and keeps its rights."""
    target = os.path.realpath(name)
    handle = -1
    temporary = None
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode)
        if not os.access(target, os.W_OK):
            raise PermissionError(13, "permission denied")
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".dras-")
        with os.fdopen(handle, "wb") as out:
            out.write((b"\xef\xbb\xbf" if file.mark else b"") + text.encode())
        if sys.platform != "win32":
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise Unreadable(f"cannot write {name}: {reason(error)}") from None
