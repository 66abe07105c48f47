"""``dras replay``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

import dras

from ._documents import Document, Places, compile_document, folder, read_document, shelve
from ._files import Unreadable, decode, read_bytes, read_file, reason, shown
from ._findings import Finding, visible
from ._options import library_option
from ._timeline import Timeline, moment, span, summary
from .source import Refused, read_yaml
from .trace import BadTrace, Metrics, Trace, clock, read_answers, read_csv, read_parquet, read_table

_REPLAY_EPILOG = """\b
Examples:
  dras replay trace.csv --rules etl.yaml --parallelism 4
  dras replay delay=delay.json cpu=cpu.json --rules etl.yaml --attribute task_manager_memory=4GiB
  dras replay trace.parquet --rules etl.yaml --active --follow 2m --plot replay.png
  dras replay trace.csv --rules etl.yaml --format jsonl | jq 'select(.changes)'

\b
Files:
  CSV, Parquet   a column `time` (ISO 8601 with a time zone, or seconds or milliseconds since the epoch), and
                 wide: a column for each series, called `metric`, `metric|instance` or `name{label="value"}`
                 long: columns `metric`, `value` and perhaps `instance`
                 an empty cell is no sample, NaN is "asked, not available"; columns may also be attributes
                 such as `parallelism`, or `mark` with `restart` and `change`
  JSON           an answer of Prometheus' query_range, of Flink's /jobs/:id/exceptions, or {"METRIC": answer, …}

Values are in the units that the document declares. A metric goes by its name, its id in Flink or the name in its query; METRIC=FILE says
that all series of a file are of that metric.

