"""Second oracles of what is done to each channel for itself, to 50 digits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...refimpl.channel import batch_norm, instance_norm, scale
from ..cells import Cells
from ..tables import EXACT
from .activation import activated
from .binary32 import f32

DIGITS = 50


def _channel_of(x: Cells, axis: int) -> list[int]:
    """Return for each element its place along an axis."""
    axis %= len(x.shape)
    return [index[axis] for index in x.indices()]


@EXACT.of(batch_norm)
def exact_batch_norm(
    x: Cells,
    mean: Cells,
    variance: Cells,
    scale: Cells | None = None,
    offset: Cells | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> Cells:
    """Element by element."""
    y: list[Any] = []
    with workdps(DIGITS):
        for v, c in zip(x.values, _channel_of(x, axis), strict=True):
            z = (mpf(v) - mpf(mean[c])) / mp.sqrt(mpf(variance[c]) + mpf(f32(epsilon)))
            z = z * mpf(scale[c]) if scale else z
            y.append(z + mpf(offset[c]) if offset else z)
    return Cells(x.shape, y)


@EXACT.of(instance_norm)
def exact_instance_norm(
    x: Cells, scale: Cells, offset: Cells, *, axis: int = -1, epsilon: float = 1e-5
) -> Cells:
    """Gather each channel of each image; its mean and variance are Fractions."""
    axis %= len(x.shape)
    places: dict[tuple[int, int], list[int]] = {}
    for at, index in enumerate(x.indices()):
        places.setdefault((index[0], index[axis]), []).append(at)
    y = Cells.full(x.shape, 0)
    with workdps(DIGITS):
        for (_, c), mine in places.items():
            values = [Fraction(x.values[at]) for at in mine]
            middle = sum(values, Fraction(0)) / len(values)
            variance = sum(((v - middle) ** 2 for v in values), Fraction(0)) / len(values)
            total = variance + Fraction(f32(epsilon))
            deviation = mp.sqrt(mpf(total.numerator) / total.denominator)
            for at, v in zip(mine, values, strict=True):
                d = (v - middle) * Fraction(scale[c])
                y.values[at] = mpf(d.numerator) / d.denominator / deviation + mpf(offset[c])
    return y


@EXACT.of(scale)
def exact_scale(
    x: Cells,
    factor: Cells,
    offset: Cells | None = None,
    *,
    axis: int = -1,
    activation: str = "none",
) -> Cells:
    """Each element finds its factor by its place along the axes that the factor has."""
    axis %= len(x.shape)
    y: list[Any] = []
    with workdps(DIGITS):
        for v, index in zip(x.values, x.indices(), strict=True):
            at = index[axis : axis + len(factor.shape)]
            z = _product(v, factor[at])
            z = z + (0 if offset is None else mpf(offset[at]))
            y.append(activated(z, activation))
    return Cells(x.shape, y)


def _product(a: float, b: float) -> Any:
    """Multiply exactly; infinity times 0 is NaN."""
    if all(map(math.isfinite, (a, b))):
        exact = Fraction(a) * Fraction(b)
        return mpf(exact.numerator) / exact.denominator
    return mpf(a) * mpf(b)
