"""Terms of which a chain loses as much as it can."""

from __future__ import annotations

import functools

import numpy as np

from ..envelopes.matmul import UNIT
from ..ordered.drawn import F32, of_kind

LOST = -16.6356  # exp of it is just below half of a unit of 1
FEW = 8  # up to so many terms, rows are drawn besides: what else rounds weighs as much as the sum


def lost(k: int) -> F32:
    """Return 1, and k - 1 halves of its unit in the last place: a chain loses each of them."""
    x = np.full(k, UNIT, np.float32)
    x[0] = 1
    return x


def factors(k: int) -> tuple[F32, F32]:
    """Return factors of k products, the others of which are lost; of one or two the products themselves are ties."""
    x, w = lost(k), np.ones(k, np.float32)
    if k < 3:
        x[:] = w[:] = 1 + 2.0**-12
    return x, w


def rows(first: F32) -> F32:
    """Return a matrix of this row; of few elements with many others that are drawn."""
    if len(first) > FEW:
        return first[None]
    rng = np.random.default_rng(len(first))
    return np.concatenate(
        [first[None], *(of_kind(k % 4, rng, (64, len(first))) for k in range(32))]
    )


def losing(count: int) -> F32:
    """Return factors around 1 of which each is the one, of some, that makes the product in a chain gain most."""
    return _losing(max(count, 4096))[:count]


@functools.cache
def _losing(count: int) -> F32:
    rng, product = np.random.default_rng(1), np.float32(1.5)
    found = [product]
    while len(found) < count:
        some = (1 + rng.uniform(0, 2.0**-6, 64) * (-1 if product > 1.5 else 1)).astype(np.float32)
        exact = some.astype(np.float64) * product
        best = int(((some * product - exact) / exact).argmax())
        product = some[best] * product
        found.append(some[best])
    return np.array(found, np.float32)
