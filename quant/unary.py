"""Functions of one quantized tensor, as LiteRT's kernels compute them (elementwise.cc, exp.cc)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, RunError, TensorType
from ..refimpl.unary import abs as abs_op
from ..refimpl.unary import exp, log, rsqrt, sqrt
from .activation import centred, lookup, output_of, saturated, to_int32
from .fixedpoint import quantize_multiplier, scale_rounding_twice
from .norm import inverse_sqrt_multiplier
from .rule import INT8, Quantized

F32 = NDArray[np.float32]


@INT8.of((abs_op, "s8"), (abs_op, "s16"))
def abs_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Rescale |x| by float32(sx / sy), rounding twice; equal scales need no rescaling."""
    y, steps = output_of(out[0]), np.abs(centred(x))
    if x.scale != y.scale:
        steps = scale_rounding_twice(steps, *quantize_multiplier(x.scale / y.scale))
    return saturated(steps + y.zero_point, out[0])


@INT8.of((exp, "s8"))
def exp_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Look up exp."""
    return lookup(lambda real: np.exp(real.astype(np.float64)), x, out[0])


@INT8.of((log, "s8"))
def log_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Look up log; what is not positive gives the least output."""
    y = output_of(out[0])
    least = np.float32(np.iinfo(out[0].dtype).min - y.zero_point) * y.scale

    def logarithm(real: F32) -> Array:
        positive = np.where(real > 0, real, 1).astype(np.float64)
        return np.where(real > 0, np.log(positive).astype(np.float32), least)

    return lookup(logarithm, x, out[0])


@INT8.of((rsqrt, "s8"))
def rsqrt_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Take the reciprocal root in fixed point, with 20 bits after the point, and rescale.

    Zero gives the largest output; a negative number is a `RunError`.
    """
    y, steps = output_of(out[0]), centred(x)
    if np.any(steps < 0):
        raise RunError("rsqrt: a value is negative")
    multiplier, shift = inverse_sqrt_multiplier(steps)
    root = scale_rounding_twice(np.ones_like(steps), multiplier, shift + 20)
    real = np.float64(1) / np.float64(np.sqrt(x.scale) * y.scale)
    scale, places = quantize_multiplier(real)
    scaled = scale_rounding_twice(root, scale, places - 20)
    most = np.iinfo(out[0].dtype).max
    return saturated(np.where(steps == 0, most, scaled + y.zero_point), out[0])


@INT8.of((sqrt, "s8"), (sqrt, "s16"))
def sqrt_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Take the float32 root of the real number, divide by the output's scale, cut towards zero.

    A negative number is a `RunError`.
    """
    y, real = output_of(out[0]), x.scale * centred(x).astype(np.float32)
    if np.any(real < 0):
        raise RunError("sqrt: a value is negative")
    return saturated(to_int32(np.sqrt(real) / y.scale) + y.zero_point, out[0])
