"""What decisions say over time: quantities with their thresholds, resources, rules and guards. Nothing of it draws."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import dras

_LITERAL = re.compile(r"[-+]?[0-9.]")
_OPPOSITE = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_SHARE = re.compile(r"[0-9.]+\s*%")


@dataclass
class Threshold:
    """What a quantity is compared with."""

    operator: str
    text: str
    """As its author wrote it: ``80%``, ``cpu.high``."""
    rules: list[str]
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@dataclass
class Quantity:
    """What the conditions of rules compare with thresholds: a leading metric."""

    text: str
    type: str
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    """NaN where it is undefined."""
    thresholds: list[Threshold] = field(default_factory=list)
    share: bool = False
    """Whether people write it in percent."""
    fired: int = 0
    """At how many looks a rule fired that asks for it."""
    crossed: int = 0
    """How often a comparison with it changed its answer."""

    @property
    def moves(self) -> bool:
        """Whether there is anything to see of it."""
        known = [value for value in self.values if math.isfinite(value)]
        return bool(known) and (min(known) != max(known) or self.crossed > 0 or self.fired > 0)


@dataclass
class Resource:
    """A resource of the task, and what was to become of it."""

    name: str
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    made: list[tuple[int, float, float]] = field(default_factory=list)
    """Time, before and after of each change, the first time it was decided."""
    held: list[tuple[int, float, float]] = field(default_factory=list)
    """The same of those that guards held back."""
    external: list[tuple[int, float, float]] = field(default_factory=list)
    """The same of those that somebody else made."""


@dataclass
class Strip:
    """A row of bars: what a rule, or a guard, was when."""

    name: str
    bars: list[tuple[int, int, str]] = field(default_factory=list)
    """Begin, end and what it was."""


@dataclass
class Looks:
    """All that a picture of one task's looks shows."""

    task: str
    times: list[int]
    quantities: list[Quantity]
    resources: list[Resource]
    rules: list[Strip]
    guards: list[Strip]
    alerts: dict[str, list[int]]
    """The times of each rule's alerts."""


def gather(decisions: Sequence[dras.Decision]) -> Looks:
    """What these decisions of one task say, oldest first."""
    times = [decision.at for decision in decisions]
    return Looks(
        decisions[0].task,
        times,
        _quantities(decisions),
        _resources(decisions),
        _rules(decisions),
        _guards(decisions),
        _alerts(decisions),
    )


def _quantities(decisions: Sequence[dras.Decision]) -> list[Quantity]:
    percent = {p.name for p in decisions[0].policy.parameters if isinstance(p.value, str) and _SHARE.fullmatch(p.value)}
    found: dict[tuple[str, str], Quantity] = {}
    answers: dict[tuple[str, str, str, str, str], bool | None] = {}
    for decision in decisions:
        for rule in decision.rules:
            if rule.state == "not_looked":
                continue
            for left, operator, right, answer in _comparisons(rule.parts):
                quantity = found.setdefault((left.text, left.type), Quantity(left.text, left.type))
                if not quantity.times or quantity.times[-1] != decision.at:
                    quantity.times.append(decision.at)
                    quantity.values.append(_number(left))
                threshold = next((t for t in quantity.thresholds if (t.operator, t.text) == (operator, right.text)), None)
                if threshold is None:
                    threshold = Threshold(operator, right.text, [])
                    quantity.thresholds.append(threshold)
                if rule.rule not in threshold.rules:
                    threshold.rules.append(rule.rule)
                if not threshold.times or threshold.times[-1] != decision.at:
                    threshold.times.append(decision.at)
                    threshold.values.append(_number(right))
                quantity.share |= right.text in percent or _SHARE.fullmatch(right.text) is not None
                quantity.fired += rule.state == "fired"
                key = (rule.rule, left.text, left.type, operator, right.text)
                before = answers.get(key)
                quantity.crossed += before is not None and answer is not None and before != answer
                answers[key] = answer if answer is not None else before
    return list(found.values())


def _comparisons(parts: Sequence[dras.Part]) -> list[tuple[dras.Part, str, dras.Part, bool | None]]:
    """The comparisons of a condition: what is measured, the operator, the threshold, and whether it is true."""
    children: dict[int, list[dras.Part]] = {}
    for part in parts:
        if part.parent is not None:
            children.setdefault(part.parent, []).append(part)
    found = []
    for index, part in enumerate(parts):
        of = children.get(index, [])
        if part.type != "bool" or len(of) != 2 or {of[0].type, of[1].type} & {"bool", "text"}:
            continue
        left, right = of
        operator = part.text.removeprefix(left.text).removesuffix(right.text).strip()
        if operator not in _OPPOSITE:
            continue
        if _LITERAL.match(left.text) and not _LITERAL.match(right.text):
            left, operator, right = right, _OPPOSITE[operator], left
        found.append((left, operator, right, part.value if isinstance(part.value, bool) else None))
    return found