\b
Exit codes: 0 replayed, 1 the document has errors, 2 wrong usage, or a file that cannot be read or does not fit."""


def _zone(_: click.Context, __: click.Parameter, value: str | None) -> tzinfo | None:
    if value is None:
        return None
    try:
        return UTC if value.upper() == "UTC" else ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"there is no time zone {value}; write for example Europe/Berlin") from None


def _pairs(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"write NAME=VALUE, not {value}")
        if name in found:
            raise click.BadParameter(f"{name} is given twice")
        found[name] = text
    return found


@click.command(epilog=_REPLAY_EPILOG, short_help="Show what a rule document would have decided over recorded metrics.")
@click.argument("traces", nargs=-1, required=True, metavar="TRACE...")
@click.option("--rules", required=True, metavar="DOC", help="The rule document: JSON, YAML or TOML.")
@library_option
@click.option("--task", default="task", show_default=True, metavar="ID", help="The task's id, as `task_id` and in decisions.")
@click.option("--parallelism", type=click.IntRange(1, 32_768), help="What the task ran with, where TRACE does not say.")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_pairs,
    help="An attribute, such as task_managers=2 or task_manager_memory=4GiB. Can be given several times.",
)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="A label of the task. Can be given several times.")
@click.option("--flink-config", metavar="FILE", help="The config.yaml or flink-conf.yaml that the task ran with; rules about memory need it.")
@click.option("--timezone", metavar="ZONE", callback=_zone, help="The time zone of times in TRACE that do not say theirs, such as UTC.")
@click.option("--start", metavar="TIME", help="Look from this time on. [default: the beginning of TRACE]")
@click.option("--end", metavar="TIME", help="Look until this time. [default: the end of TRACE]")
@click.option("--active", is_flag=True, help="Replay in the mode `active`, whatever the document says.")
@click.option("--follow", metavar="DURATION", help="Take each instruction as applied after this time. [default: none is applied]")
@click.option("--all", "every", is_flag=True, help="Show every look, not only those that matter.")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="jsonl: each decision in a line, and at last a line with the summary.",
)
@click.option("--plot", metavar="FILE", help="Draw the replay into this file: .png, .svg or .pdf. Needs dras[plot].")
def replay(
    traces: tuple[str, ...],
    rules: str,
    library: tuple[str, ...],
    task: str,
    parallelism: int | None,
    attributes: dict[str, str],
    labels: dict[str, str],
    flink_config: str | None,
    timezone: tzinfo | None,
    start: str | None,
    end: str | None,
    active: bool,
    follow: str | None,
    every: bool,
    output: str,
    plot: str | None,
) -> int:
    """Show what a rule document would have decided over recorded metrics, as a time line.

    The document is looked at as often as its `timing` says. The recorded metrics stay what they were: a replay shows when and why a document acts
    and what its guards hold back, and is no model of what another parallelism would have done to the job.
    """
    draw = _drawer(plot)
    policy = _policy(rules, library, active)
    if policy is None:
        return 1
    metrics = Metrics(policy)
    trace = Trace()
    for name in traces:
        try:
            trace.add(_trace(name, metrics, timezone))
        except BadTrace as error:
            raise click.UsageError(str(error)) from None
    recording = _recording(trace, metrics, task, labels, attributes, parallelism, flink_config)
    if follow is not None and policy.mode == "monitor":
        raise click.UsageError("--follow needs instructions, and a document in the mode `monitor` gives none; say --active as well")
    with _progress() as progress:
        replayed = dras.replay(
            policy,
            recording,
            start=_instant(start, "--start", timezone),
            end=_instant(end, "--end", timezone),
            follow=follow,
            keep="all" if every or draw is not None else "matters",
            progress=progress,
        )
    shown_ones = [decision for decision in replayed if every or decision.matters]
    if output == "jsonl":
        for decision in shown_ones:
            click.echo(decision.to_json())
        click.echo(json.dumps({"summary": asdict(replayed.summary)}))
    else:
        for line in _text(policy, trace, recording, replayed, shown_ones):
            click.echo(line)
    if draw is not None:
        draw(replayed, trace)
    return 0


def _policy(rules: str, library: tuple[str, ...], active: bool) -> dras.Policy | None:
    """The policy of a document; ``None`` where it has errors, which are shown then."""
    file = read_file(rules)
    findings: list[Finding] = []
    documents: list[Document] = []
    for one in (file, *(other for path in library for other in folder(path) if Path(other.name).resolve() != Path(rules).resolve())):
        try:
            documents.append(read_document(one))
        except Refused as refused:
            findings.append(Finding.of(one.name, one.text, refused))
    if documents and documents[0].file is file:
        shelf, _ = shelve(documents)
        try:
            policy = compile_document(documents[0], shelf)
            if active and policy.mode != "active":
                # A document that extends others is the whole of them by now.
                policy = dras.Policy({**policy.document, "mode": "active"})
            return policy
        except dras.PolicyError as error:
            findings = [Places(documents[0], shelf.documents).finding(d) for d in error.diagnostics.errors]
    for finding in findings:
        click.echo(finding.render() + "\n", err=True)
    return None


def _trace(argument: str, metrics: Metrics, zone: tzinfo | None) -> Trace:
    """What a file holds; ``METRIC=FILE`` where the part before the sign is a metric and no file is called like the whole."""
    metric: str | None = None
    name = argument
    before, sign, after = argument.partition("=")
    if sign and not Path(argument).exists():
        if before not in metrics.metrics:
            raise BadTrace(f"the document has no metric `{before}`, so {argument} says nothing; it has {', '.join(metrics.metrics) or 'none'}")
        metric, name = before, after
    ending = Path(name).suffix.lower()
    if ending in (".parquet", ".pq"):
        if not Path(name).is_file():
            read_bytes(name)  # says what is wrong with it
        return read_table(_one_metric(read_parquet(name, name), metric), metrics, zone)
    text = decode(read_bytes(name), name)[0]
    if ending == ".json" or (name == "-" and text.lstrip()[:1] == "{"):
        return read_answers(shown(name), text, metrics, metric)
    if ending in (".csv", ".tsv", ".txt") or name == "-":
        return read_table(_one_metric(read_csv(shown(name), text), metric), metrics, zone)
    raise BadTrace(f"{name} is none of .csv, .parquet and .json, so that what it holds is not known")


def _one_metric(table: Any, metric: str | None) -> Any:
    if metric is not None:
        raise BadTrace(f"METRIC=FILE is for JSON; in a table the columns say their metrics: {table.name}")
    return table


def _recording(
    trace: Trace,
    metrics: Metrics,
    task: str,
    labels: dict[str, str],
    attributes: dict[str, str],
    parallelism: int | None,
    flink_config: str | None,
) -> dras.Recording:
    recording = trace.recording(task, labels)
    if recording.span is None:
        unused = f"; it has {', '.join(map(repr, trace.unused[:12]))}" if trace.unused else ""
        raise click.UsageError(f"TRACE has no samples of the document's metrics ({', '.join(sorted(metrics.metrics))}){unused}")
    begin = min(recording.span[0], *(at for at, _, _ in trace.attributes)) if trace.attributes else recording.span[0]
    given = {"parallelism": str(parallelism)} if parallelism is not None else {}
    for name, text in {**given, **attributes}.items():
        if name not in metrics.attributes:
            raise click.UsageError(f"the document has no attribute `{name}`; it has {', '.join(sorted(metrics.attributes))}")
        if any(known == name for _, known, _ in trace.attributes):
            raise click.UsageError(f"TRACE has `{name}` itself, so that it cannot be given as well")
        try:
            recording.attribute(name, metrics.attribute(name, text), begin)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    if flink_config is not None:
        recording.flink_configuration(_entries(flink_config), begin)
    return recording


def _entries(name: str) -> dict[str, str]:
    """The entries of a Flink configuration: flat or nested YAML, as Flink reads it."""
    text = decode(read_bytes(name), name)[0]
    try:
        root = read_yaml(text).plain()
    except Refused as refused:
        line = text.count("\n", 0, refused.span[0]) + 1
        raise click.UsageError(f"{name}, line {line}: {refused.message}") from None
    found: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, child in value.items():
                walk(f"{prefix}.{key}" if prefix else key, child)
        elif isinstance(value, list):
            found[prefix] = ";".join(map(str, value))
        elif value is not None:
            found[prefix] = str(value).lower() if isinstance(value, bool) else str(value)

    if not isinstance(root, dict):
        raise click.UsageError(f"{name} is no configuration of Flink: it holds no `key: value`")
    walk("", root)
    return found


def _instant(text: str | None, option: str, zone: tzinfo | None) -> int | None:
    if text is None:
        return None
    try:
        return clock(text, zone)
    except ValueError as error:
        what = str(error) if "`" in str(error) else f"`{text}` is no time: write ISO 8601 with a time zone, such as 2026-11-21T08:00:00Z"
        raise click.UsageError(f"{option}: {what}") from None


@contextmanager
def _progress() -> Iterator[Callable[[float], object] | None]:
    """A bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1000, label="replaying", file=sys.stderr) as bar:
        yield lambda share: bar.update(max(round(share * 1000) - bar.pos, 0))
        bar.update(1000 - bar.pos)


