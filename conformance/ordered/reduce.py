"""Sums and products of rows, and of what meets at one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl.gather import scatter_nd
from ...refimpl.reduce import (
    mean,
    reduce_log_sum_exp,
    reduce_prod,
    reduce_sum_abs,
    reduce_sum_square,
    sum,
)
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, exp, log, squares, total


def _count(x: F32) -> Any:
    return np.float32(x.shape[-1])


def factors(rng: Rng, draw: Numbers, *shape: int) -> F32:
    """Draw numbers near 1, of either sign."""
    x = draw(rng, *shape)
    return np.asarray(np.where(x < 0, -1, 1) * (np.abs(x) % 0.5 + 0.75), np.float16).astype("f4")


COMPUTED: dict[Op[..., Any], Callable[[InOrder, F32], F32]] = {
    sum: lambda add, x: total(add, x),
    mean: lambda add, x: total(add, x) / _count(x),
    reduce_sum_abs: lambda add, x: total(add, np.abs(x)),
    reduce_sum_square: lambda add, x: squares(add, x),
    reduce_prod: lambda add, x: add.product(x)[:, None],
    reduce_log_sum_exp: lambda add, x: (
        log(total(add, exp(x - x.max(1, keepdims=True)))) + x.max(1, keepdims=True)
    ),
}


def _reduction(op: Op[..., Any], compute: Callable[[InOrder, F32], F32]) -> Callable[..., Drawn]:
    def of_rows(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
        of_factors = op is reduce_prod
        x = factors(rng, draw, rows, terms) if of_factors else draw(rng, rows, terms)
        case = Case(op, (x, np.array([1], np.int32)))
        return Drawn(case, lambda add: compute(add, x)[:, 0])

    return of_rows


for _op, _compute in COMPUTED.items():
    ORDERED.of((_op, ""))(_reduction(_op, _compute))


def meetings(rng: Rng, places: int, terms: int) -> tuple[Any, Any]:
    """Draw an order in which `terms` rows come to each place: the places, and where the rows of each stand."""
    at = rng.permutation(np.repeat(np.arange(places), terms))
    return at[:, None], np.argsort(at, kind="stable").reshape(places, terms)


@ORDERED.of((scatter_nd, ""))
def of_scatter(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Rows of 16 elements, as many to each place as there are terms."""
    places = rows // 16 + 1
    indices, stand = meetings(rng, places, terms)
    updates = draw(rng, len(indices), 16)
    case = Case(scatter_nd, (indices, updates, np.array([places, 16])))
    return Drawn(case, lambda add: total(add, updates[stand].swapaxes(1, 2))[..., 0])
