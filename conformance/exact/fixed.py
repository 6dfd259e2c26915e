"""Fixed-point multipliers on Python integers, for oracles of quantized operators."""

from __future__ import annotations

import math
from fractions import Fraction

from ...ir import QuantParams, TensorType

BITS = {"s8": 8, "u8": 8, "s16": 16, "u16": 16, "s32": 32, "u32": 32, "s64": 64, "u64": 64}


def limits(form: str) -> tuple[int, int]:
    """Return the least and the largest number of an integer type.

    >>> limits("u8"), limits("s16")
    ((0, 255), (-32768, 32767))
    """
    bits = BITS[form]
    return (0, 2**bits - 1) if form[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def wrapped(value: int, form: str = "s32") -> int:
    """Reduce an integer into the range of a type, as in two's complement."""
    low, high = limits(form)
    return (value - low) % (high - low + 1) + low


def clamped(value: int, form: str) -> int:
    """Move an integer to the nearest one that a type can hold."""
    low, high = limits(form)
    return min(max(value, low), high)


def multiplier(real: float) -> tuple[int, int]:
    """Return (m, e) with m / 2**31 * 2**e nearest to `real`, m of 31 bits, ties away from zero.

    >>> multiplier(0.75)
    (1610612736, 0)
    """
    mantissa, exponent = math.frexp(real)
    fixed = math.floor(Fraction(abs(mantissa)) * 2**31 + Fraction(1, 2))
    if fixed == 2**31:
        fixed, exponent = fixed // 2, exponent + 1
    if exponent < -31:
        return 0, 0
    return (fixed if mantissa >= 0 else -fixed), exponent


def divided(x: int, exponent: int) -> int:
    """Return x / 2**exponent, rounded to nearest, ties away from zero."""
    size = (abs(x) + (1 << exponent >> 1)) >> exponent
    return size if x >= 0 else -size


def scaled(x: int, real: float, extra: int = 0) -> int:
    """Return x times a real multiplier and 2**extra, by way of its fixed-point form, rounded twice.

    First the product with the 31-bit mantissa, ties upwards, then the shift to the right, ties away
    from zero. A shift to the left comes before both, and wraps.
    """
    mantissa, exponent = multiplier(real)
    return scaled_by(x, mantissa, exponent + extra)


def scaled_by(x: int, mantissa: int, exponent: int) -> int:
    """Return x times a multiplier that is in its fixed-point form."""
    high = (wrapped(x << max(exponent, 0)) * mantissa + 2**30) >> 31
    return divided(min(high, 2**31 - 1), max(-exponent, 0))


def tensor_scale(quant: QuantParams | None) -> tuple[float, int]:
    """Return the scale and the zero point of a tensor."""
    assert quant is not None
    return quant.scale[0], quant.zero_point[0]


def output_scale(out: tuple[TensorType, ...]) -> tuple[float, int, str]:
    """Return the scale, the zero point and the element type of the only output."""
    return *tensor_scale(out[0].quant), out[0].format
