"""Orders in which a conforming kernel may add products in float32, each rounded as IEEE 754 says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..refimpl.half import odd_sum

F32 = NDArray[np.float32]
Rng = np.random.Generator
# (a, b, rng): factors (rows, terms); returns the sum of products of each row
Order = Callable[[F32, F32, Rng], F32]
# (terms, join, rng): arrays of one shape, and the sum or product of two of them
Tree = Callable[[Sequence[F32], Callable[[F32, F32], Any], Rng], F32]
BLOCK: Final = 32


def fused(a: F32, b: F32, c: F32) -> F32:
    """Return a b + c, rounded once: the sum in float64 is rounded to odd, so that rounding it again is harmless.

    >>> fused(*(np.float32([v]) for v in (1 + 2.0**-23, 1 - 2.0**-23, -1))).tolist()
    [-1.4210854715202004e-14]
    """
    product = a.astype(np.float64) * b  # exact
    return odd_sum(product, c.astype(np.float64)).astype(np.float32)


def _chain(terms: Sequence[F32], join: Callable[[F32, F32], Any], rng: Rng) -> F32:
    total = terms[0]
    for term in terms[1:]:
        total = join(total, term)
    return total


def _backwards(terms: Sequence[F32], join: Callable[[F32, F32], Any], rng: Rng) -> F32:
    return _chain(terms[::-1], join, rng)


def _halved(terms: Sequence[F32], join: Callable[[F32, F32], Any], rng: Rng) -> F32:
    """Join neighbours, until one is left."""
    while len(terms) > 1:
        pairs = [join(a, b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = [*pairs, *terms[len(pairs) * 2 :]]
    return terms[0]


def _in_blocks(terms: Sequence[F32], join: Callable[[F32, F32], Any], rng: Rng) -> F32:
    cuts = range(0, len(terms), BLOCK)
    return _chain([_chain(terms[k : k + BLOCK], join, rng) for k in cuts], join, rng)


def _at_random(terms: Sequence[F32], join: Callable[[F32, F32], Any], rng: Rng) -> F32:
    terms = list(terms)
    while len(terms) > 1:
        i = int(rng.integers(len(terms)))
        terms[i], terms[-1] = terms[-1], terms[i]
        last = terms.pop()
        j = int(rng.integers(len(terms)))
        terms[j] = join(terms[j], last)
    return terms[0]


def _in_lanes(count: int) -> Tree:
    def tree(terms: Sequence[F32], join: Callable[[F32, F32], Any], rng: Rng) -> F32:
        lanes = [_chain(terms[k::count], join, rng) for k in range(min(count, len(terms)))]
        return _halved(lanes, join, rng)

    return tree


def _of_products(tree: Tree) -> Order:
    def order(a: F32, b: F32, rng: Rng) -> F32:
        return tree([*np.ascontiguousarray((a * b).T)], np.add, rng)

    return order


# From the first to the last, from the last to the first, neighbours first, blocks of 32 one after the other and then
# their sums, any two of what there is.
sequential, backwards, pairwise, blocked, random_tree = map(
    _of_products, (_chain, _backwards, _halved, _in_blocks, _at_random)
)


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
        return _halved([*total.T], np.add, rng)

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
# The order of the factors of a product that goes with each.
PRODUCTS: dict[str, Tree] = {
    "sequential": _chain,
    "backwards": _backwards,
    "pairwise": _halved,
    "blocked": _in_blocks,
    "random tree": _at_random,
    "multiply-adds": _chain,
    "multiply-adds in 8 lanes": _in_lanes(8),
    "multiply-adds in 16 lanes": _in_lanes(16),
}


@dataclass(frozen=True)
class InOrder:
    """One of the orders: called, the sum of products of each row; `product` is that of the elements of each."""

    name: str
    rng: Rng

    def __call__(self, a: F32, b: F32) -> F32:
        return ORDERS[self.name](a, b, self.rng)

    def product(self, x: F32) -> F32:
        """Multiply the elements of each row."""
        return PRODUCTS[self.name]([*np.ascontiguousarray(x.T)], np.multiply, self.rng)
