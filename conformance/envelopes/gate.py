"""How far smooth gates and pieces of lines of float32 may be off. u is `UNIT`, half a unit in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.gate import (
    SELU_ALPHA,
    SELU_GAMMA,
    celu,
    hard_sigmoid,
    mish,
    selu,
    shrink,
    softplus,
    softsign,
    swish,
    thresholded_relu,
)
from ..tables import ENVELOPE
from .unary import LEAST, UNIT, roundings

F64 = NDArray[np.float64]


@ENVELOPE.of(thresholded_relu, shrink)
def exact_envelope(x: Array, **_: Any) -> F64:
    """Zero: a choice, or one sum, for which IEEE 754 asks for the nearest float32."""
    return np.zeros(x.shape)


@ENVELOPE.of(softplus)
def softplus_envelope(x: Array) -> F64:
    """Eight roundings, four of the power and four of the logarithm, neither of which the other magnifies; and u.

    That is what a rounded 1 + e**x adds to its logarithm, whose slope is 1 / (1 + e**x).
    """
    with np.errstate(all="ignore"):
        return roundings(np.logaddexp(0.0, np.asarray(x, np.float64)), 8) + UNIT


@ENVELOPE.of(softsign)
def softsign_envelope(x: Array) -> F64:
    """Two roundings, of the sum and of the quotient."""
    wide = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        return roundings(wide / (1 + np.abs(wide)), 2)


@ENVELOPE.of(selu)
def selu_envelope(x: Array, *, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA) -> F64:
    """One rounding on the right. On the left seven: four of e**x - 1, one of a difference, two of products; and more.

    That is 4 e**x u, what four roundings of e**x leave of the difference to 1, times alpha gamma.
    """
    wide = np.asarray(x, np.float64)
    a, c = np.float64(np.float32(alpha)), np.float64(np.float32(gamma))
    with np.errstate(all="ignore"):
        power = np.exp(np.minimum(wide, 0))
        left = (
            roundings(c * a * np.expm1(np.minimum(wide, 0)), 7) + 4 * UNIT * np.abs(c * a) * power
        )
        return np.where(wide > 0, roundings(c * wide, 1), left)


@ENVELOPE.of(celu)
def celu_envelope(x: Array, *, alpha: float = 1.0) -> F64:
    """As selu, and a rounding of t = x / alpha; on the right x is exact.

    The latter moves e**t - 1 by |t| roundings where t > 0 (alpha < 0), else by less than one.
    """
    wide, a = np.asarray(x, np.float64), np.float64(np.float32(alpha))
    with np.errstate(all="ignore"):
        t = wide / a
        bend = np.minimum(a * np.expm1(t), 0)
        bound = roundings(bend, 7 + np.maximum(t, 0)) + np.abs(a) * 4 * UNIT * np.minimum(
            np.exp(t), 1
        )
    return np.where((wide > 0) & (a > 0), 0.0, bound)


@ENVELOPE.of(mish)
def mish_envelope(x: Array) -> F64:
    """Eight roundings of the softplus, six of tanh, one of the product; |x| u for 1 + e**x; |x| times a subnormal.

    tanh does not magnify: s tanh'(s) / tanh(s) <= 1, and tanh' <= 1.
    """
    wide = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        y = wide * np.tanh(np.logaddexp(0.0, wide))
        left = np.where((wide < 0) & np.isfinite(wide), np.abs(wide) * (UNIT + LEAST), 0.0)
    # further left e**x is lost in 1 + e**x, and the result is 0
    return roundings(y, 15) + np.fmin(left, np.abs(y))


@ENVELOPE.of(swish)
def swish_envelope(x: Array, *, alpha: float = 1.0) -> F64:
    """Seven roundings, six of the logistic function and one of the product, and those of z = alpha x.

    A rounding of z moves s = 1 / (1 + e**-z) by |z| (1 - s) of it. A power that overflows (z < -88) gives 0 for s.
    """
    wide = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        z = np.float64(np.float32(alpha)) * wide
        s = 1 / (1 + np.exp(-z))
        moved = np.where(np.isfinite(z), np.abs(z) * (1 - s), 0.0)
        y = wide * s
        lost = np.where(z < -88, np.abs(y), 0.0) + np.where(
            np.isfinite(wide), LEAST * np.abs(wide), 0
        )
    return roundings(y, 7 + moved) + np.where(np.isfinite(lost), lost, 0.0)


@ENVELOPE.of(hard_sigmoid)
def hard_sigmoid_envelope(x: Array, *, alpha: float = 0.2, beta: float = 0.5) -> F64:
    """Two roundings of the line, of its product and its sum; nothing where it is cut off by more than these."""
    wide = np.asarray(x, np.float64)
    a, b = np.float64(np.float32(alpha)), np.float64(np.float32(beta))
    with np.errstate(all="ignore"):
        line = a * wide + b
        off = (np.abs(a * wide) + np.abs(line)) * UNIT * (1 + UNIT) + LEAST
        cut = (line > 1 + off) | (line < -off)
    return np.where(cut | ~np.isfinite(line), 0.0, off + UNIT * np.minimum(np.abs(line), 1))
