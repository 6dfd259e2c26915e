"""Sums of products over named axes, and determinants."""

from __future__ import annotations

import numpy as np

from ...refimpl.einsum import det, einsum
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, dense


@ORDERED.of((einsum, "two"))
def of_two(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Matrices by matrices."""
    x, y = draw(rng, 2, rows // 16 + 1, terms), draw(rng, 2, terms, 8)

    def compute(add: InOrder) -> F32:
        return np.stack([dense(add, a, b.T) for a, b in zip(x, y, strict=True)])

    return Drawn(Case(einsum, (x, y), {"equation": "bij,bjk->bik"}), compute)


@ORDERED.of((einsum, "three"))
def of_three(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Products of three factors, of which two are joined first, or sums of two that are multiplied by a third."""
    x, y, z, inside = (
        *(draw(rng, rows // 8 + 1, terms), draw(rng, terms, 8), draw(rng, terms)),
        bool(rng.integers(2)),
    )
    if inside:
        equation, args = "ij,jk,j->ik", (x, y, z)
    else:
        equation, args = "ij,jk,k->ik", (x, y, draw(rng, 8))

    def compute(add: InOrder) -> F32:
        return dense(add, x * z, y.T) if inside else dense(add, x, y.T) * args[2]

    return Drawn(Case(einsum, args, {"equation": equation}), compute)


@ORDERED.of((det, ""))
def of_det(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Elimination with the largest element of a column as its pivot, and the product of the pivots."""
    n = int(rng.integers(1, 8))
    x = draw(rng, rows // n + 1, n, n)

    def compute(add: InOrder) -> F32:
        left, pivots, each = x.copy(), [], np.arange(len(x))
        sign = np.ones(len(x), np.float32)
        for k in range(n):
            best = k + np.abs(left[:, k:, k]).argmax(axis=1)
            sign = np.where(best == k, sign, -sign)
            top, chosen = left[:, k].copy(), left[each, best]
            left[:, k], left[each, best] = chosen, np.where((best == k)[:, None], chosen, top)
            pivots.append(chosen[:, k])
            by = np.where(chosen[:, k] == 0, np.float32(1), chosen[:, k])
            factor = left[:, k + 1 :, k] / by[:, None]
            rest, row = left[:, k + 1 :, k + 1 :], chosen[:, None, k + 1 :]
            a = np.stack([rest, np.broadcast_to(-factor[..., None], rest.shape)], -1)
            b = np.stack([np.ones_like(rest), np.broadcast_to(row, rest.shape)], -1)
            left[:, k + 1 :, k + 1 :] = add(a.reshape(-1, 2), b.reshape(-1, 2)).reshape(rest.shape)
        return sign * add.product(np.stack(pivots, axis=1))

    return Drawn(Case(det, (x,)), compute)
