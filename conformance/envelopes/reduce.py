"""How far float32 reductions may be off. u = 2**-24 is the unit roundoff, gamma(n) = n u / (1 - n u)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.gather import scatter_nd
from ...refimpl.reduce import (
    arg_max,
    arg_min,
    mean,
    reduce_log_sum_exp,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduce_sum_abs,
    reduce_sum_square,
    reduced_axes,
    reduced_shape,
    reduction_rows,
    sum,
)
from ..tables import ENVELOPE

F64 = NDArray[np.float64]

U = 2.0**-24
SUBNORMAL = 2.0**-149  # distance of the smallest numbers
SMALLEST_NORMAL = 2.0**-126
LARGEST = float(np.finfo(np.float32).max)


def gamma(n: int) -> float:
    """Bound the relative error of a product of n factors (1 + d), |d| <= u (Higham, 2002, lemma 3.1)."""
    return n * U / (1 - n * U)


def _rows(x: Array, axes: Array) -> tuple[F64, tuple[int, ...]]:
    """Return the magnitudes of the finite elements of each result, and the kept shape."""
    chosen = reduced_axes(x.ndim, axes)
    rows = reduction_rows(x, chosen).astype(np.float64)
    magnitude = np.abs(np.where(np.isfinite(rows), rows, 0.0))
    return magnitude, reduced_shape(x.shape, chosen, keep_dims=False)


def _kept(bound: F64, x: Array, axes: Array, keep_dims: bool) -> F64:
    return bound.reshape(reduced_shape(x.shape, reduced_axes(x.ndim, axes), keep_dims))


def _unless(overflows: Any, bound: F64) -> F64:
    """Replace the bound by infinity where a partial result may overflow, depending on the order."""
    return np.where(overflows, np.inf, bound)


@ENVELOPE.of(sum)
def sum_envelope(x: Array, axes: Array, *, keep_dims: bool = False) -> F64:
    """Allow gamma(n) sum |x|, and one subnormal.

    Any order of the n - 1 additions is off by at most gamma(n - 1) sum |x| (Higham, section 4.2); one more
    rounding is the reference's. Infinities and NaN do not depend on the order, unless finite ones overflow. One
    subnormal frees the sign of a sum of zeros, which depends on whether the sum starts from zero.
    """
    magnitude, _ = _rows(x, axes)
    total = magnitude.sum(axis=1)
    bound = gamma(magnitude.shape[1]) * total + SUBNORMAL
    return _kept(_unless(total + bound > LARGEST, bound), x, axes, keep_dims)


@ENVELOPE.of(mean)
def mean_envelope(x: Array, axes: Array, *, keep_dims: bool = False) -> F64:
    """Allow gamma(n + 3) sum |x| / n, and one subnormal.

    On top of the sum come the division, or the rounded reciprocal and a product.
    """
    magnitude, _ = _rows(x, axes)
    count = magnitude.shape[1]
    total = magnitude.sum(axis=1)
    bound = gamma(count + 3) * total / max(count, 1) + SUBNORMAL
    return _kept(_unless(total * (1 + gamma(count)) > LARGEST, bound), x, axes, keep_dims)


@ENVELOPE.of(reduce_prod)
def reduce_prod_envelope(x: Array, axes: Array, *, keep_dims: bool = False) -> F64:
    """Allow gamma(n) |prod x|.

    Where an order of the factors may pass through subnormal numbers, each of the n products adds half
    their distance, which the factors above 1 magnify.
    """
    magnitude, _ = _rows(x, axes)
    count = magnitude.shape[1]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        largest = np.prod(np.maximum(magnitude, 1), axis=1)
        smallest = np.prod(np.where(magnitude == 0, 1, np.minimum(magnitude, 1)), axis=1)
        bound = gamma(count) * np.prod(magnitude, axis=1)
        bound += np.where(smallest < SMALLEST_NORMAL, count * SUBNORMAL * largest, 0.0)
    return _kept(_unless(~(largest * (1 + gamma(count)) < LARGEST), bound), x, axes, keep_dims)


@ENVELOPE.of(reduce_max, reduce_min)
def extreme_envelope(x: Array, axes: Array, *, keep_dims: bool = False) -> F64:
    """Allow nothing: a comparison does not round."""
    return np.zeros(reduced_shape(x.shape, reduced_axes(x.ndim, axes), keep_dims))


@ENVELOPE.of(arg_max, arg_min)
def arg_envelope(x: Array, axis: Array, *, to: str = "s64") -> F64:
    """Allow nothing: a comparison does not round."""
    return np.zeros(reduced_shape(x.shape, reduced_axes(x.ndim, axis), keep_dims=False))


@ENVELOPE.of(reduce_sum_square)
def sum_square_envelope(x: Array, axes: Array, *, keep_dims: bool = False) -> F64:
    """Allow gamma(n + 1) sum x^2, and half a subnormal for each square that may be one.

    A square is one more rounding of each term (Higham, section 3.1).
    """
    magnitude, _ = _rows(x, axes)
    count = magnitude.shape[1]
    total = (magnitude**2).sum(axis=1)
    bound = gamma(count + 1) * total + (count + 1) * SUBNORMAL
    return _kept(_unless(total + bound > LARGEST, bound), x, axes, keep_dims)


@ENVELOPE.of(reduce_sum_abs)
def sum_abs_envelope(x: Array, axes: Array, *, keep_dims: bool = False) -> F64:
    """As for a sum: a magnitude is exact."""
    return np.asarray(sum_envelope(x, axes, keep_dims=keep_dims))


@ENVELOPE.of(reduce_log_sum_exp)
def log_sum_exp_envelope(x: Array, axes: Array, *, keep_dims: bool = False) -> F64:
    """Allow for y = m + ln s, s the sum of p_i = e**(x_i - m): gamma(n + 4), four roundings of ln s, six of y.

    The powers have four roundings each, and the |x_i - m| u of the rounded difference, in the share p_i / s; the sum
    gamma(n). A relative error of s is an absolute one of its logarithm. Without m the same holds, or s overflows.
    """
    rows = reduction_rows(x, reduced_axes(x.ndim, axes)).astype(np.float64)
    with np.errstate(all="ignore"):
        m = np.max(rows, axis=1, initial=-np.inf)
        off = rows - np.where(np.isfinite(m), m, 0)[:, None]
        power = np.where(np.isfinite(off), np.exp(off), 0.0)
        s = np.maximum(power.sum(axis=1), 1)
        moved = (np.where(power > 0, power * np.abs(off), 0.0)).sum(axis=1) / s
        y = m + np.log(s)
    bound = gamma(rows.shape[1] + 4) + U * (moved + 4 * np.log(s) + 6 * np.abs(y)) + SUBNORMAL
    return _kept(np.where(np.isfinite(y), bound, 0.0), x, axes, keep_dims)


@ENVELOPE.of(scatter_nd)
def scatter_nd_envelope(indices: Array, updates: Array, shape: Array) -> F64:
    """Allow at each place gamma(n) sum |u| of the n updates that meet there, and one subnormal, as for a sum."""
    rows = indices.reshape(-1, indices.shape[-1])
    sizes = tuple(int(n) for n in shape)
    finite = np.where(np.isfinite(updates), np.abs(updates), 0).astype(np.float64)
    total, count = np.zeros(sizes), np.zeros(sizes)
    place = tuple(rows.T)
    np.add.at(total, place, finite.reshape(len(rows), *sizes[rows.shape[1] :]))
    np.add.at(count, place, 1)
    bound = count * U / (1 - count * U) * total + SUBNORMAL
    return _unless(total + bound > LARGEST, bound)
