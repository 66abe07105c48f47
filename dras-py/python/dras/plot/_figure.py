"""The picture of the looks at one task."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

import dras

from ._data import Looks, Quantity, Resource, Strip, Threshold, gather

# The colours of Okabe and Ito, which all kinds of colour vision tell apart; every one goes with a form, too.
BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE, GREY = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#777777"
_DASHES = ((0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))
_THRESHOLDS = (VERMILION, PURPLE, ORANGE, GREY)
_STATES = {
    "fired": {"facecolor": VERMILION, "edgecolor": "none", "label": "fired"},
    "holding": {"facecolor": "#F3CF8A", "edgecolor": ORANGE, "hatch": "////", "label": "true, not yet for long enough"},
    "undefined": {"facecolor": "#F0F0F0", "edgecolor": "#9A9A9A", "hatch": "....", "label": "not enough data"},
    "stops": {"facecolor": BLUE, "edgecolor": "none", "label": "holds a change back"},
    "stands": {"facecolor": "#CFE5F3", "edgecolor": SKY, "hatch": "", "label": "would hold one back"},
}
_MOST_ROWS = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Picture(Figure):
    """A figure that notebooks show without ``pyplot``."""

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png")
        return out.getvalue()


def looks(
    decisions: Iterable[dras.Decision],
    *,
    metrics: Sequence[str] | None = None,
    most: int = 4,
    title: str | None = None,
    width: float = 11.0,
) -> Figure:
    """Draws the looks at one task: its leading metrics with thresholds, its resources with what was decided, and what rules and guards did when.

    Args:
        decisions: what the looks came to, oldest first: a :class:`dras.Replay` made with ``keep="all"``, or decisions that were kept. Where only
            those that matter were kept, there is nothing to see between them.
        metrics: what to show, as it stands in the conditions of rules: ``"avg(cpu[5m])"``. Otherwise what rules that fired ask for comes first, then
            what crossed its threshold.
        most: the most metrics to show where ``metrics`` does not say which.
        title: a title other than the task and the document.
        width: of the picture, in inches.

    The times are UTC. Gaps in a line are looks at which the metric was undefined. A change that stays the same from look to look is marked once.

    Raises:
        dras.InputError: there are no decisions, they are of several tasks or not in order, or no condition has what ``metrics`` names.
    """
    kept = list(decisions)
    _check(kept)
    found = gather(kept)
    quantities = _chosen(found.quantities, metrics, most)
    rules = _rows(found.rules, found.alerts)
    guards = found.guards[:_MOST_ROWS]
    heights = [1.7] * len(quantities) + [1.2] * len(found.resources) + [0.35 + 0.24 * len(rows) for rows in (rules, guards) if rows]
    empty = not heights
    heights = heights or [1.0]
    figure = Picture(figsize=(width, 0.9 + sum(heights)), dpi=110, layout="constrained")
    axes = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights).flat)
    rest = iter(axes)
    if empty:
        axes[0].text(0.5, 0.5, "nothing to show: no rule, guard or metric did anything", transform=axes[0].transAxes, ha="center", va="center")
        axes[0].set_yticks([])
    for quantity in quantities:
        _draw_quantity(next(rest), quantity)
    for resource in found.resources:
        _draw_resource(next(rest), resource)
    if rules:
        _draw_strips(next(rest), "rules", rules, found.alerts)
    if guards:
        _draw_strips(next(rest), "guards", guards, {})
    _finish(figure, axes, found, title or _title(kept[0]))
    return figure


def _check(decisions: list[dras.Decision]) -> None:
    for decision in decisions:
        if not isinstance(decision, dras.Decision):
            raise dras.InputTypeError(f"looks() takes decisions, not {type(decision).__name__}", "type")
    if not decisions:
        raise dras.InputError('there are no decisions to draw; did the replay keep all of them, with keep="all"?', "empty")
    if len({decision.task for decision in decisions}) > 1:
        raise dras.InputError("the decisions are of several tasks; draw one task at a time", "several_tasks")
    if any(after.at <= before.at for before, after in pairwise(decisions)):
        raise dras.InputError("the decisions are not in the order of their times", "order")


def _title(decision: dras.Decision) -> str:
    policy = decision.policy
    return f"{decision.task}: {policy.name or 'decisions'} ({policy.mode})"


def _chosen(quantities: list[Quantity], metrics: Sequence[str] | None, most: int) -> list[Quantity]:
    if metrics is not None:
        unknown = [name for name in metrics if all(quantity.text != name for quantity in quantities)]
        if unknown:
            known = ", ".join(f"`{quantity.text}`" for quantity in quantities) or "none"
            raise dras.InputError(f"no condition compares `{unknown[0]}` with anything; there are: {known}", "unknown_metric")
        return [quantity for name in metrics for quantity in quantities if quantity.text == name]
    # One of each rule before the second of any, so that no rule that did something is left without a picture.
    turn: dict[str, int] = {}
    ranked: list[tuple[bool, bool, int, int]] = []
    for index, quantity in enumerate(quantities):
        if quantity.moves:
            rules = [rule for threshold in quantity.thresholds for rule in threshold.rules]
            ranked.append((quantity.fired == 0, quantity.crossed == 0, min(turn.get(rule, 0) for rule in rules), index))
            turn.update((rule, turn.get(rule, 0) + 1) for rule in rules)
    return [quantities[index] for index in sorted(index for *_, index in sorted(ranked)[:most])]


def _rows(strips: list[Strip], alerts: dict[str, list[int]]) -> list[Strip]:
    """The rules of which there is something to see: those that only lacked data come last, and where there are too many of them not at all."""
    shown = [strip for strip in strips if any(what != "undefined" for _, _, what in strip.bars) or strip.name in alerts]
    rest = [strip for strip in strips if strip.bars and strip not in shown]
    return (shown + rest)[:_MOST_ROWS] if len(shown) + len(rest) <= _MOST_ROWS else shown[:_MOST_ROWS]


def _num(at: int) -> float:
    return float(date2num(_EPOCH + timedelta(milliseconds=at)))  # type: ignore[no-untyped-call]


def _nums(times: Iterable[int]) -> list[float]:
    return [_num(at) for at in times]


# --- quantities ------------------------------------------------------------------------------------------------------------------------------


class _Scale:
    """How numbers of a type are written on an axis: the factor, and the unit."""

    def __init__(self, kind: str, largest: float, share: bool) -> None:
        self.factor, self.unit = 1.0, ""
        if share and kind == "number":
            self.factor, self.unit = 0.01, "%"
        elif kind.startswith("B"):
            steps = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))
            size, name = next((step for step in steps if largest >= step[0]), (1, "B"))
            self.factor, self.unit = float(size), name + kind[1:]
        elif kind == "s":
            spans = ((172_800.0, 86_400.0, "d"), (7200.0, 3600.0, "h"), (300.0, 60.0, "min"), (0.5, 1.0, "s"), (0.0, 0.001, "ms"))
            _, self.factor, self.unit = next(step for step in spans if largest >= step[0])
        elif kind != "number":
            self.unit = kind

    def text(self, value: float) -> str:
        """A value with its unit."""
        return self.tick(value / self.factor)

    def tick(self, value: float, _: object = None) -> str:
        """A number on the axis with its unit."""
        return f"{value:.4g}" + (self.unit if self.unit in ("%", "") else f" {self.unit}")

    def write(self, ax: Axes, whole: bool = False) -> None:
        """Writes the axis with it."""
        ax.yaxis.set_major_locator(MaxNLocator(6 if whole else 4, integer=whole, steps=[1, 2, 2.5, 5, 10]))
        ax.yaxis.set_major_formatter(FuncFormatter(self.tick))


def _largest(*columns: Iterable[float]) -> float:
    return max((abs(value) for column in columns for value in column if math.isfinite(value)), default=0.0)


def _draw_quantity(ax: Axes, quantity: Quantity) -> None:
    scale = _Scale(quantity.type, _largest(quantity.values, *(threshold.values for threshold in quantity.thresholds)), quantity.share)
    x, y = _nums(quantity.times), [value / scale.factor for value in quantity.values]
    alone = [i for i, value in enumerate(y) if math.isfinite(value) and not any(0 <= j < len(y) and math.isfinite(y[j]) for j in (i - 1, i + 1))]
    ax.plot(x, y, color=BLUE, linewidth=1.6, label=quantity.text, zorder=3)
    if alone:
        # A value between two gaps would be a line without length.
        ax.plot([x[i] for i in alone], [y[i] for i in alone], color=BLUE, linestyle="none", marker=".", markersize=4, zorder=3)
    for index, threshold in enumerate(quantity.thresholds[:4]):
        _draw_threshold(ax, threshold, scale, index)
    _shade(ax, quantity, x, y, scale)
    low, high = min((v for v in y if math.isfinite(v)), default=0.0), max((v for v in y if math.isfinite(v)), default=1.0)
    lines = [value / scale.factor for threshold in quantity.thresholds for value in threshold.values if math.isfinite(value)]
    low, high = min([low, *lines]), max([high, *lines])
    room = (high - low or abs(high) or 1.0) * 0.08
    ax.set_ylim(low - room if low < 0 else min(0.0, low) - room * 0.4, high + room)
    scale.write(ax)
    ax.set_title(quantity.text, loc="left", fontsize=9, fontfamily="monospace", pad=3)
    ax.legend(handles=_handles(ax), **_BESIDE)


_BESIDE: dict[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (1.005, 1.03),
    "frameon": False,
    "fontsize": 8,
    "handlelength": 2.2,
    "borderaxespad": 0.0,
}


def _handles(ax: Axes) -> list[Any]:
    return [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")][1:]


def _draw_threshold(ax: Axes, threshold: Threshold, scale: _Scale, index: int) -> None:
    known = [value for value in threshold.values if math.isfinite(value)]
    shown = scale.text(known[-1]) if known else "?"
    written = threshold.text if threshold.text.replace(" ", "") == shown.replace(" ", "") else f"{threshold.text} ({shown})"
    if len(set(known)) > 1:
        written = threshold.text
    others = len(threshold.rules) - 1
    rules = threshold.rules[0] + (f" and {others} more" if others else "")
    between = " " if len(rules) + len(written) < 34 else "\n    "
    ax.plot(
        _nums(threshold.times),
        [value / scale.factor for value in threshold.values],
        color=_THRESHOLDS[index],
        linestyle=_DASHES[index],
        linewidth=1.3,
        drawstyle="steps-post",
        label=f"{rules}:{between}{threshold.operator} {written}",
        zorder=2,
    )


def _shade(ax: Axes, quantity: Quantity, x: list[float], y: list[float], scale: _Scale) -> None:
    """What lies beyond a threshold, in its colour; and grey where the quantity is undefined."""
    for index, threshold in enumerate(quantity.thresholds[:4]):
        at = dict(zip(threshold.times, threshold.values, strict=True))
        line = [at.get(time, math.nan) / scale.factor for time in quantity.times]
        above = threshold.operator.startswith(">")
        where = [v > t if above else v < t for v, t in zip(y, line, strict=True)]
        ax.fill_between(x, y, line, where=where, color=_THRESHOLDS[index], alpha=0.16, linewidth=0, interpolate=True, zorder=1)
    begin: float | None = None
    for index, (at_x, value) in enumerate(zip([*x, x[-1]], [*y, 0.0], strict=True)):
        if not math.isfinite(value):
            begin = x[max(index - 1, 0)] if begin is None else begin
        elif begin is not None:
            ax.axvspan(begin, at_x, color="#F3F3F3", linewidth=0, zorder=0)
            begin = None


# --- resources -------------------------------------------------------------------------------------------------------------------------------


def _draw_resource(ax: Axes, resource: Resource) -> None:
    marked = [value for marks in (resource.made, resource.held, resource.external) for _, before, after in marks for value in (before, after)]
    scale = _Scale("number" if resource.name == "parallelism" else "B", _largest(resource.values, marked), False)
    ax.plot(
        _nums(resource.times), [v / scale.factor for v in resource.values], color="black", linewidth=1.6, drawstyle="steps-post", label="_present"
    )
    groups = (
        ("made", resource.made, {"color": GREEN, "markersize": 8}, "decided"),
        ("held", resource.held, {"color": ORANGE, "markersize": 8, "markerfacecolor": "white"}, "held by a guard"),
        ("external", resource.external, {"color": PURPLE, "markersize": 7}, "by somebody else"),
    )
    handles = [Line2D([], [], color="black", linewidth=1.6, label="present")]
    for kind, marks, style, label in groups:
        for at, before, after in marks:
            marker = "D" if kind == "external" else "^" if after > before else "v"
            ax.vlines(_num(at), before / scale.factor, after / scale.factor, color=style["color"], linewidth=1.2, zorder=2)
            ax.plot([_num(at)], [after / scale.factor], linestyle="none", marker=marker, label=f"_{kind}", zorder=4, **style)  # type: ignore[arg-type]
        if marks:
            marker = "D" if kind == "external" else "^"
            handles.append(Line2D([], [], linestyle="none", marker=marker, label=label, **style))  # type: ignore[arg-type]
    values = [value / scale.factor for value in [*resource.values, *marked]]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max((high - low) * 0.2, high * 0.08, 0.4 if resource.name == "parallelism" else 0.0)
    ax.set_ylim(low - room, high + room)
    scale.write(ax, whole=resource.name == "parallelism")
    ax.set_title(resource.name, loc="left", fontsize=9, fontfamily="monospace", pad=3)
    ax.legend(handles=handles, **_BESIDE)


# --- rules and guards ------------------------------------------------------------------------------------------------------------------------


def _draw_strips(ax: Axes, title: str, strips: list[Strip], alerts: dict[str, list[int]]) -> None:
    used: dict[str, None] = {}
    for row, strip in enumerate(strips):
        for what in _STATES:
            bars = [(_num(begin), _num(end) - _num(begin)) for begin, end, kind in strip.bars if kind == what]
            if bars:
                used[what] = None
                style = {key: value for key, value in _STATES[what].items() if key != "label"}
                ax.broken_barh(bars, (row - 0.36, 0.72), linewidth=0.5, **style)  # type: ignore[arg-type]
        times = alerts.get(strip.name)
        if times:
            ax.plot(_nums(times), [row] * len(times), linestyle="none", marker="o", markersize=3.4, color="black", label="_alert", zorder=4)
    ax.set_ylim(len(strips) - 0.4, -0.6)
    ax.set_yticks(range(len(strips)), [strip.name for strip in strips], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title, loc="left", fontsize=9, pad=3)
    handles: list[Any] = [Patch(linewidth=0.5, **_STATES[what]) for what in _STATES if what in used]  # type: ignore[arg-type]
    if any(strip.name in alerts for strip in strips):
        handles.append(Line2D([], [], linestyle="none", marker="o", markersize=3.4, color="black", label="alert"))
    ax.legend(handles=handles, **_BESIDE)


# --- all together ----------------------------------------------------------------------------------------------------------------------------


def _finish(figure: Figure, axes: list[Axes], found: Looks, title: str) -> None:
    first, last = found.times[0], found.times[-1]
    room = max((last - first) // 100, 500)
    for ax in axes:
        ax.set_xlim(_num(first - room), _num(last + room))
        ax.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        for resource in found.resources:
            for at, _, _ in resource.made:
                ax.axvline(_num(at), color=GREEN, linewidth=0.9, alpha=0.6, zorder=1)
    bottom = axes[-1]
    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    bottom.xaxis.set_major_locator(locator)
    bottom.xaxis.set_major_formatter(
        ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator,
            tz=UTC,
            formats=["%Y", "%b", "%d", "%H:%M", "%H:%M", "%H:%M:%S"],
            zero_formats=["", "%Y", "%b", "%b %d", "%H:%M", "%H:%M"],
            offset_formats=["", "%Y", "%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d"],
        )
    )
    bottom.set_xlabel("time (UTC)", fontsize=8)
    figure.suptitle(title, fontsize=11, fontweight="bold")
