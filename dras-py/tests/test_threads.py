"""Threads, processes, signals: nothing hangs, nothing is torn, nothing outlives a call."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dras
import numpy as np
import pytest
from conftest import DOCUMENT, NOW, SECOND

HOT = dras.Expression("cpu > 80% && lag > 5m", {"cpu": "ratio", "lag": "s"})


def test_one_task_in_many_threads(task: dras.Task) -> None:
    n, threads = 500, 8

    def work(k: int) -> None:
        for i in range(n):
            task.row({"cpu": 50}, now=NOW, at=NOW - (k * n + i) % 60_000, instance=f"tm-{k}")
            if i % 50 == 0:
                task.decide(NOW)
                assert task.counters.accepted > 0

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    assert task.counters.accepted == n * threads


def test_one_expression_in_many_threads() -> None:
    def work(k: int) -> bool:
        return all(HOT.evaluate({"cpu": 0.9, "lag": 400 + k}) is True and HOT.evaluate({"cpu": 0.9, "lag": 4}) is False for _ in range(2000))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_fleet_is_fed_and_looked_at_in_many_threads(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, [f"t{i}" for i in range(600)])
    handles = np.array([fleet.series(id, "cpu", "tm-1") for id in fleet])
    stop = threading.Event()
    problems: list[BaseException] = []

    def forever(work: Any) -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:
            problems.append(error)

    counter = iter(range(10**9))

    def come_and_go() -> None:
        name = f"new-{next(counter)}"
        fleet.add(name)
        fleet.series(name, "cpu")
        fleet.remove(name)

    works = [
        lambda: fleet.ingest(handles, NOW, np.full(600, 50.0), now=NOW),
        lambda: fleet.decide(NOW, threads=3),
        lambda: fleet["t5"].row({"cpu": 1}, now=NOW),
        lambda: [fleet.ids, len(fleet), "t5" in fleet],
        come_and_go,
    ]
    threads = [threading.Thread(target=forever, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not problems and not any(thread.is_alive() for thread in threads)
    assert fleet.decide(NOW).looked == 600


def test_other_threads_go_on_during_a_look(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, [f"t{i}" for i in range(20_000)])
    turns = 0
    done = threading.Event()

    def look() -> None:
        for i in range(5):
            fleet.decide(NOW + i)
        done.set()

    thread = threading.Thread(target=look)
    thread.start()
    while not done.is_set():
        turns += 1
        time.sleep(0.0005)
    thread.join()
    assert turns > 10


def test_asyncio_needs_no_special_care(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, ["a", "b"])

    async def main() -> int:
        looks = await asyncio.gather(*(asyncio.to_thread(fleet.decide, NOW) for _ in range(4)))
        return sum(look.looked for look in looks)

    assert asyncio.run(main()) == 8


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_a_look(policy: dras.Policy) -> None:
    many = dras.Fleet(policy, [f"t{i}" for i in range(60_000)])
    begin = time.perf_counter()
    many.decide(NOW, threads=1)
    whole = time.perf_counter() - begin
    if whole < 0.12:
        pytest.skip("this machine is done before anybody could press Ctrl-C")
    timer = threading.Timer(whole / 4, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        # Without an end it would go on for long.
        for i in range(1000):
            many.decide(NOW + i, threads=1)
    timer.join()
    # All is well, and the same look can be taken again.
    assert many.decide(NOW + 1000).looked == 60_000


def test_other_processes_take_what_is_pickled(policy: dras.Policy) -> None:
    task = dras.Task(policy, "orders", attributes={"parallelism": 4, "backlog": 5000})
    sent = pickle.dumps((policy, HOT, task))
    script = f"""
import pickle, sys
policy, hot, task = pickle.load(sys.stdin.buffer)
assert hot.evaluate({{"cpu": 0.9, "lag": 400}}) is True and task.policy == policy
sys.stdout.write(task.decide({NOW}).to_json())
"""
    done = subprocess.run([sys.executable, "-c", script], input=sent, capture_output=True, check=True, timeout=60)
    assert done.stdout.decode() == task.decide(NOW).to_json()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_goes_on(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, [f"t{i}" for i in range(1000)])
    fleet.decide(NOW, threads=2)
    assert wait_for(fork(lambda: fleet.decide(NOW + 1, threads=2).looked == 1000 and HOT(cpu=0.9, lag=400) is True)) == 0


def fork(work: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 3
        finally:
            os._exit(code)
    return child


def wait_for(child: int) -> int:
    deadline = time.monotonic() + 60
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        assert time.monotonic() < deadline, "the child hangs"
        time.sleep(0.01)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_in_the_middle_of_another_threads_call(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, [f"t{i}" for i in range(20_000)])
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            fleet.decide(NOW, threads=2)

    def go_on() -> bool:
        # Whatever another thread held at that moment says so; everything else works. Nothing hangs.
        try:
            lost = fleet.decide(NOW, threads=1).errors
        except dras.StateError:
            return True
        task = dras.Task(policy, "orders", attributes={"parallelism": 4, "backlog": 5000})
        return len(lost) <= 4 and {f.code for f in lost} <= {"forked"} and task.decide(NOW).matters

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(5):
            assert wait_for(fork(go_on)) == 0
    finally:
        stop.set()
        thread.join()


def test_no_thread_outlives_a_call(policy: dras.Policy) -> None:
    tasks = "/proc/self/task"
    if not os.path.isdir(tasks):
        pytest.skip("no /proc here")
    fleet = dras.Fleet(policy, [f"t{i}" for i in range(2000)])
    before = len(os.listdir(tasks))
    for i in range(3):
        fleet.decide(NOW + i * SECOND, threads=4)
    deadline = time.monotonic() + 5
    while len(os.listdir(tasks)) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir(tasks)) <= before


def test_subinterpreters_are_refused_and_nothing_breaks() -> None:
    interpreters = pytest.importorskip("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")
    script = "try:\n    import dras\nexcept ImportError:\n    pass\n"
    identity = interpreters.create()
    try:
        run = getattr(interpreters, "run_string", None) or interpreters.exec
        run(identity, script)
    finally:
        interpreters.destroy(identity)
    assert dras.Policy(DOCUMENT).name == "etl"
