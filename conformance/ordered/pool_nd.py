"""Pooling along an axis, with windows that reach beyond the edges."""

from __future__ import annotations

import numpy as np

from ...refimpl.pool_nd import avg_pool, lp_pool
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, power, root, total
from .pool import windows


@ORDERED.of((avg_pool, ""))
def of_average(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Windows that are cut short at both ends; a sum is divided by the number of its elements."""
    x, pad = draw(rng, 1, rows // 4 + terms, 4), terms // 2
    count = windows(np.pad(np.ones_like(x[0]), ((pad, pad), (0, 0))), terms).sum(axis=-1)
    attributes = {"kernel": (terms,), "pad": (pad, pad)}

    def compute(add: InOrder) -> F32:
        padded = np.pad(x[0], ((pad, pad), (0, 0)))
        return (total(add, windows(padded, terms))[..., 0] / count)[None]

    return Drawn(Case(avg_pool, (x,), attributes), compute)


@ORDERED.of((lp_pool, ""))
def of_norm(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Powers by products, their sum, and a square root or a power with the rounded exponent.

    Where powers would leave the range of float32, and elsewhere as it comes, they are those of shares of the largest.
    """
    x, p = draw(rng, 1, rows // 4 + terms, 4), int(rng.integers(1, 5))
    sizes = np.abs(x[x != 0])
    within = sizes.max(initial=1) < 2.0**25 and sizes.min(initial=1) > 2.0**-30
    plain = within and bool(rng.integers(2))

    def compute(add: InOrder) -> F32:
        size = np.abs(windows(x[0], terms))
        most = np.float32(1) if plain else size.max(axis=-1, keepdims=True)
        size = size / np.where(most == 0, np.float32(1), most)
        powers = size
        for _ in range(p - 1):
            powers = powers * size
        whole, exponent = total(add, powers), np.float64(np.float32(1) / np.float32(p))
        y = root(whole) if p == 2 else power(whole, exponent)
        return (y * most)[None, ..., 0]

    return Drawn(Case(lp_pool, (x,), {"kernel": (terms,), "p": p}), compute)
