"""Threads that walk a plan: what they share, and whom they wait for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from litegold.ir import Graph, Node, TensorType
from litegold.jit_kernels import driver
from litegold.refimpl.binary import add
from litegold.refimpl.unary import neg
from litegold.runtime import Session, make_plan
from litegold.runtime import context as context_module
from litegold.runtime import threads as threads_module


def line(size: int) -> Graph:
    """Three sums and two negations, one after the other."""
    nodes = []
    for i, (a, b) in enumerate(pairwise("xabcdy")):
        nodes.append(Node(neg, (a,), (b,)) if i % 2 else Node(add, (a, a), (b,)))
    return Graph(tuple(nodes), ("x",), ("y",), dict.fromkeys("xabcdy", TensorType((size,))))


def test_a_worker_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_module.Crew, "_work", lambda crew, worker: None)
    monkeypatch.setattr(context_module, "crew", lambda size: threads_module.Crew(size))
    monkeypatch.setattr(context_module, "usable_cores", lambda: 2)
    session, x = Session(line(50), 2, split_from=0), np.arange(50, dtype=np.float32)
    for _ in range(3):
        np.testing.assert_array_equal(session.run({"x": x})["y"], 8 * x)


def test_what_a_late_worker_may_look_at_is_kept_until_it_is_gone() -> None:
    crew = threads_module.Crew(2)
    boxes = crew._words[driver.CREW_WORDS :].reshape(2, -1)
    crew._hold(("first",))
    boxes[1, driver.BUSY] = 1
    crew._hold(("second",))
    assert crew._held == [("first",), ("second",)]
    boxes[1, driver.BUSY] = 0
    crew._hold(("third",))
    assert crew._held == [("third",)]


def test_small_steps_in_a_row_are_one_stage_of_one_thread() -> None:
    small, large = (make_plan(line(n), {"x": TensorType((n,))}, threads=2) for n in (40, 40_000))
    assert small.stages(1).tolist() == [[0, 5, 0]]
    assert small.stages(0).tolist() == [[i, i + 1, 1] for i in range(5)]
    assert large.stages(1)[:, 2].all()


def test_many_runs_of_many_sessions_on_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs change hands all the time, and contexts come and go while workers are late."""
    monkeypatch.setattr(context_module, "usable_cores", lambda: 2)
    x = np.arange(300, dtype=np.float32)
    for turn in range(60):
        sessions = [Session(line(n), 2, split_from=0) for n in (3, 300)]
        for _ in range(1 + turn % 7):
            for session, n in zip(sessions, (3, 300), strict=True):
                np.testing.assert_array_equal(session.run({"x": x[:n]})["y"], 8 * x[:n])
        if turn % 20 == 0:
            time.sleep(0.01)  # long enough for the worker to park


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_goes_on_without_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, "usable_cores", lambda: 2)
    session, x = Session(line(50), 2, split_from=0), np.arange(50, dtype=np.float32)
    session.run({"x": x})
    child = os.fork()
    if child == 0:
        right = all((session.run({"x": x})["y"] == 8 * x).all() for _ in range(3))
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_parked_worker_is_woken_on_another_core(monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[tuple[int, set[int]]] = []
    move = threads_module._move

    def recorded(thread: int, cores: set[int]) -> None:
        moves.append((thread, cores))
        move(thread, cores)

    monkeypatch.setattr(threads_module, "_move", recorded)
    allowed = os.sched_getaffinity(0)
    crew = threads_module.Crew(2)
    while crew._words[driver.CREW_WORDS + driver.BOX_WORDS + driver.PARKED] != 1:
        time.sleep(1e-3)
    worker = crew._native[1]
    assert worker
    crew._rouse(1 << 1)
    while len(moves) < 2:  # back from where it was woken
        time.sleep(1e-3)
    (first, elsewhere), (_, back) = moves
    assert first == worker and back == allowed == os.sched_getaffinity(worker)
    assert elsewhere < allowed or len(allowed) == 1


@pytest.mark.parametrize("slow", ["alone", "together"])
def test_the_first_runs_tell_whether_other_threads_help(slow: str) -> None:
    called: list[str] = []

    def way(name: str) -> Callable[[], int]:
        def walk() -> int:
            called.append(name)
            time.sleep(2e-3 * (name == slow))
            return driver.NONE

        return walk

    trial = context_module.Trial(way("alone"), way("together"))
    runs = 4 * context_module.TRIALS
    assert {trial() for _ in range(runs)} == {driver.NONE}
    assert called.count("alone") == called.count("together") == runs // 2
    for _ in range(5):
        trial()
    assert set(called[runs:]) == {"alone", "together"} - {slow}
