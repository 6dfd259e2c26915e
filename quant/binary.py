"""Arithmetic on two quantized tensors, as LiteRT's reference kernels compute it; all of it rounds twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType
from ..refimpl.binary import add, mul, squared_difference, sub
from .activation import activation_range, centred, output_of, saturated
from .fixedpoint import quantize_multiplier, scale_rounding_twice, wrap_int32
from .rule import INT8, Quantized

S32 = NDArray[np.int32]

SQUARE_BITS = 7  # after the point of a difference that is squared


def sum_scales(
    x: np.float32, y: np.float32, z: np.float32, left_shift: int
) -> tuple[np.float64, np.float64, np.float64]:
    """Return the multipliers of x and y to a common scale, and of their sum to that of z.

    The common scale is twice the larger one; there, numbers have `left_shift` bits after the point. The
    multipliers are float64 quotients of the float32 scales (add.cc, sub.cc).
    """
    unit = np.float64(np.float32(2) * max(x, y))
    step = np.float64(np.float32(2**left_shift) * z)
    return np.float64(x) / unit, np.float64(y) / unit, unit / step


def squared_scales(
    x: np.float32, y: np.float32, z: np.float32, left_shift: int
) -> tuple[np.float64, np.float64, np.float64]:
    """Return the same for the square of a difference (squared_difference.cc)."""
    unit = np.float64(np.float32(2) * max(x, y))
    step = np.float64(np.float32(2 ** (2 * left_shift)) * z)
    return np.float64(x) / unit, np.float64(y) / unit, unit * unit / step


def rescaled(x: Quantized, real: np.float64, left_shift: int) -> S32:
    """Return x in a common scale, with `left_shift` bits after the point."""
    return scale_rounding_twice(centred(x) << np.int32(left_shift), *quantize_multiplier(real))


def sum_bits(form: str) -> int:
    """Return how many bits follow the point in a sum: 20 for bytes, 15 for int16."""
    return 15 if form == "s16" else 20


def _sum(
    x: Quantized, y: Quantized, sign: int, out: TensorType, activation: str, dialect: str
) -> Array:
    """Return x + sign y: bring both to one scale, add, rescale (add.h, sub.h)."""
    z, bits = output_of(out), sum_bits(out.format)
    first, second, last = sum_scales(x.scale, y.scale, z.scale, bits)
    total = rescaled(x, first, bits).astype(np.int64) + sign * rescaled(y, second, bits)
    scaled = scale_rounding_twice(wrap_int32(total), *quantize_multiplier(last))
    return saturated(scaled + z.zero_point, out, activation_range(out, activation, dialect))


@INT8.of((add, "s8"), (add, "u8"), (add, "s16"), (add, "s8-nnacl"))
def add_int8(
    x: Quantized,
    y: Quantized,
    *,
    out: tuple[TensorType, ...],
    activation: str,
    dialect: str = "tflite",
) -> Array:
    """Return x + y."""
    return _sum(x, y, 1, out[0], activation, dialect)


@INT8.of((sub, "s8"), (sub, "u8"), (sub, "s16"), (sub, "s8-nnacl"))
def sub_int8(
    x: Quantized,
    y: Quantized,
    *,
    out: tuple[TensorType, ...],
    activation: str,
    dialect: str = "tflite",
) -> Array:
    """Return x - y."""
    return _sum(x, y, -1, out[0], activation, dialect)


@INT8.of((mul, "s8"), (mul, "u8"), (mul, "s16"), (mul, "s8-nnacl"))
def mul_int8(
    x: Quantized,
    y: Quantized,
    *,
    out: tuple[TensorType, ...],
    activation: str,
    dialect: str = "tflite",
) -> Array:
    """Rescale the product by sx sy / sz, which is computed in float32 (mul.cc)."""
    z = output_of(out[0])
    multiplier = quantize_multiplier(x.scale * y.scale / z.scale)
    scaled = scale_rounding_twice(centred(x) * centred(y), *multiplier)
    return saturated(scaled + z.zero_point, out[0], activation_range(out[0], activation, dialect))


@INT8.of((squared_difference, "s8"))
def squared_difference_int8(
    x: Quantized, y: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite"
) -> Array:
    """Bring both to one scale with 7 bits after the point, subtract, square, rescale.

    See squared_difference.cc.
    """
    z = output_of(out[0])
    first, second, last = squared_scales(x.scale, y.scale, z.scale, SQUARE_BITS)
    difference = rescaled(x, first, SQUARE_BITS) - rescaled(y, second, SQUARE_BITS)
    scaled = scale_rounding_twice(difference * difference, *quantize_multiplier(last))
    return saturated(scaled + z.zero_point, out[0])
