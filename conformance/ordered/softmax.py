"""Shares of powers, and their logarithms."""

from __future__ import annotations

from ...refimpl.softmax import log_softmax
from ...refimpl.softmax import softmax as softmax_op
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, exp, log, softmax, total


@ORDERED.of((softmax_op, ""))
def of_softmax(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Powers and their sum."""
    x = draw(rng, rows // terms + 1, terms)
    return Drawn(Case(softmax_op, (x,)), lambda add: softmax(add, x))


@ORDERED.of((log_softmax, ""))
def of_log_softmax(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Differences from the logarithm of the sum of powers."""
    x = draw(rng, rows // terms + 1, terms)

    def compute(add: InOrder) -> F32:
        d = x - x.max(1, keepdims=True)
        return d - log(total(add, exp(d)))

    return Drawn(Case(log_softmax, (x,)), compute)
