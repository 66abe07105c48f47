"""Bodies of answers: Prometheus' ``query_range``, and the exceptions of Flink's REST API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ._metrics import Metrics
from ._trace import BadTrace, Series, Trace


def read_answers(name: str, text: str, metrics: Metrics, metric: str | None) -> Trace:
    """What an answer holds, or an object of several by the names of metrics.

    Without ``metric`` a series of Prometheus goes by its name, and exceptions go to the one metric of events that the document has.

    Raises:
        BadTrace: it is no such answer, an error of Prometheus, or its series cannot be told apart.
    """
    try:
        body = json.loads(text, parse_int=int)
    except json.JSONDecodeError as error:
        what = f"{error.msg}, line {error.lineno}, column {error.colno}" if text.strip() else "the file is empty"
        raise BadTrace(f"{name} is no JSON: {what}") from None
    except (RecursionError, ValueError) as error:
        raise BadTrace(f"{name} is no JSON that can be read: {error}") from None
    if not isinstance(body, dict):
        raise BadTrace(f"{name} is no answer of Prometheus or Flink: it is no object")
    trace = Trace()
    if "status" in body or "exceptionHistory" in body or "root-exception" in body:
        _answer(name, body, metrics, metric, trace)
    elif metric is None and body and all(isinstance(one, dict) for one in body.values()):
        for key, one in body.items():
            if key in metrics.metrics:
                _answer(f"{name}: {key}", one, metrics, key, trace)
            else:
                trace.unused.append(key)
    else:
        raise BadTrace(f"{name} is no answer of Prometheus or Flink: it has neither `status` nor `exceptionHistory`")
    return trace


def _answer(name: str, body: dict[str, Any], metrics: Metrics, metric: str | None, trace: Trace) -> None:
    if "exceptionHistory" in body or "root-exception" in body:
        _exceptions(name, body, metrics, metric, trace)
        return
    if body.get("status") != "success":
        raise BadTrace(f"{name} is an error of Prometheus: {body.get('errorType', '')}: {body.get('error', body.get('status'))}")
    data = body.get("data")
    kind = data.get("resultType") if isinstance(data, dict) else None
    if not isinstance(data, dict) or kind not in ("matrix", "vector") or not isinstance(data.get("result"), list):
        raise BadTrace(f"{name} is no answer of Prometheus' query_range: its result is {'missing' if kind is None else f'a {kind}'}")
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for series in data["result"]:
        labels, values = _series(name, series, kind)
        found = [metric] if metric is not None else metrics.of(labels.get("__name__", ""), labels)
        if not found and "__name__" not in labels:
            raise BadTrace(f"{name} has series without a name, so that their metric is not known: say METRIC={name}")
        if not found and labels["__name__"] not in trace.unused:
            trace.unused.append(labels["__name__"])
        for one in found:
            if metrics.metrics[one].kind == "event":
                raise BadTrace(f"{name}: `{one}` is a metric of events, which Prometheus does not have")
            who = metrics.instance(one, labels)
            if seen.setdefault((one, who), labels) is not labels:
                raise BadTrace(
                    f"{name} has two series of `{one}` for the instance `{who}`: only other labels than its `instance_label` tell them apart"
                )
            trace.series.append(Series(one, who, [at for at, _ in values], [value for _, value in values]))


def _series(name: str, series: Any, kind: str) -> tuple[dict[str, str], list[tuple[int, float]]]:
    try:
        labels = {str(key): str(value) for key, value in series["metric"].items()}
        pairs = series["values"] if kind == "matrix" else [series["value"]]
        values = [(round(float(at) * 1000), float(value)) for at, value in pairs]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadTrace(f"{name} has a series that is none of Prometheus: {type(error).__name__}: {error}") from None
    return labels, values


def _exceptions(name: str, body: dict[str, Any], metrics: Metrics, metric: str | None, trace: Trace) -> None:
    if metric is None:
        events = [one.name for one in metrics.metrics.values() if one.kind == "event"]
        named = [one for one in events if one == "exceptions"] or events
        if not named:
            trace.unused.append(f"exceptions of {name}")
            return
        if len(named) > 1:
            raise BadTrace(f"{name} holds exceptions, and the document has several metrics of events: say METRIC={name}")
        metric = named[0]
    elif metrics.metrics[metric].kind != "event":
        raise BadTrace(f"{name} holds exceptions, and `{metric}` is no metric of events")
    found: dict[tuple[int, str], None] = {}
    history = body.get("exceptionHistory")
    try:
        for entry in _entries(history["entries"]) if history is not None else ():
            if entry.get("timestamp") is not None:
                found[int(entry["timestamp"]), str(entry.get("stacktrace") or entry["exceptionName"])] = None
        if history is None and body.get("root-exception") and body.get("timestamp"):
            found[int(body["timestamp"]), str(body["root-exception"])] = None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadTrace(f"{name} is no answer of Flink about exceptions: {type(error).__name__}: {error}") from None
    trace.events += [(metric, "", at, text) for at, text in sorted(found)]


def _entries(entries: Any) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield entry
        yield from _entries(entry.get("concurrentExceptions") or ())
