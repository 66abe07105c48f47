"""`dras.plot`: what stands in the pictures. How they look, only people can say; `docs/pictures` has one."""

from __future__ import annotations

import doctest
import io
import math
import subprocess
import sys
import threading
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import dras
import dras.plot
import matplotlib
import numpy as np
import pytest
from cli_tools import DATA, RULES
from conftest import NOW, SECOND
from dras.cli._documents import read_document
from dras.cli._files import read_file
from dras.cli.trace import Metrics, read_csv, read_table
from dras.plot._data import gather
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

matplotlib.use("agg")


def replayed(name: str = "diurnal", follow: str | None = "10s", **more: float) -> dras.Replay:
    policy = dras.Policy(read_document(read_file(RULES)).text)
    file = DATA / f"{name}.csv"
    trace = read_table(read_csv(name, file.read_text(encoding="utf-8")), Metrics(policy), None)
    recording = trace.recording("orders", {})
    assert recording.span is not None
    for attribute, value in more.items():
        recording.attribute(attribute, value, recording.span[0])
    return dras.replay(policy, recording, follow=follow, keep="all")


DIURNAL = replayed(parallelism=1)
FIGURE = dras.plot.looks(DIURNAL)


def axes_of(figure: Figure) -> dict[str, Axes]:
    return {ax.get_title(loc="left"): ax for ax in figure.axes}


def legend(ax: Axes) -> list[str]:
    box = ax.get_legend()
    assert box is not None
    return [text.get_text() for text in box.get_texts()]


def line(ax: Axes, label: str) -> Any:
    return next(one for one in ax.get_lines() if one.get_label() == label)


def point(one: Line2D) -> tuple[float, float]:
    """Where a single mark stands."""
    return float(np.asarray(one.get_xdata())[0]), float(np.asarray(one.get_ydata())[0])


