"""Second oracles of the operators that change a tensor at the places that indices name."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from ...refimpl.scatter import scatter_nd_update
from ..cells import Cells
from ..tables import EXACT
from .reduce import total_of


@EXACT.of(scatter_nd_update)
def exact_scatter_nd_update(x: Cells, indices: Cells, updates: Cells, *, reduction: str) -> Cells:
    """Collect what comes to each place, the old number first, then combine it."""
    found = Cells(x.shape, [[v] for v in x.values])
    outer = len(indices.shape) - 1
    for i in updates.indices():
        place = tuple(indices[(*i[:outer], k)] for k in range(indices.shape[-1]))
        found[(*place, *i[outer:])].append(updates[i])
    combine = {"none": _last, "add": _sum, "mul": _product, "min": _least, "max": _greatest}
    return Cells(x.shape, [combine[reduction](values) for values in found.values])


def _last(values: list[Any]) -> Any:
    return values[-1]


def _sum(values: list[Any]) -> Any:
    """Return the only number itself, which may be -0, or the sum."""
    return values[0] if len(values) == 1 else total_of(values)


def _product(values: list[Any]) -> Any:
    """Multiply exactly; zeros, infinities and NaN as IEEE 754 has it."""
    if len(values) == 1:
        return values[0]
    floats = [v for v in values if isinstance(v, float)]
    special = [v for v in floats if not math.isfinite(v) or v == 0]
    if not special:
        product = math.prod(map(Fraction, values))
        return product if floats else int(product)
    negative = sum(math.copysign(1, v) < 0 for v in floats) % 2
    infinite = any(math.isinf(v) for v in floats)
    if any(v != v for v in floats) or (infinite and 0.0 in floats):
        return math.nan
    return math.copysign(math.inf if infinite else 0.0, -1 if negative else 1)


def _least(values: list[Any]) -> Any:
    best = values[0]
    for v in values[1:]:
        if v < best or v != v:
            best = v
    return best


def _greatest(values: list[Any]) -> Any:
    best = values[0]
    for v in values[1:]:
        if v > best or v != v:
            best = v
    return best