def _number(part: dras.Part) -> float:
    return float(part.value) if isinstance(part.value, int | float) else math.nan


def _resources(decisions: Sequence[dras.Decision]) -> list[Resource]:
    found: dict[str, Resource] = {}
    for decision in decisions:
        now = {i.text: float(i.value) for i in decision.inputs if isinstance(i.value, int | float) and not isinstance(i.value, bool)}
        steps = [
            *((change.resource, change.from_, change.to, "made") for change in decision.changes),
            *((held.change.resource, held.change.from_, held.change.to, "held") for held in decision.held),
            *((step.resource, step.from_, step.to, "external") for step in decision.external),
        ]
        names = dict.fromkeys(step[0] for step in steps)
        if "parallelism" in now:
            names["parallelism"] = None
        for name in names:
            found.setdefault(name, Resource(name))
        for resource in found.values():
            mine = [step for step in steps if step[0] == resource.name]
            value = now.get(resource.name)
            if value is None and mine:
                value = mine[0][2] if mine[0][3] == "external" else mine[0][1]
            if value is None and resource.values:
                value = resource.values[-1]
            if value is not None:
                resource.times.append(decision.at)
                resource.values.append(value)
            for _, before, after, kind in mine:
                marks: list[tuple[int, float, float]] = getattr(resource, kind)
                marks.append((decision.at, before, after))
    for resource in found.values():
        resource.made = _first(resource.made, decisions)
        resource.held = _first(resource.held, decisions)
    return list(found.values())


def _first(marks: list[tuple[int, float, float]], decisions: Sequence[dras.Decision]) -> list[tuple[int, float, float]]:
    """Without those that only repeat what the look before said."""
    before = {decision.at: decisions[index - 1].at for index, decision in enumerate(decisions) if index}
    said = set(marks)
    return [mark for mark in marks if mark[0] not in before or (before[mark[0]], *mark[1:]) not in said]


def _ends(times: Sequence[int]) -> dict[int, int]:
    """Until when what a look found is shown: the next look; after the last one the usual distance of looks."""
    gaps = sorted(after - before for before, after in pairwise(times))
    usual = gaps[len(gaps) // 2] if gaps else 60_000
    return dict(zip(times, [*times[1:], times[-1] + usual], strict=True)) if times else {}


def _extend(strip: Strip, begin: int, end: int, what: str) -> None:
    if strip.bars and strip.bars[-1][1] == begin and strip.bars[-1][2] == what:
        strip.bars[-1] = (strip.bars[-1][0], end, what)
    else:
        strip.bars.append((begin, end, what))


def _rules(decisions: Sequence[dras.Decision]) -> list[Strip]:
    strips: dict[str, Strip] = {}
    looked: dict[str, list[tuple[int, str]]] = {}
    for decision in decisions:
        for rule in decision.rules:
            if rule.state != "not_looked":
                looked.setdefault(rule.rule, []).append((decision.at, rule.state))
    for name, states in looked.items():
        ends = _ends([at for at, _ in states])
        strip = strips[name] = Strip(name)
        for at, state in states:
            if state != "not_met":
                _extend(strip, at, ends[at], state)
    return list(strips.values())


def _guards(decisions: Sequence[dras.Decision]) -> list[Strip]:
    """What each guard held: a direction that nothing asked for, or a change. A short look holds what is less by its nature; that is no news."""
    strips: dict[str, Strip] = {}
    ends = _ends([decision.at for decision in decisions])
    for decision in decisions:
        stopping = {hold.guard for held in decision.held for hold in held.by}
        standing = {guard.guard for guard in decision.guards}
        for guard in sorted(stopping | standing - {"short_look"}):
            strip = strips.setdefault(guard, Strip(guard))
            _extend(strip, decision.at, ends[decision.at], "stops" if guard in stopping else "stands")
    return list(strips.values())


def _alerts(decisions: Sequence[dras.Decision]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for decision in decisions:
        for rule in dict.fromkeys(alert.rule for alert in decision.alerts):
            found.setdefault(rule, []).append(decision.at)
    return found
