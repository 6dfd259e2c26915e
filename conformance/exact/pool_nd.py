"""Second oracles of pooling over any number of axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath

from ...refimpl.pool_nd import avg_pool, lp_pool, max_pool
from ..cells import Cells
from ..tables import EXACT
from .conv import real
from .conv_nd import Sizes, spread

Places = list[list[int]]  # for each axis what a window steps on, be it inside or not


def _count(length: int, reach: int, stride: int, inside: int, ceil: bool) -> int:
    """Count windows by trying them: whole ones, or with `ceil` those that begin before place `inside`."""
    count = 0
    while count * stride + reach <= length:
        count += 1
    # one more, cut short, if anything is left over, and if it does not begin in the padding behind
    left = (count - 1) * stride + reach < length
    return count + 1 if ceil and left and count * stride < inside else count


def _windows(
    x: Cells,
    *,
    kernel: Sizes,
    stride: Sizes,
    pad: Sizes,
    dilation: Sizes,
    ceil: bool,
) -> tuple[Cells, Iterator[tuple[tuple[int, ...], Places]]]:
    """Return an empty result, and for each of its indices the places along each axis."""
    n = len(x.shape) - 2
    stride, dilation, pad = spread(stride, n, 1), spread(dilation, n, 1), spread(pad, 2 * n, 0)
    counts = []
    for a in range(n):
        size, before, after = x.shape[1 + a], pad[2 * a], pad[2 * a + 1]
        reach = (kernel[a] - 1) * dilation[a] + 1
        counts.append(_count(before + size + after, reach, stride[a], before + size, ceil))
    y = Cells.full((x.shape[0], *counts, x.shape[-1]), 0)

    def found() -> Iterator[tuple[tuple[int, ...], Places]]:
        for index in y.indices():
            yield (
                index,
                [
                    [
                        index[1 + a] * stride[a] - pad[2 * a] + k * dilation[a]
                        for k in range(kernel[a])
                    ]
                    for a in range(n)
                ],
            )

    return y, found()


def _inside(x: Cells, lines: Places) -> list[tuple[int, ...]]:
    """Return the places of a window that exist, in row-major order."""
    kept = [[u for u in line if 0 <= u < n] for line, n in zip(lines, x.shape[1:-1], strict=True)]
    return list(itertools.product(*kept))


@EXACT.of(avg_pool)
def avg_pool_exact(x: Cells, *, include_pad: bool, pad: Sizes, **window: Any) -> Cells:
    """The mean; in the padding there are zeros that count, if asked."""
    y, windows = _windows(x, pad=pad, **window)
    full = spread(pad, 2 * (len(x.shape) - 2), 0)
    for index, lines in windows:
        at = _inside(x, lines)
        total: Any = Fraction(0)
        for place in at:
            total += real(x[(index[0], *place, index[-1])])
        count = len(at)
        if include_pad:
            count = 1
            for a, line in enumerate(lines):
                low, high = -full[2 * a], x.shape[1 + a] + full[2 * a + 1]
                count *= sum(1 for u in line if low <= u < high)
        y[index] = total / count
    return y


@EXACT.of(max_pool)
def max_pool_exact(x: Cells, *, column_major: bool, **window: Any) -> tuple[Cells, Cells]:
    """The first that no other exceeds; a NaN exceeds all numbers."""
    y, windows = _windows(x, **window)
    number = Cells.full(y.shape, 0)
    size = x.shape[1:-1]
    for index, lines in windows:
        best: tuple[int, ...] | None = None
        for place in _inside(x, lines):
            new = x[(index[0], *place, index[-1])]
            old = None if best is None else x[(index[0], *best, index[-1])]
            if old is None or new > old or (new != new and old == old):
                best = place
        assert best is not None
        y[index] = x[(index[0], *best, index[-1])]
        axes = range(len(size)) if not column_major else range(len(size) - 1, -1, -1)
        flat = 0
        for a in axes:
            flat = flat * size[a] + best[a]
        number[index] = flat
    return y, number


@EXACT.of(lp_pool)
def lp_pool_exact(x: Cells, *, p: int, **window: Any) -> Cells:
    """Whole powers, added exactly; then the root, with 50 digits."""
    y, windows = _windows(x, **window)
    for index, lines in windows:
        values = [x[(index[0], *place, index[-1])] for place in _inside(x, lines)]
        if any(v != v for v in values):
            y[index] = math.nan
        elif any(math.isinf(v) for v in values):
            y[index] = math.inf
        else:
            total = sum((abs(Fraction(v)) ** p for v in values), Fraction(0))
            with mpmath.workdps(50):
                y[index] = mpmath.root(mpmath.mpf(total.numerator) / total.denominator, p)
    return y
