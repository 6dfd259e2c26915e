"""Orders in which a conforming kernel may add products in float32, each rounded as IEEE 754 says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..refimpl.half import odd_sum

F32 = NDArray[np.float32]
Rng = np.random.Generator
# (a, b, rng): factors (rows, terms); returns the sum of products of each row
Order = Callable[[F32, F32, Rng], F32]
BLOCK: Final = 32


def fused(a: F32, b: F32, c: F32) -> F32:
    """Return a b + c, rounded once: the sum in float64 is rounded to odd, so that rounding it again is harmless.

    >>> fused(*(np.float32([v]) for v in (1 + 2.0**-23, 1 - 2.0**-23, -1))).tolist()
    [-1.4210854715202004e-14]
    """
    product = a.astype(np.float64) * b  # exact
    return odd_sum(product, c.astype(np.float64)).astype(np.float32)


def sequential(a: F32, b: F32, rng: Rng) -> F32:
    """From the first to the last."""
    total = a[:, 0] * b[:, 0]
    for k in range(1, a.shape[1]):
        total = total + a[:, k] * b[:, k]
    return total


def backwards(a: F32, b: F32, rng: Rng) -> F32:
    """From the last to the first."""
    return sequential(a[:, ::-1], b[:, ::-1], rng)


def _halved(terms: F32) -> F32:
    """Add neighbours, until one is left."""
    while terms.shape[1] > 1:
        even = terms[:, : terms.shape[1] // 2 * 2]
        pairs = even[:, ::2] + even[:, 1::2]
        terms = np.concatenate([pairs, terms[:, even.shape[1] :]], axis=1)
    return terms[:, 0]


def pairwise(a: F32, b: F32, rng: Rng) -> F32:
    """Neighbours first."""
    return _halved(a * b)


def blocked(a: F32, b: F32, rng: Rng) -> F32:
    """Blocks of 32 one after the other, then their sums."""
    cuts = range(0, a.shape[1], BLOCK)
    parts = [sequential(a[:, k : k + BLOCK], b[:, k : k + BLOCK], rng) for k in cuts]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def random_tree(a: F32, b: F32, rng: Rng) -> F32:
    """Any two of what there is, until one is left."""
    terms = list((a * b).T)
    while len(terms) > 1:
        i = int(rng.integers(len(terms)))
        terms[i], terms[-1] = terms[-1], terms[i]
        last = terms.pop()
        j = int(rng.integers(len(terms)))
        terms[j] = terms[j] + last
    return terms[0]


def fused_chain(a: F32, b: F32, rng: Rng) -> F32:
    """One multiply-add after the other."""
    total = np.zeros(len(a), np.float32)
    for k in range(a.shape[1]):
        total = fused(a[:, k], b[:, k], total)
    return total


def _lanes(count: int) -> Order:
    def order(a: F32, b: F32, rng: Rng) -> F32:
        missing = -a.shape[1] % count
        a, b = (np.pad(x, ((0, 0), (0, missing))) for x in (a, b))
        total = np.zeros((len(a), count), np.float32)
        for k in range(0, a.shape[1], count):
            total = fused(a[:, k : k + count], b[:, k : k + count], total)
        return _halved(total)

    return order


ORDERS: dict[str, Order] = {
    "sequential": sequential,
    "backwards": backwards,
    "pairwise": pairwise,
    "blocked": blocked,
    "random tree": random_tree,
    "multiply-adds": fused_chain,
    "multiply-adds in 8 lanes": _lanes(8),
    "multiply-adds in 16 lanes": _lanes(16),
}
