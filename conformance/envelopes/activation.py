"""How far the float32 activations may be off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.activation import (
    GELU_CUBIC,
    elu,
    gelu,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from ..tables import ENVELOPE
from .unary import ERF, UNIT, roundings

F64 = NDArray[np.float64]


@ENVELOPE.of(relu, relu6, relu_n1_to_1, leaky_relu, prelu)
def exact_envelope(x: Array, *_: Array, **__: Any) -> F64:
    """Zero: a choice, or one product, for which IEEE 754 asks for the nearest float32."""
    return np.zeros(x.shape)


@ENVELOPE.of(logistic)
def logistic_envelope(x: Array) -> F64:
    """Six roundings: four of exp(-x), one of the sum, one of the quotient; and two shortcuts.

    An exp(-x) that overflows (x below -88) gives 0 for a subnormal y. TFLite (logistic.h) takes exp(x) for y
    below -9, which is y (1 + exp(x)), and 1 above 16.6, where 1 - y is a rounding.
    """
    with np.errstate(over="ignore", under="ignore"):
        power = np.exp(np.minimum(np.asarray(x, np.float64), 100.0))
        y = 1 / (1 + np.exp(-np.asarray(x, np.float64)))
    shortcut = np.where(x < -9, y * power, 0.0) + np.where(x > 16, 1 - y, 0.0)
    return roundings(y, 6) + shortcut + np.where(x < -88, y, 0.0)


@ENVELOPE.of(tanh)
def tanh_envelope(x: Array) -> F64:
    """Six roundings: m / (m + 2) with m = exp(2|x|) - 1, four of m, one of the sum, one of the quotient.

    The quotient moves by 2 / (m + 2), so at most 1, times the relative error of m.
    """
    return roundings(np.tanh(np.asarray(x, np.float64)), 6)


@ENVELOPE.of(hard_swish)
def hard_swish_envelope(x: Array) -> F64:
    """Four roundings: of x + 3, of the product, of 1/6 and of the product with it; x 6 may overflow."""
    wide = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        bound = roundings(wide * np.clip(wide + 3, 0, 6) / 6, 4)
    return np.where(wide > 2.0**125, np.inf, bound)


@ENVELOPE.of(elu)
def elu_envelope(x: Array, *, alpha: float = 1.0) -> F64:
    """Seven roundings: four of exp(x) - 1, one of a difference, one of the product, one of alpha; and 4 alpha exp(x) u.

    The latter is what four roundings of exp(x) leave of the difference to 1.
    """
    wide, a = np.minimum(np.asarray(x, np.float64), 0), np.float64(np.float32(alpha))
    bent = roundings(a * np.expm1(wide), 7) + 4 * UNIT * np.abs(a) * np.exp(wide)
    return np.where(np.asarray(x) < 0, bent, 0.0)


@ENVELOPE.of(gelu)
def gelu_envelope(x: Array, *, approximate: bool = False) -> F64:
    """Three roundings of y; and |x| / 2 times the error of 1 + s, which does not shrink where s is near -1.

    s = erf(x / sqrt(2)) is off by four roundings, and by two of its argument times its slope; s = tanh(v) by six,
    and by six of v, whose terms have one sign. The sum rounds.
    """
    wide = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        if approximate:
            v = math.sqrt(2 / math.pi) * (wide + GELU_CUBIC * wide**3)
            s, slope, own, argument = np.tanh(v), 1 - np.tanh(v) ** 2, 6, 6
        else:
            v = wide / math.sqrt(2)
            s, slope = np.asarray(ERF(v), np.float64), 2 / math.sqrt(math.pi) * np.exp(-v * v)
            own, argument = 4, 2
        moved = np.where(slope > 0, slope * np.abs(v), 0)
        inside = (own * np.abs(s) + argument * moved + np.abs(1 + s)) * UNIT
        bound = roundings(wide * (1 + s) / 2, 3) + np.abs(wide) / 2 * inside
    return np.where(np.isfinite(wide), bound, 0.0)
