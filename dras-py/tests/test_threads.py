"""Threads, processes, signals: nothing hangs, nothing is torn, nothing outlives a call."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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
    problems: list[BaseException] = []

    def often(work: Any) -> None:
        try:
            for _ in range(60):
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
    threads = [threading.Thread(target=often, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert fleet.decide(NOW).looked == 600


def test_other_threads_go_on_during_a_look(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, [f"t{i}" for i in range(20_000)])
    begun, done = threading.Event(), threading.Event()

    def look() -> None:
        begun.set()
        fleet.decide(NOW, threads=1)
        done.set()

    thread = threading.Thread(target=look)
    turns = 0
    # With an interval of an hour this thread goes on only while the other one has released the interpreter.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    try:
        thread.start()
        begun.wait()
        while not done.is_set():
            turns += 1
            if turns > 100:
                break
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    assert turns > 100


def test_asyncio_needs_no_special_care(policy: dras.Policy) -> None:
    fleet = dras.Fleet(policy, ["a", "b"])

    async def main() -> int:
        looks = await asyncio.gather(*(asyncio.to_thread(fleet.decide, NOW) for _ in range(4)))
        return sum(look.looked for look in looks)

    assert asyncio.run(main()) == 8


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("call", ["column", "ingest", "evaluate_columns", "decide", "snapshots", "restore", "compare", "start_shadow", "replay"])
def test_ctrl_c_ends_long_calls(call: str) -> None:
    done = subprocess.run([sys.executable, Path(__file__).with_name("interrupts.py"), call], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


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
    assert len(os.listdir(tasks)) <= before


def test_the_module_needs_no_global_lock() -> None:
    """What a build of Python without the global lock asks for before it goes on without one."""
    script = "import sys, dras; sys.exit(getattr(sys, '_is_gil_enabled', lambda: False)() and 'free' in sys.version.lower())"
    assert subprocess.run([sys.executable, "-W", "error", "-c", script], check=False).returncode == 0


def test_subinterpreters_are_refused_and_nothing_breaks() -> None:
    interpreters = pytest.importorskip("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")
    script = """
try:
    import dras
except ImportError as error:
    assert type(error).__name__ == "LoadError" and type(error).__mro__[1].__name__ == "DrasError" and error.code == "load"
    assert "subinterpreters" in str(error) and "use threads, or processes" in str(error)
else:
    raise AssertionError("it was loaded")
"""
    identity = interpreters.create()
    try:
        run = getattr(interpreters, "run_string", None) or interpreters.exec
        # An exception in there is what this gives, or raises before Python 3.13.
        assert run(identity, script) is None
    finally:
        interpreters.destroy(identity)
    assert dras.Policy(DOCUMENT).name == "etl"
