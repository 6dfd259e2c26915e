"""Timing of several callables side by side: a slow minute of the machine hits all of them.

Engines keep threads of their own, which spin for a while after a call in the hope of the next one (onnxruntime's for
milliseconds): on few cores they would take one from whoever comes next. So before each turn all threads of the
process must have come to rest. Then the contestant is called without being timed, so that its pool is awake and its
weights are in the caches, as where it is called again and again; what is timed follows at once. One call is not
enough for that where weights exceed the nearest cache: one that takes what that throws out keeps what it has seen
before. Every engine is thus measured at its best, its spinning included.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Call = Callable[[], object]

SLICE = 0.5e-3  # seconds from one look at the threads to the next
WARMING = 3  # calls before what is timed, at least
TASKS = Path("/proc/self/task")
LONGEST_REST = 0.1  # seconds; a pool that never parks is timed against for all that


@dataclass(frozen=True)
class Ratio:
    """A ratio of times, round by round: its median and its quartiles."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Timing:
    """Seconds of one contestant.

    Attributes:
        median: median of all rounds.
        best: smallest.
        spread: (upper quartile - lower quartile) / median: how much to trust it.
        ratio: median over the rounds of this time / the first contestant's time of the same round.
        rounds: the time of each round.
    """

    median: float
    best: float
    spread: float
    ratio: float
    rounds: tuple[float, ...]

    def over(self, other: Timing) -> Ratio:
        """Return this time as a multiple of another's, which took part in the same rounds."""
        ratios = [a / max(b, 1e-9) for a, b in zip(self.rounds, other.rounds, strict=True)]
        low, median, high = _quartiles(ratios)
        return Ratio(median, low, high)


def come_to_rest() -> float:
    """Wait until no other thread of this process computes any more; return how many seconds that took.

    The states of the threads say so, not the processor time that they used: that of threads on other cores is brought
    up to date by the tick of the clock alone, 4 ms apart.
    """
    start = time.perf_counter()
    quiet = 0
    while quiet < 2 and time.perf_counter() - start < LONGEST_REST:  # one may be about to begin
        time.sleep(SLICE)
        quiet = quiet + 1 if not _others_run() else 0
    return time.perf_counter() - start


def _others_run() -> bool:
    """Whether a thread of this process other than this one runs or waits for a core (proc(5): state R)."""
    mine = str(threading.get_native_id())
    for task in TASKS.iterdir():
        try:
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended since
            continue
        if state == "R" and task.name != mine:
            return True
    return False


def interleave(
    contestants: Mapping[str, Call],
    rounds: int,
    *,
    warm_up: int = 3,
    prepare: Mapping[str, Call] | None = None,
    turn: float = 0.0,
) -> dict[str, Timing]:
    """Call every contestant in each of `rounds`, in rotating order, and sum up.

    With `turn`, a turn lasts about so many seconds: the process comes to rest, the contestant is called without being
    timed, then as often as fits, and the mean of these calls is its time. Without it, a turn is one call.
    `prepare[name]` runs before each turn of that name, outside of its time (feeding).

    >>> t = interleave({"a": lambda: sum(range(9)), "b": lambda: sum(range(9999))}, rounds=9)
    >>> t["a"].ratio, t["b"].ratio > 1
    (1.0, True)
    """
    prepare = prepare or {}
    names = list(contestants)
    calls = dict.fromkeys(names, 1)
    for name in names:
        once = []
        for _ in range(warm_up):
            prepare.get(name, _nothing)()
            once.append(_timed(contestants[name], 1))
        if turn:
            calls[name] = max(1, math.ceil(turn / max(min(once, default=turn), 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        shift = i % len(names)  # nobody always runs on the caches that the same rival left
        for name in names[shift:] + names[:shift]:
            if turn:
                come_to_rest()
            prepare.get(name, _nothing)()
            if turn:
                _timed(contestants[name], max(WARMING, -(-calls[name] // 4)))
            seconds[name].append(_timed(contestants[name], calls[name]))
    return {name: _sum_up(seconds[name], seconds[names[0]]) for name in names}


def _nothing() -> None: ...


def _timed(call: Call, times: int) -> float:
    """Return the mean seconds of some calls in a row."""
    again = range(times)
    start = time.perf_counter_ns()
    for _ in again:
        call()
    return (time.perf_counter_ns() - start) * 1e-9 / times


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return (values[0],) * 3
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, statistics.median(values), high


def _sum_up(mine: list[float], base: list[float]) -> Timing:
    low, median, high = _quartiles(mine)
    ratios = [m / max(b, 1e-9) for m, b in zip(mine, base, strict=True)]
    spread = (high - low) / max(median, 1e-9)
    return Timing(median, min(mine), spread, statistics.median(ratios), tuple(mine))
