"""Fixed-point arithmetic of quantized inference, vectorised over arrays; each rounding has its name here.

A real multiplier is `multiplier / 2**31 * 2**shift` with `multiplier` in [2**30, 2**31). Accumulators are
int32 and wrap as in two's complement; intermediate products are exact in int64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ir import UnsupportedError

S32 = NDArray[np.int32]
S64 = NDArray[np.int64]
F64 = NDArray[np.float64]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(real: ArrayLike) -> tuple[S32, S32]:
    """Return (multiplier, shift) nearest to `real`.

    The mantissa is rounded half away from zero to 31 bits; one that rounds up to 2**31 is halved. A multiplier
    below about 2**-32 becomes 0. The arithmetic is that of TFLite's QuantizeMultiplier.

    Raises:
        UnsupportedError: `real` is not finite, or 2**31 and more: 32-bit shifts cannot say it.

    >>> [int(v) for v in quantize_multiplier(0.75)]
    [1610612736, 0]
    """
    mantissa, shift = np.frexp(np.asarray(real, np.float64))
    if not np.isfinite(mantissa).all() or (shift > 31).any():
        raise UnsupportedError(f"scales out of proportion: they ask for a factor of {np.max(real)}")
    fixed = round_half_away(mantissa * 2.0**31).astype(np.int64)
    carried = fixed == 2**31
    fixed, shift = np.where(carried, fixed // 2, fixed), np.where(carried, shift + 1, shift)
    tiny = shift < -31
    return (
        np.where(tiny, 0, fixed).astype(np.int32),
        np.where(tiny, 0, shift).astype(np.int32),
    )


def round_half_away(x: ArrayLike) -> F64:
    """Round to the nearest whole number, halves away from zero, as C's round().

    >>> round_half_away([0.5, -0.5, 1.5, 0.49999999999999994]).tolist()
    [1.0, -1.0, 2.0, 0.0]
    """
    x = np.asarray(x, np.float64)
    whole = np.trunc(x)
    return whole + np.where(np.abs(x - whole) >= 0.5, np.sign(x), 0.0)


def wrap_int32(x: ArrayLike) -> S32:
    """Reduce modulo 2**32 into int32, what a 32-bit accumulator holds."""
    return np.asarray(x).astype(np.int64).astype(np.int32)


def saturating_rounding_doubling_high_mul(a: ArrayLike, b: ArrayLike) -> S32:
    """Return the high 32 bits of 2ab, rounded to nearest; INT32_MIN squared saturates.

    A half is rounded towards plus infinity: gemmlowp's (fixedpoint.h) nudge of 2**30, or 1 - 2**30 where
    ab is negative, followed by C's truncating division.

    >>> saturating_rounding_doubling_high_mul([3, -3, -2**31], [2**29, 2**29, -2**31]).tolist()
    [1, -1, 2147483647]
    """
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    product = a * b
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    return np.where((a == INT32_MIN) & (b == INT32_MIN), INT32_MAX, high).astype(np.int32)


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> S32:
    """Return x / 2**exponent, rounded to nearest, halves away from zero (gemmlowp, fixedpoint.h).

    >>> rounding_divide_by_pot([3, -3, 5, -6], [1, 1, 2, 2]).tolist()
    [2, -2, 1, -2]
    """
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return ((x >> exponent) + ((x & mask) > threshold)).astype(np.int32)


def scale_rounding_twice(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> S32:
    """Return x times the multiplier, rounding the high product and then the shift (gemmlowp).

    A positive shift is applied to `x` before, and wraps. This is what MultiplyByQuantizedMultiplier does
    in TFLite builds without TFLITE_SINGLE_ROUNDING.

    >>> scale_rounding_twice([100, -101], *quantize_multiplier(0.125)).tolist()
    [13, -13]
    """
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    shifted = wrap_int32(np.asarray(x, np.int64) << left)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right)


def scale_rounding_once(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> S32:
    """Return x times the multiplier, rounded once, halves towards plus infinity.

    This is MultiplyByQuantizedMultiplier under TFLITE_SINGLE_ROUNDING; `multiplier` is not negative.

    >>> scale_rounding_once([100, -100, -101], *quantize_multiplier(0.125)).tolist()
    [13, -12, -13]
    """
    places = 31 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * np.asarray(multiplier, np.int64)
    return wrap_int32((product + (np.int64(1) << (places - 1))) >> places)


def scale_int64(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> S32:
    """Return a 48-bit `x` times the multiplier cut to 16 bits, rounded once (TFLite, 64-bit accumulators).

    >>> scale_int64([2**40], *quantize_multiplier(2.0**-20)).tolist()
    [1048576]
    """
    multiplier = np.asarray(multiplier, np.int64)
    reduced = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)
    places = 15 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * reduced
    return wrap_int32((product + (np.int64(1) << (places - 1))) >> places)


def scale_by_real(x: ArrayLike, real: ArrayLike) -> S32:
    """Return x times a float64 multiplier, rounded half away from zero; beyond int32 it is INT32_MIN.

    The last is what the conversion instruction of x86 gives; C++ leaves it undefined.

    >>> scale_by_real([5, -5, 2**30], [0.5, 0.5, 16.0]).tolist()
    [3, -3, -2147483648]
    """
    scaled = round_half_away(np.asarray(x, np.float64) * np.asarray(real, np.float64))
    fits = (scaled >= INT32_MIN) & (scaled <= INT32_MAX)
    return np.where(fits, scaled, INT32_MIN).astype(np.int32)
