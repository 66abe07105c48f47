"""The time line of a replay, as people read it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import click

import dras

from ._findings import visible

_WIDTH = 110
_INDENT = 21
_DAY = 86_400_000


def span(ms: float) -> str:
    """A duration in its two largest units: ``9m02s``, ``2h``."""
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds}s"
    for unit, size, below, low in (("d", 86_400, 3600, "h"), ("h", 3600, 60, "m"), ("m", 60, 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size}{unit}" + (f"{rest:02d}{low}" if rest else "")
    return ""


def amount(resource: str, value: float) -> str:
    """A parallelism, or an amount of memory with its unit."""
    if resource == "parallelism":
        return f"{value:g}"
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= size and (value % size == 0 or unit == "MiB"):
            return f"{value / size:.6g}{unit}"
    return f"{value:.0f}B"


def moment(at: int, date: bool = False) -> str:
    """A time in UTC."""
    try:
        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    except OverflowError:
        return f"{at} ms"
    return time.strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S")


class Timeline:
    """Tells what changes from decision to decision; the same again is only counted."""

    def __init__(self, begin: int, long: bool) -> None:
        self.begin = begin
        self.long = long
        """Whether it spans more than a day, so that every line says the date."""
        self.before: object = None
        self.same = 0
        self.until = 0

    def lines(self, decisions: Iterable[dras.Decision]) -> Iterator[str]:
        """The lines for these decisions."""
        for decision in decisions:
            story = list(self._story(decision))
            signature = _signature(decision)
            if signature == self.before:
                self.same += 1
                self.until = decision.at
                continue
            yield from self._again()
            self.before = signature
            yield from story
        yield from self._again()

    def _again(self) -> Iterator[str]:
        if self.same:
            times = "look" if self.same == 1 else "looks"
            yield click.style(f"{'':{_INDENT}}… and at {self.same} more {times} until {moment(self.until, self.long)}", dim=True)
        self.same = 0

    def _story(self, decision: dras.Decision) -> Iterator[str]:
        when = f"{moment(decision.at, self.long)}  {'+' + span(decision.at - self.begin):>8}"
        heads: list[tuple[str, str]] = []
        for one in decision.external:
            heads.append((f"{one.resource} {_step(one.resource, one.from_, one.to)}, by somebody else", "cyan"))
        for change in decision.changes:
            heads.append((f"{change.resource} {_step(change.resource, change.from_, change.to)}", "green" if change.to > change.from_ else "blue"))
        for held in decision.held:
            by = ", ".join(hold.guard + (f" ({span(hold.left / timedelta(milliseconds=1))} left)" if hold.left else "") for hold in held.by)
            step = _step(held.change.resource, held.change.from_, held.change.to)
            heads.append((f"held: {held.change.resource} {step}, by {by}", "yellow"))
        for alert in decision.alerts:
            heads.append((f"alert {alert.rule}: {alert.text}", "red"))
        if not heads:
            heads.append(("no change", "white"))
        for head, colour in heads:
            first, *rest = textwrap.wrap(visible(head), _WIDTH - _INDENT) or [""]
            yield f"{when:<{_INDENT}}" + click.style(first, fg=colour, bold=colour != "white")
            yield from (" " * (_INDENT + 2) + click.style(line, fg=colour, bold=True) for line in rest)
            when = ""
        for rule in decision.rules:
            if rule.state == "fired":
                yield f"{'':{_INDENT}}{visible(rule.rule)} fired"
                yield from _wrapped(rule.explanation)

    def quiet(self, decision: dras.Decision) -> str:
        """One line for a look at which nothing was to be heard."""
        undefined = sum(rule.state == "undefined" for rule in decision.rules)
        holding = [f"{rule.rule} {rule.outcome}" for rule in decision.rules if rule.state == "holding"]
        parts = [*holding, *([f"{undefined} rules without data"] if undefined else [])]
        when = f"{moment(decision.at, self.long)}  {'+' + span(decision.at - self.begin):>8}"
        return click.style(visible(f"{when:<{_INDENT}}no change" + (f"; {', '.join(parts)}" if parts else "")), dim=True)


def _step(resource: str, before: float, after: float) -> str:
    return f"{amount(resource, before)} → {amount(resource, after)}"


def _wrapped(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        for part in textwrap.wrap(visible(line), _WIDTH - _INDENT - 2, subsequent_indent="  "):
            yield f"{'':{_INDENT}}  {part}"


def _signature(decision: dras.Decision) -> object:
    return (
        tuple((change.resource, change.from_, change.to, change.rules) for change in decision.changes),
        tuple((held.change.resource, held.change.from_, held.change.to, tuple(hold.guard for hold in held.by)) for held in decision.held),
        tuple((alert.rule, alert.text) for alert in decision.alerts),
        tuple(decision.external),
    )


def summary(found: dras.Summary) -> list[str]:
    """What a replay came to, in some lines."""

    def some(number: int, what: str) -> str:
        return f"{number} {what}" + ("" if number == 1 else "s")

    lines = [f"{some(found.looks, 'look')} in {span(found.span)}: {some(found.instructions, 'instruction')}, {found.applied} applied"]
    if found.reversals:
        lines[0] += f", {some(found.reversals, 'reversal')} within an hour"
    if found.restarts_per_day is not None and found.applied and found.span >= _DAY:
        lines[0] += f" ({found.restarts_per_day:.3g} a day)"
    counts = [("changes wanted at", found.with_changes), ("alerts at", found.with_alerts), ("rules without data at", found.undefined)]
    said = [f"{what} {some(number, 'look')}" for what, number in counts if number]
    if said:
        lines.append(", ".join(said))
    for what, numbers in (("fired", found.fired), ("held back by", found.held)):
        if numbers:
            lines.append(f"{what}: " + ", ".join(f"{visible(name)} {number}×" for name, number in numbers.items()))
    return lines
