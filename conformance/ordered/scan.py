"""Running sums and products."""

from __future__ import annotations

import numpy as np

from ...refimpl.scan import cumprod, cumsum
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, dense
from .reduce import factors

AXIS = np.array(1)


@ORDERED.of((cumsum, ""))
def of_cumsum(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Each element is a sum of its own: of all before it, or behind it, with or without itself."""
    x = draw(rng, rows // terms + 1, terms)
    exclusive, reverse = rng.integers(2, size=2).astype(bool).tolist()
    before = np.tri(terms, k=-1 if exclusive else 0, dtype=np.float32)
    members = before[::-1, ::-1].copy() if reverse else before
    attributes = {"exclusive": exclusive, "reverse": reverse}
    return Drawn(Case(cumsum, (x, AXIS), attributes), lambda add: dense(add, x, members))


@ORDERED.of((cumprod, ""))
def of_cumprod(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Each element is a product of its own; what it does not have is 1."""
    x = factors(rng, draw, rows // terms + 1, terms)
    before = np.tri(terms, dtype=bool)

    def compute(add: InOrder) -> F32:
        each = np.where(before, x[:, None], np.float32(1))
        return add.product(each.reshape(-1, terms)).reshape(x.shape)

    return Drawn(Case(cumprod, (x, AXIS)), compute)
