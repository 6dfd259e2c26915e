"""Quotients, powers and comparisons of bytes, where a kernel is the table of all pairs.

The quotient is TFLite's for uint8 (reference/div.h) and nnacl's for int8 (nnacl/int8/div_int8.c), which are the same
steps. Powers and comparisons are nnacl's (power_int8.c, arithmetic_int8.c): on real numbers, in floating point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, Op, RunError, TensorType, UnsupportedError
from ..refimpl.binary import div
from ..refimpl.binary import pow as pow_op
from ..refimpl.logic import equal, greater, greater_equal, less, less_equal, not_equal
from .activation import activation_range, centred, output_of, saturated
from .fixedpoint import (
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from .nnacl_unary import nearest_steps, real_numbers
from .rule import INT8, Quantized
from .softmax import SUM_BITS, reciprocal

S64 = NDArray[np.int64]
KEY = "s8-nnacl"
EQUAL_WITHIN = 1e-8  # reals that differ by no more are equal in nnacl


def sign_bits(x: S64) -> S64:
    """Return how many bits of an int32 repeat its sign, that itself not counted.

    >>> sign_bits(np.array([0, 1, -1, 255])).tolist()
    [31, 30, 31, 23]
    """
    return np.asarray(31 - np.frexp(np.where(x < 0, ~x, x).astype(np.float64))[1], np.int64)


@INT8.of((div, "u8"), (div, KEY))
def div_int8(
    x: Quantized, y: Quantized, *, out: tuple[TensorType, ...], activation: str, dialect: str
) -> Array:
    """Multiply by the fixed-point reciprocal of the divisor, then by float32(sx / (sy sz)), and shift once.

    The dividend is shifted up as far as it goes before. A divisor that stands for 0 is a `RunError`. C leaves shifts by
    more than 31 bits undefined, which small dividends and small multipliers ask for; here they are exact.
    """
    z = output_of(out[0])
    dividend, divisor = (v.astype(np.int64) for v in np.broadcast_arrays(centred(x), centred(y)))
    if not divisor.all():
        raise RunError("div: a divisor stands for zero")
    multiplier, shift = quantize_multiplier(x.scale / (y.scale * z.scale))
    inverse, bits = reciprocal(np.abs(divisor))
    room = sign_bits(dividend)
    places = bits + (31 - SUM_BITS) + room - shift
    if np.any(places < 0):
        raise UnsupportedError(f"div: scales {x.scale}, {y.scale}, {z.scale} exceed fixed point")
    times = saturating_rounding_doubling_high_mul
    quotient = times(times(dividend << room, np.sign(divisor) * inverse), multiplier)
    steps = rounding_divide_by_pot(quotient, np.minimum(places, 62)).astype(np.int64)
    bounds = activation_range(out[0], activation, dialect)
    return saturated(steps + z.zero_point, out[0], bounds)


def _powers(x: Quantized, y: Quantized) -> NDArray[np.float32]:
    base, exponent = (
        (np.float64(v.scale) * centred(v)).astype(np.float32).astype(np.float64) for v in (x, y)
    )
    with np.errstate(all="ignore"):
        return np.asarray(np.power(base, exponent), np.float32)


@INT8.of((pow_op, KEY))
def pow_nnacl(
    x: Quantized, y: Quantized, *, out: tuple[TensorType, ...], dialect: str = "nnacl"
) -> Array:
    """Raise float32 numbers in float64, round to float32, divide by the scale in float64.

    Powers that are no finite number are a `RunError`.
    """
    power = _powers(x, y)
    if not np.isfinite(power).all():
        raise RunError("pow: a power is not a finite number")
    return nearest_steps(power.astype(np.float64) / output_of(out[0]).scale, out[0])


COMPARISONS: dict[Op[..., Any], Callable[[Any, Any], Any]] = {
    equal: lambda a, b: np.abs(a - b) <= EQUAL_WITHIN,
    not_equal: lambda a, b: np.abs(a - b) > EQUAL_WITHIN,
    greater: np.greater,
    greater_equal: np.greater_equal,
    less: np.less,
    less_equal: np.less_equal,
}


def _comparison_nnacl(compare: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    def rule(x: Quantized, y: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
        """Compare the real numbers, which are float32; equal are also those that 1e-8 divides."""
        return np.asarray(compare(real_numbers(x), real_numbers(y)))

    return rule


for _op, _compare in COMPARISONS.items():
    INT8.of((_op, KEY))(_comparison_nnacl(_compare))

# Operators that have no result for some pairs: (x, y) -> where there is one.
DEFINED: dict[Op[..., Any], Callable[[Quantized, Quantized], Array]] = {
    div: lambda x, y: np.broadcast_to(
        centred(y) != 0, np.broadcast_shapes(x.value.shape, y.value.shape)
    ),
    pow_op: lambda x, y: np.isfinite(_powers(x, y)),
}
