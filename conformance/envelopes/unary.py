"""How far the functions of one float32 tensor may be off, and the unit in which that is counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...ir import Array
from ...refimpl.unary import abs as abs_op
from ...refimpl.unary import ceil, cos, erf, exp, floor, log, neg, rsqrt, sign, sin, sqrt, square
from ...refimpl.unary import round as round_op
from ..tables import ENVELOPE

F64 = NDArray[np.float64]

UNIT = 2.0**-24  # one float32 rounding, relative: at most half a unit in the last place
LEAST = 2.0**-149  # the spacing of subnormal numbers
OVERFLOW = 2.0**128


def roundings(exact: ArrayLike, count: ArrayLike) -> F64:
    """Return the error of `count` relative roundings, and of rounding the expected value itself.

    |y| count UNIT, less than `count` units in the last place, plus half a unit for the expected value, which is
    rounded as well. Where the result is so near the overflow that an infinity is as good, anything is.
    """
    count = np.asarray(count, np.float64)
    with np.errstate(all="ignore"):
        size = np.abs(np.asarray(exact, np.float64))
        half = np.nextafter(size.astype(np.float32), np.float32(np.inf)) - size.astype(np.float32)
        bound = size * count * UNIT * (1 + count * UNIT) + half.astype(np.float64) / 2 + LEAST
    near = (size >= OVERFLOW * (1 - (count + 1) * UNIT)) & np.isfinite(size)
    return np.where(near, np.inf, np.where(np.isfinite(size), bound, 0.0))


@ENVELOPE.of(abs_op, ceil, floor, neg, sign, sqrt, square)
def exact_envelope(x: Array, **_: Any) -> F64:
    """Zero: the result is a float32, or IEEE 754 asks for the nearest one (square root, product)."""
    return np.zeros(x.shape)


@ENVELOPE.of(round_op)
def round_envelope(x: Array) -> F64:
    """Zero, but the sign of a zero is free: TFLite rounds -0.25 to 0, IEEE 754 to -0."""
    return np.where(np.abs(x) <= 0.5, LEAST, 0.0)


@ENVELOPE.of(exp)
def exp_envelope(x: Array) -> F64:
    """Four roundings, 2 units in the last place: what polynomial kernels reach after the reduction by ln 2."""
    with np.errstate(over="ignore"):
        return roundings(np.exp(np.asarray(x, np.float64)), 4)


@ENVELOPE.of(log)
def log_envelope(x: Array) -> F64:
    """Four roundings, 2 units in the last place, also next to 1."""
    with np.errstate(all="ignore"):
        return roundings(np.log(np.asarray(x, np.float64)), 4)


@ENVELOPE.of(sin)
def sin_envelope(x: Array) -> F64:
    """Four roundings, 2 units in the last place, after a reduction by pi / 2 that loses nothing."""
    with np.errstate(invalid="ignore"):
        return roundings(np.sin(np.asarray(x, np.float64)), 4)


@ENVELOPE.of(cos)
def cos_envelope(x: Array) -> F64:
    """Four roundings, 2 units in the last place, after a reduction by pi / 2 that loses nothing."""
    with np.errstate(invalid="ignore"):
        return roundings(np.cos(np.asarray(x, np.float64)), 4)


@ENVELOPE.of(rsqrt)
def rsqrt_envelope(x: Array) -> F64:
    """Two roundings, of the root and of its reciprocal (1 / sqrt(x (1 + d)) moves by d / 2)."""
    with np.errstate(all="ignore"):
        return roundings(1 / np.sqrt(np.asarray(x, np.float64)), 2)


ERF = np.frompyfunc(math.erf, 1, 1)


@ENVELOPE.of(erf)
def erf_envelope(x: Array) -> F64:
    """Four roundings, 2 units in the last place, also next to 0."""
    return roundings(np.asarray(ERF(np.asarray(x, np.float64)), np.float64), 4)