def drawn(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def test_its_docstring() -> None:
    done = doctest.testmod(dras.plot)
    assert done.attempted > 5 and done.failed == 0


def test_what_there_is() -> None:
    assert list(axes_of(FIGURE)) == [
        "min(delay[10s])",
        "max(avg(busy[20s]))",
        "max(avg(busy[40s]))",
        "max(heap_used)",
        "parallelism",
        "rules",
        "guards",
    ]
    suptitle = FIGURE.get_suptitle()
    assert suptitle == "orders: recorded (active)"


def test_a_metric_with_its_threshold() -> None:
    ax = axes_of(FIGURE)["min(delay[10s])"]
    assert legend(ax) == ["catch-up: > late (3 s)"]
    values = line(ax, "min(delay[10s])")
    expected = []
    for decision in DIURNAL:
        rule = next(rule for rule in decision.rules if rule.rule == "catch-up")
        part = next(part for part in rule.parts if part.text == "min(delay[10s])")
        expected.append((date2num(datetime.fromtimestamp(decision.at / 1000, UTC)), part.value if isinstance(part.value, float) else math.nan))  # type: ignore[no-untyped-call]
    assert list(values.get_xdata()) == pytest.approx([at for at, _ in expected])
    assert list(values.get_ydata()) == pytest.approx([value for _, value in expected], nan_ok=True)
    assert any(math.isnan(value) for _, value in expected), "gaps are part of the test"
    assert set(line(ax, "catch-up: > late (3 s)").get_ydata()) == {3.0}


def test_units() -> None:
    assert drawn(FIGURE)

    def ticks(title: str) -> list[str]:
        return [label.get_text() for label in axes_of(FIGURE)[title].get_yticklabels()]

    assert all(text.endswith(" s") for text in ticks("min(delay[10s])"))
    assert {"0%", "50%", "100%"} <= set(ticks("max(avg(busy[20s]))"))
    assert all(text.endswith(" MiB") for text in ticks("max(heap_used)"))
    assert "4" in ticks("parallelism") and not any("." in text for text in ticks("parallelism"))
    assert legend(axes_of(FIGURE)["max(heap_used)"]) == ["heap: > 240MiB"]


def test_times_are_utc_and_shared() -> None:
    limits = {ax.get_xlim() for ax in FIGURE.axes}
    assert len(limits) == 1
    bottom = FIGURE.axes[-1]
    assert bottom.get_xlabel() == "time (UTC)"
    drawn(FIGURE)
    labels = [label.get_text() for label in bottom.get_xticklabels()]
    assert "05:10" in labels and bottom.xaxis.get_offset_text().get_text() == "2026-11-21"


def test_decisions() -> None:
    ax = axes_of(FIGURE)["parallelism"]
    marks = [(point(one)[0], point(one)[1], one.get_marker()) for one in ax.get_lines() if one.get_label() == "_made"]
    first: dict[tuple[float, float], int] = {}
    for decision in DIURNAL:
        for change in decision.changes:
            first.setdefault((change.from_, change.to), decision.at)
    assert [(to, marker) for _, to, marker in marks] == [(2, "^"), (4, "^"), (3, "v"), (4, "^")]
    assert marks[0][0] == pytest.approx(date2num(datetime.fromtimestamp(first[1.0, 2.0] / 1000, UTC)))  # type: ignore[no-untyped-call]
    assert legend(ax) == ["present", "decided"]


def test_rules_and_guards() -> None:
    rules, guards = axes_of(FIGURE)["rules"], axes_of(FIGURE)["guards"]
    assert [label.get_text() for label in rules.get_yticklabels()] == ["catch-up", "give-back", "heap"]
    assert legend(rules) == ["fired", "true, not yet for long enough", "not enough data", "alert"]
    assert "cool_down" in [label.get_text() for label in guards.get_yticklabels()]
    assert "short_look" not in [label.get_text() for label in guards.get_yticklabels()]


def test_what_is_gathered() -> None:
    found = gather(list(DIURNAL))
    fired = next(strip for strip in found.rules if strip.name == "catch-up")
    looked = [decision for decision in DIURNAL if any(rule.rule == "catch-up" and rule.state == "fired" for rule in decision.rules)]
    for decision in looked:
        assert any(begin <= decision.at < end and what == "fired" for begin, end, what in fired.bars)
    assert sum(len(times) for times in found.alerts.values()) == sum(len({alert.rule for alert in d.alerts}) for d in DIURNAL)
    for strip in (*found.rules, *found.guards):
        assert all(begin < end for begin, end, _ in strip.bars)
        assert all(before[1] <= after[0] for before, after in pairwise(strip.bars)), "bars do not overlap"


def test_what_somebody_else_changed() -> None:
    figure = dras.plot.looks(replayed("rescale"))
    ax = axes_of(figure)["parallelism"]
    assert legend(ax) == ["present", "by somebody else"]
    assert [point(one)[1] for one in ax.get_lines() if one.get_label() == "_external"] == [3, 2]


def held() -> dras.Replay:
    policy = dras.Policy(
        {
            "version": 1,
            "mode": "active",
            "metrics": {"load": {"unit": "percent"}},
            "rules": [
                {"name": "up", "when": "80% < load", "then": {"parallelism": "parallelism * 2", "task_manager_memory": "task_manager_memory * 2"}},
            ],
            "guards": {"cool_down": {"up": "1h"}, "ineffective": {"for": "0s"}},
            "timing": {"long": "1m", "short": "1m"},
        }
    )
    recording = dras.Recording("orders")
    begin = NOW - 2 * 3600 * SECOND
    recording.series("load", [begin + i * 15 * SECOND for i in range(480)], [90.0] * 480)
    recording.attribute("parallelism", 2, begin)
    recording.attribute("task_manager_memory", 2 << 30, begin)
    recording.mark("change", begin)
    return dras.replay(policy, recording, keep="all", follow="1m")


def test_what_guards_hold() -> None:
    figure = dras.plot.looks(held())
    found = axes_of(figure)
    assert list(found) == ["load", "parallelism", "task_manager_memory", "rules", "guards"]
    assert legend(found["load"]) == ["up: > 80%"], "the threshold may stand on the left"
    assert legend(found["parallelism"]) == ["present", "decided", "held by a guard"]
    assert legend(found["task_manager_memory"]) == ["present", "decided", "held by a guard"]
    assert "holds a change back" in legend(found["guards"])
    # What is held from look to look is marked once.
    assert len([one for one in found["parallelism"].get_lines() if one.get_label() == "_held"]) < 8
    drawn(figure)
    assert any("GiB" in label.get_text() for label in found["task_manager_memory"].get_yticklabels())


def test_which_metrics() -> None:
    assert list(axes_of(dras.plot.looks(DIURNAL, metrics=["max(heap_used)", "min(delay[10s])"])))[:2] == ["max(heap_used)", "min(delay[10s])"]
    assert next(iter(axes_of(dras.plot.looks(DIURNAL, metrics=[])))) == "parallelism"
    assert list(axes_of(dras.plot.looks(DIURNAL, most=1)))[:2] == ["min(delay[10s])", "parallelism"]
    assert dras.plot.looks(DIURNAL, title="a week").get_suptitle() == "a week"
    with pytest.raises(dras.InputError, match="max\\(heap_used\\)") as caught:
        dras.plot.looks(DIURNAL, metrics=["nope"])
    assert caught.value.code == "unknown_metric"


@pytest.mark.parametrize("keep", [1, 2, 3, 30])
def test_few_looks(keep: int) -> None:
    assert drawn(dras.plot.looks(list(DIURNAL)[:keep])).startswith(b"\x89PNG")
    assert drawn(dras.plot.looks(list(DIURNAL)[-keep:])).startswith(b"\x89PNG")


def test_only_those_that_matter() -> None:
    assert drawn(dras.plot.looks([decision for decision in DIURNAL if decision.matters]))


def test_nothing_to_see() -> None:
    policy = dras.Policy({"version": 1, "rules": [{"name": "r", "when": "task_type == 'sql'", "then": {"parallelism": "4"}}]})
    figure = dras.plot.looks([dras.Task(policy, "orders").decide(NOW)])
    assert drawn(figure) and "rules" in axes_of(figure)
    policy = dras.Policy({"version": 1, "rules": [{"name": "r", "when": "1 > 2", "alert": "x"}], "guards": {"freeze_on_missing": "off"}})
    figure = dras.plot.looks([dras.Task(policy, "orders").decide(NOW)])
    assert drawn(figure) and any("nothing to show" in text.get_text() for text in figure.axes[0].texts)


def test_recorded_looks() -> None:
    policy = dras.Policy({"version": 1, "metrics": {"lag": {"unit": "s"}}, "rules": [{"name": "late", "when": "lag > 5m", "alert": "late"}]})
    task = dras.Task(policy, "orders")
    kept = []
    for i in range(40):
        now = NOW + i * 60 * SECOND
        task.row({"lag": i * 15.0 if i % 7 else None}, now=now)
        kept.append(task.decide(now))
    figure = dras.plot.looks(kept)
    assert legend(axes_of(figure)["lag"]) == ["late: > 5m (5 min)"] and drawn(figure)


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ([], "empty"),
        ([3], "type"),
        (list(DIURNAL)[::-1], "order"),
        ([*list(DIURNAL)[:1] * 2], "order"),
    ],
)
def test_what_cannot_be_drawn(decisions: list[Any], code: str) -> None:
    with pytest.raises(dras.DrasError) as caught:
        dras.plot.looks(decisions)
    assert caught.value.code == code


