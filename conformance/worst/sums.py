"""Sums, means and products of as many numbers as there are terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl.binary import add_n
from ...refimpl.gather import scatter_nd
from ...refimpl.loss import negative_log_likelihood
from ...refimpl.pool import avg_pool2d
from ...refimpl.pool_nd import avg_pool, lp_pool
from ...refimpl.reduce import (
    mean,
    reduce_log_sum_exp,
    reduce_prod,
    reduce_sum_abs,
    reduce_sum_square,
    sum,
)
from ...refimpl.scan import cumprod, cumsum
from ...refimpl.scatter import scatter_nd_update
from ..case import Case
from ..envelopes.matmul import UNIT
from ..ordered.drawn import F32, ONE, Drawn, exp, log, power, squares, total
from ..orders import InOrder
from ..tables import WORST
from .terms import LOST, losing, lost, rows

AXES = np.array([1], np.int32)


def _rows_of(op: Op[..., Any], first: Callable[[int], F32], compute: Callable[..., F32]) -> None:
    """Enter a reduction of rows."""

    def make(k: int) -> Drawn:
        x = rows(first(k))
        return Drawn(Case(op, (x, AXES)), lambda add: compute(add, x)[:, 0])

    WORST.of(op)(make)


def _powers(k: int) -> F32:
    return np.where(np.arange(k) == 0, np.float32(0), np.float32(LOST))


def _log_of_powers(add: InOrder, x: F32) -> F32:
    most = x.max(1, keepdims=True)
    return np.asarray(log(total(add, exp(x - most))) + most)


_rows_of(sum, lost, total)
_rows_of(reduce_sum_abs, lost, lambda add, x: total(add, np.abs(x)))
_rows_of(mean, lost, lambda add, x: total(add, x) / np.float32(x.shape[1]))
_rows_of(reduce_sum_square, lambda k: np.sqrt(lost(k)), squares)
_rows_of(reduce_log_sum_exp, _powers, _log_of_powers)
_rows_of(reduce_prod, losing, lambda add, x: add.product(x)[:, None])


@WORST.of(add_n)
def of_add_n(k: int) -> Drawn:
    """As many tensors as there are terms."""
    x = rows(lost(k))
    return Drawn(Case(add_n, tuple(np.ascontiguousarray(x.T))), lambda add: total(add, x)[:, 0])


@WORST.of(cumsum)
def of_cumsum(k: int) -> Drawn:
    """The last element is the sum of all."""
    x = lost(k)[None]

    def compute(add: InOrder) -> F32:
        y = np.cumsum(x, axis=1, dtype=np.float64)
        y[:, -1:] = total(add, x)
        return y

    return Drawn(Case(cumsum, (x, AXES)), compute)


@WORST.of(cumprod)
def of_cumprod(k: int) -> Drawn:
    """The last element is the product of all."""
    x = losing(k)[None]

    def compute(add: InOrder) -> F32:
        y = np.cumprod(x, axis=1, dtype=np.float64)
        y[:, -1] = add.product(x)
        return y

    return Drawn(Case(cumprod, (x, AXES)), compute)


@WORST.of(scatter_nd)
def of_scatter(k: int) -> Drawn:
    """All come to one place."""
    x = lost(k)
    case = Case(scatter_nd, (np.zeros((k, 1), np.int64), x, np.array([1])))
    return Drawn(case, lambda add: total(add, x[None])[0])


@WORST.of(scatter_nd_update)
def of_update(k: int) -> Drawn:
    """The first is there, the others are added to it."""
    x = lost(k)
    args = (x[:1], np.zeros((k - 1, 1), np.int64), x[1:])
    case = Case(scatter_nd_update, args, {"reduction": "add"})
    return Drawn(case, lambda add: total(add, x[None])[0])


@WORST.of(avg_pool2d)
def of_avg_pool2d(k: int) -> Drawn:
    """One window over rows, which are images; times a rounded reciprocal."""
    x, by = rows(lost(k)), ONE / np.float32(k)
    case = Case(avg_pool2d, (x[:, None, :, None],), {"kernel": (1, k), "stride": (1, 1)})
    return Drawn(case, lambda add: (total(add, x) * by)[..., None, None])


@WORST.of(avg_pool)
def of_avg_pool(k: int) -> Drawn:
    """One window over rows, which are images."""
    x, by = rows(lost(k)), ONE / np.float32(k)
    case = Case(avg_pool, (x[..., None],), {"kernel": (k,)})
    return Drawn(case, lambda add: (total(add, x) * by)[..., None])


@WORST.of(lp_pool)
def of_lp_pool(k: int) -> Drawn:
    """A sum of magnitudes; of few terms the cube root of a sum of cubes."""
    x, p = rows(lost(k)), 1 if k > 8 else 3

    def compute(add: InOrder) -> F32:
        size = np.abs(x)
        if p == 1:
            return total(add, size)[..., None]
        cubes = total(add, size * size * size)
        return power(cubes, np.float64(ONE / np.float32(3)))[..., None]

    return Drawn(Case(lp_pool, (x[..., None],), {"kernel": (k,), "p": p}), compute)


@WORST.of(negative_log_likelihood)
def of_loss(k: int) -> Drawn:
    """A mean of losses that are lost, over weights each of which gains as much: it is just above half a unit."""
    weight = np.full(k, np.nextafter(np.float32(UNIT), ONE), np.float32)
    weight[0] = 1
    x = np.zeros((k, k), np.float32) if k <= 64 else None
    loss = np.float32(-1 + 2.0**-20)
    if x is None:  # as many classes would make a large matrix: two do
        x, weight, target = np.full((k, 2), loss), weight[:2], np.minimum(np.arange(k), 1)
    else:
        x[:], target = loss, np.arange(k)
    x[0] = -1

    def compute(add: InOrder) -> F32:
        each, used = -x[np.arange(k), target][None], weight[target][None]
        return np.asarray(add(each, used)[0] / total(add, used)[0, 0])

    return Drawn(Case(negative_log_likelihood, (x, target, weight)), compute)
