"""What channels have for themselves."""

from __future__ import annotations

import numpy as np

from ...refimpl.channel import batch_norm, instance_norm, scale
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng, root
from .norm import EPSILON, normalized


def _shifted(add: InOrder, x: F32, factor: F32, summand: F32) -> F32:
    """Return x factor + summand, in the order of a sum of two products: with one rounding or two."""
    whole = np.broadcast_arrays(x, factor, summand)
    a, f, s = (np.ascontiguousarray(v).ravel() for v in whole)
    return add(np.stack([a, s], 1), np.stack([f, np.ones_like(s)], 1)).reshape(x.shape)


@ORDERED.of((batch_norm, ""))
def of_batch_norm(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Step by step, with a factor found first, or with mean and offset folded into one summand."""
    x = draw(rng, rows // terms + 1, terms)
    mean, scaled, offset = (draw(rng, terms) for _ in range(3))
    variance, way = np.abs(draw(rng, terms)), rng.integers(3)

    def compute(add: InOrder) -> F32:
        deviation = root(variance + np.float32(EPSILON))
        if way == 0:
            return (x - mean) / deviation * scaled + offset
        factor = scaled * (ONE / deviation)
        if way == 1:
            return _shifted(add, x - mean, factor, offset)
        return _shifted(add, x, factor, offset - mean * factor)

    return Drawn(
        Case(batch_norm, (x, mean, variance, scaled, offset), {"epsilon": EPSILON}), compute
    )


@ORDERED.of((instance_norm, ""))
def of_instance_norm(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Rows of each channel of each element of the batch."""
    x = draw(rng, rows // (3 * terms) + 1, 3, terms)
    scaled, offset = draw(rng, 3), draw(rng, 3)

    def compute(add: InOrder) -> F32:
        return normalized(add, x) * scaled[:, None] + offset[:, None]

    case = Case(instance_norm, (x, scaled, offset), {"epsilon": EPSILON, "axis": 1})
    return Drawn(case, compute)


@ORDERED.of((scale, ""))
def of_scale(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A product and a sum."""
    x, factor, offset = draw(rng, rows // terms + 1, terms), draw(rng, terms), draw(rng, terms)
    case = Case(scale, (x, factor, offset))
    return Drawn(case, lambda add: _shifted(add, x, factor, offset))
