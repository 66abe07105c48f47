"""What was recorded of a task, whatever file it came in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

import dras

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadTrace(Exception):
    """A file that holds no recording, or one that cannot be read."""


@dataclass(frozen=True)
class Series:
    """Samples of one metric of one instance."""

    metric: str
    """The metric's name in the document."""
    instance: str
    """Empty for the task itself."""
    times: list[int]
    """ms since the epoch."""
    values: list[float]


@dataclass
class Trace:
    """What was recorded of a task."""

    series: list[Series] = field(default_factory=list)
    events: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Metric, instance, time and text of each."""
    attributes: list[tuple[int, str, float | bool | str]] = field(default_factory=list)
    """From when on which attribute was what."""
    marks: list[tuple[Literal["restart", "change"], int]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """Names of what is in the files and that the document has no use for."""

    def add(self, other: Trace) -> None:
        """Takes what another file holds."""
        self.series += other.series
        self.events += other.events
        self.attributes += other.attributes
        self.marks += other.marks
        self.unused += other.unused

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return sum(len(series.times) for series in self.series)

    def recording(self, task: str, labels: Mapping[str, str]) -> dras.Recording:
        """The same as the library takes it."""
        recording = dras.Recording(task, labels=labels)
        for series in self.series:
            recording.series(series.metric, series.times, series.values, instance=series.instance or None)
        for metric, instance, at, text in self.events:
            recording.event(metric, text, at, instance=instance or None)
        for at, name, value in self.attributes:
            recording.attribute(name, value, at)
        for mark, at in self.marks:
            recording.mark(mark, at)
        return recording


def milliseconds(time: datetime) -> int:
    """An aware time in ms since the epoch."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def clock(text: str, zone: tzinfo | None = None, unit: str = "") -> int:
    """A time as people and files write it: ISO 8601, or seconds or milliseconds since the epoch.

    ``unit`` says which of both a number is; without it its size does. ``zone`` is that of times that say none.

    Raises:
        ValueError: it is none, or says no time zone.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None and zone is None:
            raise ValueError(f"the time `{text}` has no time zone: say --timezone UTC, or whichever it is") from None
        return milliseconds(time if time.tzinfo is not None else time.replace(tzinfo=zone))
    if not math.isfinite(number):
        raise ValueError(f"`{text}` is no time")
    if not unit:
        # Seconds from 1973 to 5138, milliseconds from 1973 on: nothing in between can be meant.
        if abs(number) < 1e8:
            raise ValueError(f"`{text}` is no time since the epoch: it would be in the year 1973 or before")
        unit = "s" if abs(number) < 1e11 else "ms"
    value = round(number * (1000 if unit == "s" else 1))
    if abs(value) > 253_402_300_799_999:
        raise ValueError(f"the time `{text}` is after the year 9999")
    return value
