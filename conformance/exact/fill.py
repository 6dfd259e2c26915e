"""Second oracles of the operators whose elements come from a rule."""

from __future__ import annotations

import math
from fractions import Fraction

from ...refimpl.fill import fill, range, zeros_like
from ..cells import Cells
from ..tables import EXACT
from .binary32 import f32


@EXACT.of(fill)
def exact_fill(dims: Cells, value: Cells) -> Cells:
    """The same everywhere."""
    return Cells.full(dims.values, value.values[0])


@EXACT.of(range)
def exact_range(start: Cells, limit: Cells, delta: Cells) -> Cells:
    """Steps are added exactly; the number of floats is found in float32."""
    first, last, step = start.values[0], limit.values[0], delta.values[0]
    if isinstance(first, float):
        step_of = float if start.format == "f64" else f32
        count = math.ceil(abs(step_of(step_of(last - first) / step)))
    else:
        count = math.ceil(Fraction(abs(last - first), abs(step)))
    values: list[Fraction | float] = []
    value = Fraction(first)
    while len(values) < count:
        values.append(value)
        value += Fraction(step)
    values[:1] = [first][:count]  # the sign of zero stays
    return Cells((count,), values)


@EXACT.of(zeros_like)
def exact_zeros_like(x: Cells) -> Cells:
    """Zeros."""
    return Cells.full(x.shape, 0)