def test_several_tasks() -> None:
    policy = dras.Policy({"version": 1, "rules": [{"name": "r", "when": "uptime > 5m", "alert": "x"}]})
    with pytest.raises(dras.InputError) as caught:
        dras.plot.looks([dras.Task(policy, name).decide(NOW + i) for i, name in enumerate(("a", "b"))])
    assert caught.value.code == "several_tasks"


def test_nothing_global_is_touched() -> None:
    code = """
import sys, matplotlib
settings = lambda: {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}
before = settings()
import dras, dras.plot
policy = dras.Policy({"version": 1, "rules": [{"name": "r", "when": "uptime > 5m", "alert": "x"}]})
dras.plot.looks([dras.Task(policy, "a").decide(1_800_000_000_000)])
assert "matplotlib.pyplot" not in sys.modules
assert settings() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_in_several_threads() -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(drawn(dras.plot.looks(DIURNAL, most=1)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and len(set(found)) == 1


@runtime_checkable
class Shown(Protocol):
    """What a notebook asks for."""

    def _repr_png_(self) -> bytes: ...


def test_a_notebook_shows_it() -> None:
    assert isinstance(FIGURE, Figure) and isinstance(FIGURE, Shown)
    assert FIGURE._repr_png_().startswith(b"\x89PNG")


def test_legends_cover_nothing() -> None:
    drawn(FIGURE)
    boxes = {ax: ax.get_window_extent() for ax in FIGURE.axes}
    for ax, box in boxes.items():
        shown = ax.get_legend()
        assert shown is not None and shown.get_window_extent().x0 >= box.x1
    order = sorted(boxes.values(), key=lambda box: -box.y0)
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(order)), "panels do not overlap"
    width = FIGURE.get_window_extent().x1
    assert all((tight := ax.get_tightbbox()) is not None and tight.x1 <= width for ax in FIGURE.axes), "nothing is cut off"
