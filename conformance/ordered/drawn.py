"""What is drawn, and the numbers, sums and functions that the straight computations are made of.

Whatever is computed besides sums is rounded to float32 after each operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..case import Case
from ..orders import InOrder

F32 = NDArray[Any]  # of float32, which the declarations of roots and quotients do not tell
F64 = NDArray[np.float64]
Rng = np.random.Generator
Numbers = Callable[..., F32]  # (rng, *shape)
ONE: Any = np.float32(1)


class Drawn(NamedTuple):
    """A case, its computation in an order of additions, and the algorithm it is computed by, where that has a name."""

    case: Case
    compute: Callable[[InOrder], F32 | tuple[F32, ...]]
    algorithm: str = ""


def numbers(rng: Rng, *shape: int) -> F32:
    """Draw numbers of a kind: see `of_kind`."""
    return of_kind(int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.22] * 4 + [0.06] * 2)), rng, shape)


def halves(rng: Rng, *shape: int) -> F32:
    """Draw halves, as float32 numbers."""
    return of_kind(int(rng.integers(4)), rng, shape).astype(np.float16).astype(np.float32)


# Exponents of numbers of many sizes, of which products overflow or underflow, and of the least numbers.
SIZES = {2: (-12, 12), 4: (-70, 70), 5: (-149, -100)}


def of_kind(kind: int, rng: Rng, shape: tuple[int, ...]) -> F32:
    """Draw numbers of one sign, of both, of many `SIZES`, or neighbours that nearly cancel (3)."""
    x = rng.uniform(0 if kind == 0 else -1, 1, shape)
    if kind in SIZES:
        low, high = SIZES[kind]
        x = np.ldexp(x, rng.integers(low, high + 1, shape))
    if kind == 3:
        x[..., 1::2] = -x[..., : shape[-1] // 2 * 2 : 2] * (1 + rng.integers(-2, 3) * 2.0**-11)
    return np.asarray(x, np.float32)


def pairs(a: F32, b: F32) -> tuple[F32, F32]:
    """Return each row of `a` beside each of `b`."""
    return np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1))


def dense(add: InOrder, x: F32, w: F32) -> F32:
    """Return the sums of products of each row of `x` (N, K) with each of `w` (O, K)."""
    return add(*pairs(x, w)).reshape(len(x), len(w))


def total(add: InOrder, x: F32) -> F32:
    """Return the sums along the last axis, which stays with one element."""
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    return add(rows, np.ones_like(rows)).reshape(*x.shape[:-1], 1)


def squares(add: InOrder, x: F32) -> F32:
    """Return the sums of squares along the last axis, which stays with one element."""
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    return add(rows, rows).reshape(*x.shape[:-1], 1)


def library(function: Callable[..., Any]) -> Callable[..., F32]:
    """Return a float32 function as good as those of a library: the nearest number or, here and there, one beside it.

    So it is within 1.5 units in the last place. Zeros, infinities, and what all but is a float32 number are right.
    """

    def found(x: F32, *others: Any) -> F32:
        with np.errstate(all="ignore"):
            exact = np.asarray(function(x.astype(np.float64), *others), np.float64)
            y = exact.astype(np.float32)
            off = np.abs(y - exact) > np.abs(np.spacing(y)) / 8
        mixed = np.ascontiguousarray(x).view(np.uint32) * np.uint32(2654435761) >> np.uint32(29)
        aims = np.array([-np.inf, np.inf], np.float32)[np.minimum(mixed, 1)]
        moved = (mixed < 2) & (y != 0) & np.isfinite(y) & off
        return np.where(moved, np.nextafter(y, aims), y)

    return found


exp = library(np.exp)
log = library(np.log)
power = library(np.power)


def root(x: F32) -> F32:
    """Return the square root, which is rounded to nearest."""
    return np.asarray(np.sqrt(x), np.float32)


def sigmoid(x: F32) -> F32:
    """Return 1 / (1 + exp(-x)); a power that overflows gives 0."""
    with np.errstate(over="ignore"):
        return np.asarray(ONE / (ONE + exp(-x)))


def softmax(add: InOrder, x: F32) -> F32:
    """Return powers along the last axis times the reciprocal of their sum."""
    powers = exp(x - x.max(axis=-1, keepdims=True))
    return powers * (ONE / total(add, powers))