def _text(policy: dras.Policy, trace: Trace, recording: dras.Recording, replayed: dras.Replay, decisions: list[dras.Decision]) -> Iterator[str]:
    first, last = recording.span or (0, 0)
    instances = len({(series.metric, series.instance) for series in trace.series})
    metrics = len({series.metric for series in trace.series})
    events = f" and {len(trace.events)} events" if trace.events else ""
    name = policy.name or "the document"
    samples = f"{trace.samples} samples in {instances} series of {metrics} metrics{events}"
    yield f"{visible(name)} ({policy.mode}) over {span(last - first)} from {moment(first, True)} UTC: {samples}"
    if trace.unused:
        more = f" and {len(trace.unused) - 8} more" if len(trace.unused) > 8 else ""
        yield click.style(visible(f"not used: {', '.join(trace.unused[:8])}{more}"), dim=True)
    yield ""
    timeline = Timeline(first, last - first > 86_400_000)
    chunk: list[dras.Decision] = []
    for decision in decisions:
        if decision.matters:
            chunk.append(decision)
        else:
            yield from timeline.lines(chunk)
            chunk = []
            yield timeline.quiet(decision)
    yield from timeline.lines(chunk)
    if not decisions:
        yield "nothing that matters at any look"
    yield ""
    yield from summary(replayed.summary)


def _drawer(plot: str | None) -> Callable[[dras.Replay, Trace], None] | None:
    """What draws the picture. What would be wrong with it is said before the work begins."""
    if plot is None:
        return None
    if Path(plot).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise click.UsageError(f"--plot draws .png, .svg and .pdf, not {plot}")
    try:
        import dras.plot
    except ModuleNotFoundError as error:
        raise click.UsageError(f"--plot needs the package `{error.name}`: run  pip install 'dras[plot]'") from None

    def draw(replayed: dras.Replay, trace: Trace) -> None:
        figure = dras.plot.looks(replayed)
        try:
            figure.savefig(plot)
        except OSError as error:
            raise Unreadable(f"cannot write {plot}: {reason(error)}") from None

    return draw
