"""What notebooks show. Tables without styles of their own, so that light and dark themes both work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._data import Change, ResourceStep
    from ._dras import Decision, FleetDecisions, Policy

_COLOURS = {"fired": "#c62828", "holding": "#b26a00", "undefined": "#6a1b9a", "not_met": "#777", "not_looked": "#777"}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already; empty where there are no rows."""
    body = "".join("<tr>" + "".join(f'<td style="text-align:left;vertical-align:top">{cell}</td>' for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    titles = "".join(f'<th style="text-align:left">{escape(title)}</th>' for title in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _lines(lines: Iterable[str]) -> str:
    return "<br>".join(escape(line) for line in lines)


def _until(what: str, left: timedelta | None) -> str:
    return what if left is None else f"{what}, {left} left"


def _amount(resource: str, value: float) -> str:
    """So many subtasks, or so much memory."""
    if resource == "parallelism":
        return f"{value:g}"
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:g}B"


def _amounts(step: Change | ResourceStep) -> str:
    return f"{_amount(step.resource, step.from_)} → {_amount(step.resource, step.to)}"


def decision(d: Decision) -> str:
    """A decision: what it changes and holds, rules with their values, and what was seen."""
    headline = escape(repr(d)[len("<Decision ") : -1])
    parts = [f'<div class="dras"><b>{headline}</b>']
    parts += [f'<div style="color:#c62828">⚠ {escape(alert.rule)}: {escape(alert.text)}</div>' for alert in d.alerts]
    parts += [f"<div>somebody else changed {escape(s.resource)} {_amounts(s)}</div>" for s in d.external]
    for m in d.memory:
        before = "" if m.from_ is None else f"{_amount('memory', m.from_)} → "
        entries = ", ".join(f"<code>{escape(key)}: {escape(value)}</code>" for key, value in m.entries.items())
        parts.append(f"<div>{m.process.replace('_', ' ')}: {before}{_amount('memory', m.to)}, with {entries}</div>")

    rules = []
    for rule in d.rules:
        lines = list(rule.explanation)
        for proposal in rule.proposals:
            by = f" by {proposal.by}" if proposal.by else ""
            target = "" if proposal.target is None else " " + _amount(proposal.resource, proposal.target)
            lines.append(f"⇒ {proposal.resource}{target}: {proposal.fate.replace('_', ' ')}{by}")
        colour = _COLOURS[rule.state]
        rules.append((escape(rule.rule), f'<span style="color:{colour}">{escape(rule.outcome)}</span>', _lines(lines)))
    parts.append(_table(("rule", "came to", "because"), rules))

    held = []
    for change in d.held:
        guards_of = _lines(_until(hold.guard, hold.left) for hold in change.by)
        held.append((escape(change.change.resource), _amounts(change.change), guards_of, escape(change.why or "")))
    parts.append(_table(("held", "change", "by", "why"), held))

    guards = []
    for guard in d.guards:
        holds = (_until(h.direction, h.left) for h in guard.holds)
        guards.append((escape(guard.guard), _lines(holds)))
    parts.append(_table(("guard", "holds"), guards))

    inputs = ((f"<code>{escape(i.text)}</code>", escape((i.undefined and f"undefined: {i.undefined}") or i.shown)) for i in d.inputs)
    parts.append(_table(("input", "value"), inputs))
    if d.instruction is not None:
        parts.append(f"<div>⇒ {escape(str(d.instruction))}</div>")
    parts.append("</div>")
    return "".join(parts)


def fleet(decisions: FleetDecisions) -> str:
    """The decisions of a look at a fleet that matter, the first of them."""
    shown = 100
    rows = []
    for index in range(min(len(decisions), shown)):
        d = decisions[index]
        changes = (f"{c.resource} {_amounts(c)}" for c in d.changes)
        held = (f"{h.change.resource} {_amounts(h.change)} ({', '.join(hold.guard for hold in h.by)})" for h in d.held)
        rows.append((escape(d.task), _lines(changes), _lines(held), _lines(a.text for a in d.alerts)))
    more = f"<div>… and {len(decisions) - shown} more</div>" if len(decisions) > shown else ""
    table = _table(("task", "changes", "held", "alerts"), rows)
    return f'<div class="dras"><b>{escape(repr(decisions)[1:-1])}</b>{table}{more}</div>'


def policy(p: Policy) -> str:
    """A policy: its rules, and what is odd about its document."""
    rules = ((escape(r.name), escape(str(r.hold) if r.hold else ""), "urgent" if r.urgent else "", escape(r.doc)) for r in p.rules)
    table = _table(("rule", "holds for", "looks", "what it is for"), rules)
    warnings = p.warnings._repr_html_() if p.warnings else ""
    return f'<div class="dras"><b>{escape(repr(p)[1:-1])}</b>{table}{warnings}</div>'
