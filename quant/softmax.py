"""Softmax of quantized rows in 32-bit fixed point, as TFLite's reference kernel computes it (softmax.h).

A raw int32 with i integer bits stands for raw / 2**(31 - i). Products are rounded high halves; exp and the reciprocal
are gemmlowp's (fixedpoint.h).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..ir import Array, TensorType, UnsupportedError
from ..refimpl.softmax import softmax
from .fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    S32,
    S64,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    scale_rounding_twice,
    wrap_int32,
)
from .rule import INT8, Quantized

DIFF_BITS = 5  # integer bits of a scaled difference, the argument of exp
SUM_BITS = 12  # of the sum of a row's powers
ONE_THIRD = 715827883
EXP_OF_MINUS_EIGHTH = 1895147668
# (k, exp(-2**k)) for the bits of the argument above a quarter
EXP_OF_MINUS_POWERS = tuple((k, round(math.exp(-(2.0**k)) * 2**31)) for k in range(-2, DIFF_BITS))
# 48 / 17 and -32 / 17 with 2 integer bits: the best linear start for 1 / d on [1/2, 1]
START, SLOPE = 1515870810, -1010580540


def _times(a: ArrayLike, b: ArrayLike) -> S64:
    return saturating_rounding_doubling_high_mul(a, b).astype(np.int64)


def _saturating_left(x: S64, places: int) -> S64:
    return np.clip(x << places, INT32_MIN, INT32_MAX)


def _exp_small(x: S64) -> S64:
    """Return exp(x) for x in [-1/4, 0) without integer bits: degree four about -1/8."""
    x = x + (1 << 28)
    square = _times(x, x)
    cube, fourth = _times(square, x), _times(square, square)
    third = _times(rounding_divide_by_pot(fourth, 2).astype(np.int64) + cube, ONE_THIRD)
    tail = rounding_divide_by_pot(third + square, 1)
    return EXP_OF_MINUS_EIGHTH + _times(EXP_OF_MINUS_EIGHTH, x + tail)


def exp_of_negative(x: ArrayLike) -> S64:
    """Return exp(x), x <= 0 with 5 integer bits, without integer bits (where 1 is the largest raw).

    >>> (exp_of_negative([0, -(2**26), -(2**30)]) / 2**31).round(5).tolist()
    [1.0, 0.36788, 0.0]
    """
    x = np.asarray(x, np.int64)
    fraction = 31 - DIFF_BITS
    quarter = 1 << (fraction - 2)
    rest = (x & (quarter - 1)) - quarter
    y = _exp_small(rest << DIFF_BITS)
    for power, factor in EXP_OF_MINUS_POWERS:
        y = np.where((rest - x) & (1 << (fraction + power)), _times(y, factor), y)
    return np.where(x == 0, INT32_MAX, y)


def reciprocal(x: ArrayLike) -> tuple[S64, S64]:
    """Return (r, n) with 1 / x = r * 2**-n for x > 0 of 12 integer bits; r in [1/2, 1] has none.

    Three Newton steps for 1 / ((1 + f) / 2), where x = 2**n (1 + f).

    >>> r, n = reciprocal(5 << 19); round(float(r) / 2**31 / 2 ** float(n), 6)
    0.2
    """
    x = np.asarray(x, np.int64)
    zeros = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)
    total = (x << zeros) - (1 << 31) + INT32_MAX  # x is shifted up to 1 + f
    half = (total + 1) >> 1
    y = START + _times(half, SLOPE)
    for _ in range(3):
        error = (1 << 29) - _times(half, y)
        y = y + _saturating_left(_times(y, error), 2)
    return _saturating_left(y, 1), SUM_BITS - zeros


@dataclass(frozen=True)
class SoftmaxScale:
    """How a difference of stored integers becomes the argument of exp; below `least` the power counts as 0."""

    multiplier: int
    shift: int
    least: int

    @staticmethod
    def of(scale: np.float32, beta: float) -> SoftmaxScale:
        """Derive it from the input's scale (quantization_util.cc, PreprocessSoftmaxScaling)."""
        real = float(np.float32(beta)) * float(scale) * 2.0 ** (31 - DIFF_BITS)
        if not real > 1:
            raise UnsupportedError(f"softmax: beta {beta} times the scale {scale} is below 2**-26")
        multiplier, shift = quantize_multiplier(min(real, 2.0**31 - 1))
        radius = math.floor((2.0**DIFF_BITS - 1) * 2.0 ** (31 - DIFF_BITS) / 2.0 ** int(shift))
        return SoftmaxScale(int(multiplier), int(shift), -radius)


def require_output(x: TensorType, y: TensorType) -> None:
    """Raise unless `y` is of the type of `x`, or int16."""
    if y.format not in (x.format, "s16"):
        raise UnsupportedError(f"softmax from {x.format} to {y.format}")


@INT8.of((softmax, "s8"), (softmax, "u8"), (softmax, "s8-nnacl"))
def softmax_int8(
    x: Quantized,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    beta: float,
) -> Array:
    """Sum the powers of a row with 12 integer bits, and multiply each by the reciprocal of the sum.

    The output's scale is 1 / 256 for 8 bits, 1 / 65536 for 16, and its zero point the least integer; what the file
    says is not read.
    """
    require_output(x.type, out[0])
    how = SoftmaxScale.of(x.scale, beta)
    difference = x.value.astype(np.int64) - x.value.max(axis=-1, keepdims=True)
    counts = difference >= how.least
    argument = scale_rounding_twice(np.where(counts, difference, 0), how.multiplier, how.shift)
    powers = np.where(counts, exp_of_negative(argument), 0)
    total = rounding_divide_by_pot(powers, SUM_BITS).astype(np.int64).sum(axis=-1, keepdims=True)
    factor, bits = reciprocal(wrap_int32(total))
    places = bits + 31 - 8 * out[0].dtype.itemsize
    y: S32 = rounding_divide_by_pot(_times(factor, powers), places)
    info = np.iinfo(out[0].dtype)
    shifted = np.where(counts, y.astype(np.int64) + info.min, info.min)
    return np.clip(shifted, info.min, info.max).astype(out[0].dtype)
