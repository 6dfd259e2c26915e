"""Products of matrices."""

from __future__ import annotations

from ...refimpl.matmul import fully_connected, matmul
from ..case import Case
from ..tables import ORDERED
from .drawn import Drawn, Numbers, Rng, dense


@ORDERED.of((fully_connected, ""))
def of_fully_connected(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Rows by eight outputs, and the bias last."""
    x, w, b = draw(rng, rows // 8 + 1, terms), draw(rng, 8, terms), draw(rng, 8)
    return Drawn(Case(fully_connected, (x, w, b)), lambda add: dense(add, x, w) + b)


@ORDERED.of((matmul, ""))
def of_matmul(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A matrix by one of eight columns."""
    x, y = draw(rng, rows // 8 + 1, terms), draw(rng, terms, 8)
    return Drawn(Case(matmul, (x, y)), lambda add: dense(add, x, y.T))
