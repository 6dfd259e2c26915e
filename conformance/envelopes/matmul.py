"""Envelope of the fully connected layer, and the bound of a sum of products that convolutions share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.matmul import fully_connected, fully_connected_sums, matmul, matmul_sums
from ..tables import ENVELOPE

F64 = NDArray[np.float64]

UNIT = 2.0**-24  # largest relative error of one float32 operation
TINY = 2.0**-149  # the least float32; half of it is the largest error where results are subnormal
LARGEST = float(np.finfo(np.float32).max)


def magnitude(x: Array) -> F64:
    """Return |x|; what is not finite counts as 0, as its class decides there, not its error."""
    x = x.astype(np.float64)
    return np.where(np.isfinite(x), np.abs(x), 0.0)


def gamma(roundings: int) -> float:
    """Return the largest relative error that so many float32 roundings add up to (Higham, lemma 3.1)."""
    return roundings * UNIT / (1 - roundings * UNIT)


def sum_of_products(absolute: F64, terms: int) -> F64:
    """Bound the error of a float32 sum of `terms` products (the bias is one) whose |terms| add up to `absolute`.

    In any order, each term passes through at most `terms` + 1 roundings, one of its product (none with FMA) and at
    most `terms` of additions; the expected value is itself rounded. So the error is at most
    gamma(terms + 2) times the sum of the |terms|, and half of the least float32 for each operation that underflows.
    Where that sum exceeds the largest float32, some order overflows.
    """
    bound = gamma(terms + 2) * absolute + (terms + 1) * TINY
    return np.where(absolute * (1 + gamma(terms + 2)) > LARGEST, np.inf, bound)


def with_bias(absolute: F64, b: Array | None) -> F64:
    """Add the magnitude of a bias along the last axis."""
    return absolute if b is None else absolute + magnitude(b)


@ENVELOPE.of(fully_connected)
def fully_connected_envelope(
    x: Array, w: Array, b: Array | None = None, *, keep_dims: bool = False, **_: Any
) -> F64:
    """A sum of I products and the bias; clamping does not enlarge an error."""
    absolute = fully_connected_sums(magnitude(x), magnitude(w), keep_dims)
    return sum_of_products(with_bias(absolute, b), w.shape[1] + 1)


@ENVELOPE.of(matmul)
def matmul_envelope(
    x: Array, y: Array, *, transpose_x: bool = False, transpose_y: bool = False
) -> F64:
    """A sum of K products."""
    absolute = matmul_sums(magnitude(x), magnitude(y), transpose_x, transpose_y)
    return sum_of_products(absolute, x.shape[-2 if transpose_x else -1])
