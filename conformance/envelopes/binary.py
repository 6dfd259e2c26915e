"""How far float32 arithmetic on two tensors may be off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.binary import (
    add,
    add_n,
    div,
    floor_div,
    floor_mod,
    fmod,
    maximum,
    minimum,
    mul,
    squared_difference,
    sub,
)
from ...refimpl.binary import pow as pow_op
from ..tables import ENVELOPE
from .unary import UNIT, roundings

F64 = NDArray[np.float64]


@ENVELOPE.of(add, sub, mul, div, floor_mod, fmod, maximum, minimum)
def exact_envelope(x: Array, y: Array, **_: Any) -> F64:
    """Zero: IEEE 754 asks for the nearest float32 of a sum, difference, product, quotient, and for fmod."""
    return np.zeros(np.broadcast_shapes(x.shape, y.shape))


@ENVELOPE.of(floor_div)
def floor_div_envelope(x: Array, y: Array) -> F64:
    """Zero below 2**29: a quotient of two float32 that is not whole is 2**-24 away from the next whole number.

    Above, the float64 quotient may be rounded up to it; then the results are neighbours in float32.
    """
    with np.errstate(all="ignore"):
        quotient = np.abs(np.divide(x, y, dtype=np.float64))
        return np.where(quotient >= 2.0**29, roundings(quotient, 2), 0.0)


@ENVELOPE.of(pow_op)
def pow_envelope(x: Array, y: Array) -> F64:
    """Four roundings (2 units in the last place); or y of them where y is whole, and x is multiplied y times.

    TFLite does the latter for a single exponent.
    """
    with np.errstate(all="ignore"):
        exact = np.power(x, y, dtype=np.float64)
        whole = (y >= 1) & (y == np.rint(y))
    return np.maximum(
        roundings(exact, 4), np.where(whole, roundings(exact, 1) * np.maximum(y, 1), 0.0)
    )


@ENVELOPE.of(squared_difference)
def squared_difference_envelope(x: Array, y: Array) -> F64:
    """Three roundings: the one of the difference counts twice in its square."""
    with np.errstate(all="ignore"):
        return roundings(np.square(np.subtract(x, y, dtype=np.float64)), 3)


@ENVELOPE.of(add_n)
def add_n_envelope(*xs: Array) -> F64:
    """(n - 1) roundings of sums of which none exceeds the sum of the magnitudes, in any order."""
    size = np.sum(np.abs(np.stack(xs), dtype=np.float64), axis=0)
    return roundings(size, len(xs) - 1) + size * UNIT
