"""Run by test_threads.py in a process of its own: Ctrl-C in the middle of one long call.

    python interrupts.py NAME

The call is made once without a signal, and once with one, which another thread sends as soon as the call has released the interpreter: with a switch
interval of an hour, that is when that thread comes to its turn. The call must end by it, having done less than the whole, and the object must go on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import dras
import numpy as np

NOW = 1_800_000_000_000
DAY = 86_400_000
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "metrics": {"cpu": {"unit": "percent", "per": "task_manager", "range": [0, 1]}},
    "rules": [{"name": "busy", "when": "avg(cpu[5m]) > 80% && uptime > 5m", "then": {"parallelism": "parallelism + 1"}}],
    "timing": {"long": "15s", "short": "15s"},
}
POLICY = dras.Policy(DOCUMENT)

Call = Callable[[], object]


def column(size: int) -> tuple[Call, Call]:
    n = 12_000_000 * size
    times, values = np.arange(NOW - n, NOW), np.full(n, 50.0)
    # A task for each call: samples that are there already cost less.
    tasks = iter([dras.Task(POLICY, "orders") for _ in range(3)])

    def call() -> object:
        task = next(tasks)
        return task.column("cpu", times, values, now=NOW)

    return call, lambda: dras.Task(POLICY, "orders").column("cpu", times[-100:], values[-100:], now=NOW)


def ingest(size: int) -> tuple[Call, Call]:
    fleet = dras.Fleet(POLICY, (f"t{i}" for i in range(20_000 * size)))
    handles = np.array([fleet.series(id, "cpu", "tm-1") for id in fleet])
    # Everything is there before the call: NumPy lets others at the interpreter, too.
    series, values = np.repeat(handles, 100), np.full(len(handles) * 100, 50.0)
    looks = iter([(now, np.tile(now - np.arange(100)[::-1] * 500, len(handles))) for now in (NOW, NOW + 60_000)])

    def call() -> object:
        now, times = next(looks)
        return fleet.ingest(series, times, values, now=now)

    return call, lambda: fleet.decide(NOW + DAY)


def evaluate_columns(size: int) -> tuple[Call, Call]:
    names = [f"v{i}" for i in range(8)]
    expression = dras.Expression(" || ".join(f"{a} * {b} > 0.99 && {a} < {b}" for a in names for b in names if a != b), names)
    column = np.random.default_rng(7).uniform(0, 1, 4_000_000 * size)
    return lambda: expression.evaluate_columns(dict.fromkeys(names, column)), lambda: expression(**dict.fromkeys(names, 0.5))


def fleet_of(n: int) -> dras.Fleet:
    fleet = dras.Fleet(POLICY, (f"t{i}" for i in range(n)))
    fleet.set("parallelism", dict.fromkeys(fleet, 4))
    handles = np.array([fleet.series(id, "cpu", "tm-1") for id in fleet])
    for i in range(20):
        fleet.ingest(handles, NOW - (19 - i) * 15_000, np.full(n, 90.0), now=NOW)
    return fleet


def decide(size: int) -> tuple[Call, Call]:
    fleet = fleet_of(20_000 * size)
    steps = iter(range(10_000))
    return lambda: [fleet.decide(NOW + next(steps), threads=1, keep="all") for _ in range(4)], lambda: fleet.decide(NOW + DAY)


def snapshots(size: int) -> tuple[Call, Call]:
    fleet = fleet_of(40_000 * size)
    return fleet.snapshots, lambda: fleet.decide(NOW)


def restore(size: int) -> tuple[Call, Call]:
    kept = fleet_of(40_000 * size).snapshots()
    return lambda: dras.Fleet.restore(POLICY, kept), lambda: dras.Fleet.restore(POLICY, list(kept.values())[:10])


def compare(size: int) -> tuple[Call, Call]:
    fleet = fleet_of(30_000 * size)
    other = dras.Policy({**DOCUMENT, "name": "other"})
    return lambda: fleet.compare(other, NOW), lambda: fleet.decide(NOW)


def start_shadow(size: int) -> tuple[Call, Call]:
    fleet = fleet_of(40_000 * size)
    other = dras.Policy({**DOCUMENT, "name": "other"})

    def call() -> object:
        fleet.stop_shadow()
        fleet.start_shadow(other)
        return None

    def none_is_left() -> object:
        assert all(fleet[id].shadow is None for id in fleet)
        return fleet.decide(NOW)

    return call, none_is_left


def replay(size: int) -> tuple[Call, Call]:
    recording = dras.Recording("orders")
    times = np.arange(NOW, NOW + 100 * size * DAY, 15_000)
    recording.series("cpu", times, np.full(len(times), 50.0), instance="tm-1")
    return lambda: dras.replay(POLICY, recording), lambda: dras.replay(POLICY, recording, end=NOW + DAY // 24)


def main(name: str) -> None:
    # Whoever starts the tests in the background of a shell has them ignore the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # So much work that the signal comes in the midst of it, on a faster machine as well.
    size, whole = 1, 0.0
    while True:
        call, afterwards = globals()[name](size)
        begin = time.thread_time()
        call()
        whole = time.thread_time() - begin
        if whole > 0.2 or size > 8:
            break
        size *= 2

    may_send = threading.Lock()
    may_send.acquire()

    def send() -> None:
        with may_send:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    sys.setswitchinterval(3600)
    may_send.release()
    begin = time.thread_time()
    try:
        call()
    except KeyboardInterrupt:
        part = time.thread_time() - begin
    else:
        raise AssertionError("nobody heard of the signal")
    sys.setswitchinterval(0.005)
    thread.join()
    assert part < 0.8 * whole, f"{part:.3f} s of {whole:.3f} s were spent before anybody heard of the signal"
    afterwards()
    print(f"{name}: {part:.3f} s of {whole:.3f} s")


if __name__ == "__main__":
    main(sys.argv[1])
