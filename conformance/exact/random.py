"""Second oracles of random tensors: MT19937 seeded word by word, doubles and normal numbers drawn one by one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from ...refimpl.random import bernoulli, multinomial, random_mask, random_normal, random_uniform
from ..cells import Cells
from ..tables import HOST_EXACT

WORDS = 624


def _draws(seed: float | None) -> Callable[[], float]:
    """Return what draws the next double of the stream with this seed (Matsumoto and Nishimura's init_genrand)."""
    assert seed is not None, "without a seed there is nothing to compare"
    words = [int(seed)]
    for i in range(1, WORDS):
        last = words[-1]
        words.append((1812433253 * (last ^ (last >> 30)) + i) & 0xFFFFFFFF)
    stream = random.Random()
    stream.setstate((3, (*words, WORDS), None))
    return stream.random


def _cells(shape: tuple[int, ...], to: str, draw: Callable[[], float]) -> Cells:
    y = Cells.full(shape, 0)
    y.values = [draw() for _ in y.values]
    y.format = to
    return y


@HOST_EXACT.of(random_uniform)
def exact_uniform(shape: Cells, *, low: float, high: float, to: str, seed: float | None) -> Cells:
    """Low + (high - low) u."""
    draw = _draws(seed)
    return _cells(tuple(shape.values), to, lambda: low + (high - low) * draw())


@HOST_EXACT.of(random_normal)
def exact_normal(shape: Cells, *, mean: float, scale: float, to: str, seed: float | None) -> Cells:
    """Pairs (x, y) in the unit circle give two normal numbers; the second coordinate's comes first."""
    draw, kept = _draws(seed), list[float]()

    def normal() -> float:
        if kept:
            return kept.pop()
        size = 0.0
        while size >= 1 or size == 0:
            x, y = 2 * draw() - 1, 2 * draw() - 1
            size = x * x + y * y
        factor = math.sqrt(-2 * math.log(size) / size)
        kept.append(factor * x)
        return factor * y

    return _cells(tuple(shape.values), to, lambda: mean + scale * normal())


@HOST_EXACT.of(random_mask)
def exact_mask(x: Cells, ratio: Cells, *, seed: float | None) -> Cells:
    """Kept where u >= ratio."""
    draw, (least,) = _draws(seed), ratio.values
    return _cells(x.shape, "bool", lambda: draw() >= least)


@HOST_EXACT.of(bernoulli)
def exact_bernoulli(x: Cells, *, to: str, seed: float | None) -> Cells:
    """One where u < p."""
    draw, chances = _draws(seed), iter(x.values)
    return _cells(x.shape, to, lambda: int(draw() < next(chances)))


@HOST_EXACT.of(multinomial)
def exact_multinomial(x: Cells, *, sample_size: int, to: str, seed: float | None) -> Cells:
    """The first class whose cumulated weight exceeds u times the sum of all."""
    draw, (rows, classes) = _draws(seed), x.shape
    y = Cells.full((rows, sample_size), 0)
    y.format = to
    for row in range(rows):
        most = max(x[row, c] for c in range(classes))
        sums = [0.0]
        for c in range(classes):
            sums.append(sums[-1] + math.exp(x[row, c] - most))
        for number in range(sample_size):
            point = draw() * sums[-1]
            above = [c for c in range(classes) if point < sums[c + 1]]
            y[row, number] = above[0] if above else classes - 1
    return y
