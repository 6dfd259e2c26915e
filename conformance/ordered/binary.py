"""Sums of many tensors."""

from __future__ import annotations

import numpy as np

from ...refimpl.binary import add_n
from ..case import Case
from ..tables import ORDERED
from .drawn import Drawn, Numbers, Rng, total


@ORDERED.of((add_n, ""))
def of_many(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """As many tensors as there are terms."""
    x = draw(rng, rows, terms)
    case = Case(add_n, tuple(np.ascontiguousarray(x.T)))
    return Drawn(case, lambda add: total(add, x)[:, 0])
