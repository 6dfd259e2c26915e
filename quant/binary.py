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


def common_scale(x: Quantized, y: Quantized) -> np.float64:
    """Return twice the larger scale: the unit in which two tensors are added."""
    return np.float64(np.float32(2) * max(x.scale, y.scale))


def rescaled(x: Quantized, unit: np.float64, left_shift: int) -> S32:
    """Return x in the given unit, with `left_shift` bits after the point."""
    multiplier = quantize_multiplier(np.float64(x.scale) / unit)
    return scale_rounding_twice(centred(x) << np.int32(left_shift), *multiplier)


def _sum(x: Quantized, y: Quantized, sign: int, out: TensorType, activation: str) -> Array:
    """Return x + sign y: bring both to one scale, add, rescale (add.h, sub.h).

    20 bits follow the point for bytes, 15 for int16. The multipliers are float64 quotients of the
    float32 scales.
    """
    z, unit = output_of(out), common_scale(x, y)
    left_shift = 15 if out.format == "s16" else 20
    total = wrap_int32(
        rescaled(x, unit, left_shift).astype(np.int64) + sign * rescaled(y, unit, left_shift)
    )
    step = np.float64(np.float32(2**left_shift) * z.scale)
    scaled = scale_rounding_twice(total, *quantize_multiplier(unit / step))
    return saturated(scaled + z.zero_point, out, activation_range(out, activation))


@INT8.of((add, "s8"), (add, "u8"), (add, "s16"))
def add_int8(
    x: Quantized,
    y: Quantized,
    *,
    out: tuple[TensorType, ...],
    activation: str,
    dialect: str = "tflite",
) -> Array:
    """Return x + y."""
    return _sum(x, y, 1, out[0], activation)


@INT8.of((sub, "s8"), (sub, "u8"), (sub, "s16"))
def sub_int8(
    x: Quantized,
    y: Quantized,
    *,
    out: tuple[TensorType, ...],
    activation: str,
    dialect: str = "tflite",
) -> Array:
    """Return x - y."""
    return _sum(x, y, -1, out[0], activation)


@INT8.of((mul, "s8"), (mul, "u8"), (mul, "s16"))
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
    return saturated(scaled + z.zero_point, out[0], activation_range(out[0], activation))


@INT8.of((squared_difference, "s8"))
def squared_difference_int8(
    x: Quantized, y: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite"
) -> Array:
    """Bring both to one scale with 7 bits after the point, subtract, square, rescale.

    See squared_difference.cc.
    """
    z, unit, left_shift = output_of(out[0]), common_scale(x, y), 7
    difference = rescaled(x, unit, left_shift) - rescaled(y, unit, left_shift)
    step = np.float64(np.float32(2 ** (2 * left_shift)) * z.scale)
    multiplier = quantize_multiplier(unit * unit / step)
    scaled = scale_rounding_twice(difference * difference, *multiplier)
    return saturated(scaled + z.zero_point, out[0])
