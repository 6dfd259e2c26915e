"""Losses of wanted classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...refimpl.loss import negative_log_likelihood
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng


def _loss(reduction: str) -> Callable[..., Drawn]:
    def of_loss(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
        """Of as many elements as there are terms, or of all rows."""
        count = rows if reduction == "none" else terms
        x, weight = draw(rng, count, 5), draw(rng, 5)
        weight = np.abs(weight) if rng.integers(2) else weight
        target = rng.integers(0, 5, count)

        def compute(add: InOrder) -> F32:
            found, weights = -x[np.arange(count), target], weight[target]
            if reduction == "none":
                return found * weights
            whole = add(found[None], weights[None])[0]
            ones = np.ones_like(weights)
            return np.asarray(
                whole if reduction == "sum" else whole / add(weights[None], ones[None])[0]
            )

        case = Case(negative_log_likelihood, (x, target, weight), {"reduction": reduction})
        return Drawn(case, compute)

    return of_loss


for _reduction in ("none", "sum", "mean"):
    ORDERED.of((negative_log_likelihood, _reduction))(_loss(_reduction))
