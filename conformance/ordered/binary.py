"""Sums of many tensors, and formulas of two numbers."""

from __future__ import annotations

import numpy as np

from ...refimpl.binary import add_n, squared_difference
from ...refimpl.binary import pow as pow_op
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, power, total


@ORDERED.of((add_n, ""))
def of_many(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """As many tensors as there are terms."""
    x = draw(rng, rows, terms)
    case = Case(add_n, tuple(np.ascontiguousarray(x.T)))
    return Drawn(case, lambda add: total(add, x)[:, 0])


@ORDERED.of((squared_difference, ""))
def of_squared_difference(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A difference and a product."""
    x, y = draw(rng, rows), draw(rng, rows)
    return Drawn(Case(squared_difference, (x, y)), lambda add: (x - y) * (x - y))


@ORDERED.of((pow_op, ""))
def of_power(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A power of a library, or for one whole exponent as many products."""
    x, many = draw(rng, rows), bool(rng.integers(2))
    y = draw(rng, rows) if many else np.full(1, rng.integers(2, 9), np.float32)

    def compute(add: InOrder) -> F32:
        if many:
            return power(np.abs(x), y.astype(np.float64))
        return add.product(np.tile(x[:, None], (1, int(y[0]))))

    return Drawn(Case(pow_op, (np.abs(x) if many else x, y)), compute)
