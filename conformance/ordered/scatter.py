"""Sums and products with what is there already."""

from __future__ import annotations

import numpy as np

from ...refimpl.scatter import scatter_nd_update
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, total
from .reduce import factors, meetings


def _rows_of(x: F32, updates: F32, stand: F32) -> F32:
    """Return what each element of the result is made of: (places, 16, 1 + terms)."""
    return np.concatenate([x[..., None], updates[stand].swapaxes(1, 2)], axis=2)


@ORDERED.of((scatter_nd_update, "add"))
def of_sums(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Rows of 16 elements are added to what is there."""
    indices, stand = meetings(rng, rows // 16 + 1, terms)
    x, updates = draw(rng, rows // 16 + 1, 16), draw(rng, len(indices), 16)
    case = Case(scatter_nd_update, (x, indices, updates), {"reduction": "add"})
    return Drawn(case, lambda add: total(add, _rows_of(x, updates, stand))[..., 0])


@ORDERED.of((scatter_nd_update, "mul"))
def of_products(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """What is there is multiplied by rows of 16 elements."""
    indices, stand = meetings(rng, rows // 16 + 1, terms)
    x = factors(rng, draw, rows // 16 + 1, 16)
    updates = factors(rng, draw, len(indices), 16)

    def compute(add: InOrder) -> F32:
        each = _rows_of(x, updates, stand)
        return add.product(each.reshape(-1, terms + 1)).reshape(x.shape)

    return Drawn(Case(scatter_nd_update, (x, indices, updates), {"reduction": "mul"}), compute)
