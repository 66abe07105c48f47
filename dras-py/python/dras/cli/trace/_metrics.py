"""Which metric of a document a column, or a series of Prometheus, is of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import dras

_SELECTOR = re.compile(r"\s*([A-Za-z_:][A-Za-z0-9_:]*)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_MATCHER = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')\s*(?:,|$)')
_PLACEHOLDER = re.compile(r"\{\{(?!\{).*?\}\}")
_ESCAPE = re.compile(r"\\(.)")


class Matcher:
    """One condition on a label."""

    def __init__(self, label: str, operator: str, value: str) -> None:
        self.label = label
        self.like = not operator.startswith("!")
        self.pattern = re.compile(value if operator.endswith("~") else re.escape(value), re.DOTALL)

    def passes(self, labels: Mapping[str, str]) -> bool:
        """Whether labels pass; a label that is not there is an empty one, as for Prometheus."""
        return (self.pattern.fullmatch(labels.get(self.label, "")) is not None) == self.like


def _matchers(text: str) -> list[Matcher] | None:
    """The conditions between the braces of a selector; ``None`` where something else stands there."""
    found: list[Matcher] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _MATCHER.match(text, at)
        if match is None:
            return None
        label, operator, quoted = match.groups()
        try:
            found.append(Matcher(label, operator, _ESCAPE.sub(r"\1", quoted[1:-1])))
        except re.error:
            return None
        at = match.end()
    return found


def selector(query: str) -> tuple[str, list[Matcher]] | None:
    """Name and conditions of a query that is a plain selector once its placeholders are filled; ``None`` for any other."""
    match = _SELECTOR.fullmatch(_PLACEHOLDER.sub("", query))
    if match is None:
        return None
    matchers = _matchers((match.group(2) or "").strip().strip(","))
    return None if matchers is None else (match.group(1), matchers)


class Metrics:
    """The metrics and attributes of a document, by all the names under which a file may have them."""

    def __init__(self, policy: dras.Policy) -> None:
        self.metrics = {metric.name: metric for metric in policy.metrics if not metric.recorded}
        self.attributes = {a.name: a for a in policy.attributes if not a.derived and a.name != "task_id"}
        declared: dict[str, Any] = {}
        for use in policy.document.get("strategies", ()):
            declared |= dras.Template(use["use"]).document.get("metrics", {})
        declared |= policy.document.get("metrics", {})
        self.units = {name: a.get("unit", "number") for name, a in policy.document.get("attributes", {}).items()}
        self.selectors = {}
        for name, metric in declared.items():
            found = selector(metric["query"]) if name in self.metrics and "query" in metric else None
            if found is not None:
                self.selectors[name] = found

    def of(self, name: str, labels: Mapping[str, str] | None) -> list[str]:
        """The metrics of the document that a series is of. It goes by the metric's own name, its id in Flink, or the name in its query, whose
        conditions ``labels`` must pass; without labels only queries without conditions count."""
        if name in self.metrics:
            return [name]
        found = [metric.name for metric in self.metrics.values() if metric.flink == name]
        if found:
            return found
        for metric_name, (queried, matchers) in self.selectors.items():
            if queried == name and (not matchers if labels is None else all(matcher.passes(labels) for matcher in matchers)):
                found.append(metric_name)
        return found

    def instance(self, metric: str, labels: Mapping[str, str]) -> str:
        """The name of an instance: the label that the document says, or all labels."""
        label = self.metrics[metric].instance_label
        if label is not None and label in labels:
            return labels[label]
        return ",".join(f"{name}={labels[name]}" for name in sorted(labels) if name != "__name__")

    def attribute(self, name: str, text: str) -> float | bool | str:
        """The value of an attribute, as people write it: ``4``, ``80%``, ``2GiB``, ``5m``, ``true``, or a text.

        Raises:
            ValueError: it is not of the attribute's type.
        """
        kind = self.attributes[name].type
        text = text.strip()
        if kind == "text":
            return text
        if kind == "bool":
            if text.lower() not in ("true", "false"):
                raise ValueError(f"`{name}` is true or false, not `{text}`")
            return text.lower() == "true"
        try:
            return float(text)
        except ValueError:
            pass
        unit = self.units.get(name, "number") if name in self.units else "number"
        return amount(text, kind, name) / (amount(f"1{_written(unit)}", kind, name) if _written(unit) else 1.0)


def _written(unit: str) -> str:
    """How a unit stands behind a number in an expression; empty where it does not."""
    return {"number": "", "ratio": "", "percent": "%", "cores": "", "records": "", "events": "", "count": ""}.get(unit, unit)


def amount(text: str, kind: str, name: str) -> float:
    """A quantity such as ``2GiB``, in seconds, bytes or plain numbers.

    Raises:
        ValueError: it is none, or of another kind.
    """
    try:
        expression = dras.Expression(text)
        value = expression.evaluate({})
    except dras.ExpressionError:
        raise ValueError(f"`{text}` is no value for `{name}`") from None
    if expression.type != kind or isinstance(value, str | dras.Undefined):
        raise ValueError(f"`{name}` is a {kind}, and `{text}` a {expression.type}")
    return float(value)


def labels_of(text: str) -> dict[str, str] | None:
    """The labels between the braces of ``name{a="b"}``; ``None`` where there are none."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _MATCHER.match(text, at)
        if match is None or match.group(2) != "=":
            return None
        found[match.group(1)] = _ESCAPE.sub(r"\1", match.group(3)[1:-1])
        at = match.end()
    return found
