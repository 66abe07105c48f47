"""``dras explain``."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import click

import dras

from ._documents import Document, Places, compile_document, folder, read_document, shelve
from ._files import EXTENSIONS, read_file
from ._findings import Finding, visible, width
from ._options import input_format, library_option
from ._timeline import span
from .source import Refused

_EXPLAIN_EPILOG = """\b
Examples:
  dras explain 'cpu > 80% && lag > 5m' cpu=0.9 lag=7m
  dras explain 'heap / limit' heap=1.5GiB limit=2GiB
  dras explain 'lag > 5m ?? false' lag:s=
  dras explain etl.yaml

\b
Values:
  cpu=0.9, cpu=90%      a number
  lag=7m, heap=1.5GiB   a duration or an amount of data
  lag:ms=412000         a number in the unit that is named
  kind=sql, live=true   a text, a truth value
  lag:s=                undefined: there was no value

\b
Exit codes: 0 explained, 1 the expression or document has errors, 2 wrong usage or a file that cannot be read."""

_WIDTH = 110
_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)(?::([A-Za-z/]+))?=(.*)", re.DOTALL)


@click.command(epilog=_EXPLAIN_EPILOG, short_help="Show the value of every part of an expression, or what a rule document asks and does.")
@click.argument("subject", metavar="EXPR|FILE")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@library_option
@input_format
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of an expression.")
def explain(subject: str, values: tuple[str, ...], library: tuple[str, ...], input_format: str | None, output: str) -> int:
    """Show the value of every part of an expression, or what a rule document asks and does.

    What ends with .json, .yaml, .yml or .toml, and `-`, is a document; anything else is an expression.
    """
    if subject == "-" or os.path.splitext(subject)[1].lower() in EXTENSIONS:
        if values:
            raise click.UsageError("values are for expressions; a document is explained without them")
        if output == "json":
            raise click.UsageError("--format json is for expressions; the whole of a document as JSON is the document")
        return _document(subject, library, input_format)
    return _expression(subject, values, output)


def _expression(source: str, values: tuple[str, ...], output: str) -> int:
    variables: dict[str, str] = {}
    given: dict[str, Any] = {}
    for value in values:
        match = _VALUE.fullmatch(value)
        if match is None:
            raise click.UsageError(f"write NAME=VALUE, not {value}")
        name, unit, text = match.groups()
        if name in variables:
            raise click.UsageError(f"{name} is given twice")
        variables[name], given[name] = _read(name, unit, text.strip())
    try:
        expression = dras.Expression(source, variables)
    except dras.ExpressionError as error:
        for d in error.diagnostics:
            click.echo(Finding("<expression>", d.severity, d.code, d.message, "", d.span, d.label, d.help, source).render() + "\n", err=True)
        return 1
    except dras.InputError as error:
        raise click.UsageError(str(error)) from None
    for d in expression.warnings:
        click.echo(Finding("<expression>", d.severity, d.code, d.message, "", d.span, d.label, d.help, source).render() + "\n", err=True)
    explanation = expression.explain(given)
    if output == "json":
        parts = [{"text": p.text, "parent": p.parent, "type": p.type, "value": p.value, "undefined": p.undefined} for p in explanation.parts]
        click.echo(json.dumps({"expression": source, "type": expression.type, "parts": parts}))
    else:
        click.echo(visible(explanation.text))
    return 0


def _read(name: str, unit: str | None, text: str) -> tuple[str, Any]:
    """The kind of a variable and its value."""
    if unit is not None:
        kind = {"string": "text", "number": "number"}.get(unit, unit)
        if not text:
            return kind, None
        if kind == "bool":
            if text not in ("true", "false"):
                raise click.UsageError(f"{name} is `true` or `false`, not {text}")
            return kind, text == "true"
        if kind == "text":
            return kind, text
        try:
            return kind, float(text)
        except ValueError:
            raise click.UsageError(f"{name}:{unit} takes a number, not {text}") from None
    if not text:
        return "number", None
    if text in ("true", "false"):
        return "bool", text == "true"
    try:
        return "number", float(text)
    except ValueError:
        pass
    try:
        constant = dras.Expression(text)
    except dras.ExpressionError:
        # A text in quotes of the language, or as it stands.
        return "text", text
    value = constant.evaluate({})
    if isinstance(value, dras.Undefined) or constant.type not in ("number", "s", "B", "text", "1/s", "B/s", "bool"):
        raise click.UsageError(f"{name}={text} is no value that can be given; name its unit: {name}:UNIT=NUMBER")
    kind = {"1/s": "records/s", "number": "number"}.get(constant.type, constant.type)
    return kind, value


# --- documents -------------------------------------------------------------------------------------------------------------------------------


def _document(name: str, library: tuple[str, ...], input_format: str | None) -> int:
    file = read_file(name, input_format)
    try:
        document = read_document(file)
    except Refused as refused:
        click.echo(Finding.of(file.name, file.text, refused).render(), err=True)
        return 1
    if document.assigns:
        raise click.UsageError(f"{file.name} holds assignments; `dras check` looks at them, and `dras.Assigner` answers for a task")
    shelved: list[Document] = []
    for other in (one for path in library for one in folder(path) if os.path.realpath(one.name) != os.path.realpath(name)):
        try:
            shelved.append(read_document(other))
        except Refused as refused:
            click.echo(Finding.of(other.name, other.text, refused).render() + "\n", err=True)
            return 1
    shelf, _ = shelve([document, *shelved])
    try:
        policy = compile_document(document, shelf)
    except dras.PolicyError as error:
        places = Places(document, shelf.documents)
        for d in error.diagnostics.errors:
            click.echo(places.finding(d).render() + "\n", err=True)
        return 1
    for line in _story(policy):
        click.echo(line)
    return 0


def _wrap(text: str, indent: int = 0, first: str = "") -> Iterator[str]:
    lines = textwrap.wrap(visible(text), _WIDTH - indent) or [""]
    yield first + " " * (indent - len(first)) + lines[0]
    yield from (" " * indent + line for line in lines[1:])


def _story(policy: dras.Policy) -> Iterator[str]:
    mode = "decides, and gives instructions" if policy.mode == "active" else "only monitors: decisions have no instructions"
    yield click.style(visible(policy.name or "(a document without a name)"), bold=True) + f": {mode}"
    doc = policy.document.get("doc")
    if doc:
        yield from _wrap(str(doc))
    texts = _texts(policy)
    for rule in policy.rules:
        yield ""
        yield from _rule(rule, texts.get(rule.name, {}))
    yield from _metrics(policy)
    yield from _definitions(policy)
    yield from _parameters(policy)
    yield from _bounds(policy)


def _texts(policy: dras.Policy) -> dict[str, dict[str, Any]]:
    """What the rules say, by their names; those of strategies begin with the name of their use."""
    found: dict[str, dict[str, Any]] = {}
    for use in policy.document.get("strategies", ()):
        name, prefix = use["use"], use.get("as", use["use"])
        for rule in dras.Template(name).document["rules"]:
            renamed = {key: _renamed(value, name, prefix) if isinstance(value, str) else value for key, value in rule.items()}
            renamed["then"] = {resource: _renamed(target, name, prefix) for resource, target in rule.get("then", {}).items()}
            found[renamed["name"]] = renamed
    for rule in policy.document.get("rules", ()):
        found[rule["name"]] = rule
    return found


def _rule(rule: dras.Rule, said: dict[str, Any]) -> Iterator[str]:
    head = click.style(f"rule {visible(rule.name)}", fg="cyan", bold=True)
    kind = ", urgent" if rule.urgent else ""
    priority = f", priority {rule.priority}" if rule.priority else ""
    yield head + kind + priority
    if rule.doc:
        yield from _wrap(rule.doc, 2)
    when = dras.format(said["when"]) if "when" in said else "?"
    yield from _wrap(when, 8, "  when")
    if rule.hold:
        yield f"  for   {_time(rule.hold)} without interruption"
    for resource, target in said.get("then", {}).items():
        yield from _wrap(f"{resource} becomes {dras.format(target)}", 8, "  then")
    if rule.alert:
        yield from _wrap(f"tell people: {rule.alert}", 8, "  alert")
    if rule.no_shrink_for:
        yield f"  and   takes nothing of it away again for {_time(rule.no_shrink_for)}"


def _time(duration: timedelta) -> str:
    return span(duration / timedelta(milliseconds=1))


def _metrics(policy: dras.Policy) -> Iterator[str]:
    asked = _queries(policy)
    rows = []
    for metric in policy.metrics:
        query = asked.get(metric.name)
        if query is None and metric.name in _unused(policy):
            continue
        unit = "texts with a time" if metric.kind == "event" else metric.unit + (" (a counter)" if metric.kind == "counter" else "")
        per = {"task": "task", "task_manager": "TaskManager", "subtask": "subtask"}[metric.per]
        window = span(query.end - query.start) if query is not None else ""
        rows.append((metric.name, unit, per, window, "computed at every long look" if metric.recorded else query.promql if query is not None else ""))
    if not rows:
        return
    yield ""
    yield click.style("metrics", bold=True)
    yield from _table(("name", "unit", "one per", "back to", 'query of Prometheus (for a task with the label job_name="JOB")'), rows)


def _unused(policy: dras.Policy) -> set[str]:
    """The metrics that no rule asks for."""
    return {d.path.removeprefix("metrics.") for d in policy.warnings if d.code == "W0110" and d.path.startswith("metrics.")}


def _queries(policy: dras.Policy) -> dict[str, dras.Query]:
    """What a look asks Prometheus, for a task whose labels and texts are placeholders."""
    task = dras.Task(policy, "TASK", labels={"job_name": "JOB"})
    for attribute in policy.attributes:
        if attribute.type == "text" and not attribute.derived and attribute.name != "task_id":
            task.set({attribute.name: attribute.name.upper()})
    try:
        queries = task.queries(1_800_000_000_000, look="long")
    except dras.TaskError:
        return {}
    return {query.metric: query for query in queries}


def _parameters(policy: dras.Policy) -> Iterator[str]:
    if policy.parameters:
        yield ""
        yield click.style("parameters", bold=True)
        for parameter in policy.parameters:
            yield from _hanging(parameter.text)


def _definitions(policy: dras.Policy) -> Iterator[str]:
    found: dict[str, str] = {}
    for use in policy.document.get("strategies", ()):
        name, prefix = use["use"], use.get("as", use["use"])
        for key, expression in dras.Template(name).document.get("define", {}).items():
            found[_renamed(key, name, prefix)] = _renamed(expression, name, prefix)
    found |= policy.document.get("define", {})
    if found:
        yield ""
        yield click.style("definitions", bold=True)
        for key, expression in found.items():
            yield from _hanging(f"{key} = {dras.format(expression)}")


def _renamed(text: str, name: str, prefix: str) -> str:
    """A text of a strategy that is used under another name."""
    return text if name == prefix else re.sub(rf"(?<![\w.]){re.escape(name)}\.", f"{prefix}.", text)


def _hanging(text: str) -> Iterator[str]:
    yield from textwrap.wrap(visible(text), _WIDTH, initial_indent="  ", subsequent_indent="      ")


def _bounds(policy: dras.Policy) -> Iterator[str]:
    timing = policy.document.get("timing", {})
    rows = [("limits", policy.limits), ("guards", policy.guards), ("timing", timing)]
    for name, held in rows:
        shown = list(_flat("", held))
        if shown:
            yield ""
            yield click.style(name, bold=True)
            longest = max(len(path) for path, _ in shown)
            yield from (f"  {path:<{longest}}  {visible(value)}" for path, value in shown)


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _flat(f"{path}.{key}" if path else key, child)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _flat(f"{path}[{index}]", child)
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(width(visible(row[i])) for row in (head, *rows)) for i in range(len(head) - 1)]
    for index, row in enumerate((head, *rows)):
        cells = [visible(cell) + " " * (widths[i] - width(visible(cell))) for i, cell in enumerate(row[:-1])]
        line = "  " + "  ".join([*cells, visible(row[-1])]).rstrip()
        yield click.style(line, dim=True) if index == 0 else line
