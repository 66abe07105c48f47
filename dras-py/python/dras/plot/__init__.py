"""Pictures of what was decided. They need ``pip install 'dras[plot]'``; the rest of the library does not.

>>> import dras, dras.plot
>>> rule = {"name": "late", "when": "min(delay[3m]) > 1m", "then": {"parallelism": "parallelism * 2"}}
>>> policy = dras.Policy({"version": 1, "metrics": {"delay": {"unit": "s"}}, "rules": [rule]})
>>> recording = dras.Recording("orders")
>>> begin = 1_800_000_000_000
>>> recording.series("delay", [begin + i * 15_000 for i in range(240)], [5.0] * 120 + [90.0] * 120)
>>> recording.attribute("parallelism", 4, begin)
>>> figure = dras.plot.looks(dras.replay(policy, recording, keep="all"))
>>> figure.savefig("orders.png")  # doctest: +SKIP

The figure is a ``matplotlib.figure.Figure`` that shows itself in a notebook. It is made without ``pyplot``: nothing global is touched, and figures
can be made in any thread and thrown away like any other object.
"""

from __future__ import annotations

from ._figure import looks

__all__ = ["looks"]
