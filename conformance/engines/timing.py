"""Timing of several callables side by side: a slow minute of the machine hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of one contestant.

    Attributes:
        median: median of all rounds.
        best: smallest.
        spread: (upper quartile - lower quartile) / median: how much to trust it.
        ratio: median over the rounds of this time / the first contestant's time of the same round.
    """

    median: float
    best: float
    spread: float
    ratio: float


def interleave(
    contestants: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm_up: int = 3,
    prepare: Mapping[str, Callable[[], object]] | None = None,
) -> dict[str, Timing]:
    """Call every contestant once in each of `rounds`, in rotating order, and sum up.

    `prepare[name]` runs before each call of that name, outside of its time (feeding).

    >>> t = interleave({"a": lambda: sum(range(9)), "b": lambda: sum(range(9999))}, rounds=9)
    >>> t["a"].ratio, t["b"].ratio > 1
    (1.0, True)
    """
    prepare = prepare or {}
    names = list(contestants)
    for name in names:
        for _ in range(warm_up):
            prepare.get(name, _nothing)()
            contestants[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        shift = i % len(names)  # nobody always runs on the caches that the same rival left
        for name in names[shift:] + names[:shift]:
            prepare.get(name, _nothing)()
            start = time.perf_counter_ns()
            contestants[name]()
            seconds[name].append((time.perf_counter_ns() - start) * 1e-9)
    return {name: _sum_up(seconds[name], seconds[names[0]]) for name in names}


def _nothing() -> None: ...


def _sum_up(mine: list[float], base: list[float]) -> Timing:
    median = statistics.median(mine)
    low, _, high = statistics.quantiles(mine, n=4) if len(mine) > 1 else (median,) * 3
    ratios = [m / max(b, 1e-9) for m, b in zip(mine, base, strict=True)]
    return Timing(median, min(mine), (high - low) / max(median, 1e-9), statistics.median(ratios))
