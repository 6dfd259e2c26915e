"""Second oracles of the pooling of regions: places are floats by definition, what they weigh is exact."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

from ...refimpl.region import roi_align, roi_pool
from ..cells import Cells
from ..tables import EXACT

Taps = list[tuple[int, Fraction]]


def _samples(
    start: float, end: float, bins: int, b: int, size: int, sampling: int, half_pixel: bool
) -> list[Taps | None]:
    """Return, for each sample of bin `b`, both neighbours with their weights; None outside."""
    length = end - start
    if not half_pixel and length < 1:
        length = 1.0
    each = length / bins
    count = sampling if sampling else max(math.ceil(each), 0)
    found: list[Taps | None] = []
    for i in range(count):
        at = start + b * each + (i + 0.5) * each / count
        if at < -1 or at > size:
            found.append(None)
            continue
        at = min(max(at, 0.0), float(size - 1))
        low = math.floor(at)
        more = Fraction(at) - low
        found.append([(low, 1 - more), (min(low + 1, size - 1), more)])
    return found


def _largest(values: list[Any]) -> Any:
    """Return the largest; a NaN is larger than all."""
    return max(values, key=lambda v: (v != v, v))


def _product(weight: Fraction, value: float) -> Any:
    if weight == 0:
        return Fraction(0)
    return weight * Fraction(value) if math.isfinite(value) else float(weight) * value


@EXACT.of(roi_align)
def roi_align_exact(
    x: Cells,
    regions: Cells,
    image: Cells,
    *,
    size: tuple[int, int],
    sampling: int,
    scale: float,
    half_pixel: bool,
    mode: str,
) -> Cells:
    """One bin of one channel at a time."""
    y = Cells.full((regions.shape[0], *size, x.shape[3]), 0)
    shift = 0.5 if half_pixel else 0.0
    for r, i, j, c in y.indices():
        left, top, right, bottom = (regions[r, k] * scale - shift for k in range(4))
        rows = _samples(top, bottom, size[0], i, x.shape[1], sampling, half_pixel)
        columns = _samples(left, right, size[1], j, x.shape[2], sampling, half_pixel)
        terms: list[Any] = []
        for row, column in itertools.product(rows, columns):
            if row is None or column is None:
                terms.append(Fraction(0))
                continue
            for (u, f), (v, g) in itertools.product(row, column):
                terms.append(_product(f * g, x[image[r], u, v, c]))
        if not terms:
            y[r, i, j, c] = 0
        elif mode == "max":
            y[r, i, j, c] = _largest(terms)
        else:
            total: Any = Fraction(0)
            for term in terms:
                total += term
            y[r, i, j, c] = total / (len(rows) * len(columns))
    return y


def _round(v: float) -> int:
    """Return the nearest whole number, halves away from zero, not beyond 2**30."""
    if abs(v) > 1 << 30:
        v = math.copysign(float(1 << 30), v)
    exact = Fraction(v)
    whole = (abs(exact) + Fraction(1, 2)).__floor__()
    return whole if exact >= 0 else -whole


@EXACT.of(roi_pool)
def roi_pool_exact(x: Cells, regions: Cells, *, size: tuple[int, int], scale: float) -> Cells:
    """The largest of the elements that a bin touches."""
    y = Cells.full((regions.shape[0], *size, x.shape[3]), 0)
    for r, i, j, c in y.indices():
        left, top, right, bottom = (_round(regions[r, 1 + k] * scale) for k in range(4))
        lines = []
        for first, last, bins, b, n in (
            (top, bottom, size[0], i, x.shape[1]),
            (left, right, size[1], j, x.shape[2]),
        ):
            length = Fraction(max(last - first + 1, 1), bins)
            begin, end = first + math.floor(b * length), first + math.ceil((b + 1) * length)
            lines.append(range(max(begin, 0), min(end, n)))
        found = [x[int(regions[r, 0]), u, v, c] for u in lines[0] for v in lines[1]]
        y[r, i, j, c] = _largest(found) if found else 0.0
    return y
