"""Activations of quantized tensors, fused and alone, as LiteRT's reference kernels compute them.

Those of bytes are functions of 256 values: kernels take the table that a rule gives for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, UnsupportedError
from ..refimpl.activation import (
    ACTIVATIONS,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from .fixedpoint import (
    quantize_multiplier,
    round_half_away,
    rounding_divide_by_pot,
    scale_rounding_twice,
)
from .rule import INT8, Quantized

F32 = NDArray[np.float32]
S32 = NDArray[np.int32]


def activation_range(out: TensorType, activation: str, dialect: str = "tflite") -> tuple[int, int]:
    """Return the least and the largest stored integer that a fused `activation` lets through.

    A bound f becomes zero_point + round(f / scale), in float32, half away from zero, and is cut to the
    element type (kernel_util.cc, CalculateActivationRangeQuantized). nnacl rounds after it has added the zero point.

    >>> from litegold.ir import QuantParams
    >>> activation_range(TensorType((1,), np.dtype("int8"), QuantParams((0.05,), (-10,))), "relu6")
    (-10, 110)
    """
    info = np.iinfo(out.dtype)
    low, high = info.min, info.max
    if activation == "none" or out.quant is None:
        return int(low), int(high)
    scale, zero_point = np.float32(out.quant.scale[0]), out.quant.zero_point[0]

    def stored(real: float) -> int:
        steps = np.float32(real) / scale
        if dialect.startswith("nnacl"):
            return int(round_half_away(steps + np.float32(zero_point)))
        return zero_point + int(round_half_away(steps))

    least, most = ACTIVATIONS[activation]
    if least > -np.inf:
        low = max(low, stored(least))
    if most < np.inf:
        high = min(high, stored(most))
    return int(low), int(high)


def to_int32(x: Array) -> S32:
    """Cut reals towards zero; NaN and what exceeds int32 become its minimum, as x86 converts.

    >>> to_int32(np.array([-1.5, 3e9, np.nan])).tolist()
    [-1, -2147483648, -2147483648]
    """
    fits = (x >= -(2.0**31)) & (x < 2.0**31)
    return np.where(fits, x, -(2.0**31)).astype(np.int32)


def saturated(y: Array, out: TensorType, bounds: tuple[int, int] | None = None) -> Array:
    """Clamp integers to `bounds`, or to the range of the output's element type, and convert."""
    info = np.iinfo(out.dtype)
    low, high = bounds if bounds else (info.min, info.max)
    return np.minimum(np.maximum(y, low), high).astype(out.dtype)


def output_of(out: TensorType) -> Quantized:
    """Return the scale and the zero point of an output, which has no value yet."""
    return Quantized(np.empty(0, out.dtype), out.quant)


def centred(x: Quantized) -> S32:
    """Return the stored integers less their zero point."""
    return np.asarray(x.value.astype(np.int32) - np.int32(x.zero_point))


def lookup(function: Callable[[F32], Array], x: Quantized, out: TensorType) -> Array:
    """Apply a float32 function to every stored byte, as the look-up tables of LiteRT are filled.

    Dequantize, apply, multiply by the float32 reciprocal of the output's scale, round half away from
    zero, add the zero point, clamp (common.h, LUTPopulateInt8). A NaN becomes 0. `function` is rounded
    once; a C library whose float32 function errs may differ in the rare entry that lies next to a half.
    """
    y = output_of(out)
    real = x.scale * centred(x).astype(np.float32)
    with np.errstate(all="ignore"):
        steps = function(real).astype(np.float32) * (np.float32(1) / y.scale)
        rounded = round_half_away(steps).astype(np.float32)
        stored = np.nan_to_num(rounded + np.float32(y.zero_point), nan=0.0)
    return saturated(stored, out)


_RELUS = {relu: "relu", relu6: "relu6", relu_n1_to_1: "relu_n1_to_1"}


def _relu_int8(activation: str) -> Callable[..., Array]:
    def rule(x: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
        """Rescale by float32(sx / sy), rounding twice, and clamp (reference_ops.h, ReluX)."""
        y = output_of(out[0])
        scaled = scale_rounding_twice(centred(x), *quantize_multiplier(x.scale / y.scale))
        return saturated(scaled + y.zero_point, out[0], activation_range(out[0], activation))

    return rule


for _op, _activation in _RELUS.items():
    for _format in ("s8", "u8") if _op is relu_n1_to_1 else ("s8", "u8", "s16"):
        INT8.of((_op, _format))(_relu_int8(_activation))


@INT8.of((leaky_relu, "s8"), (leaky_relu, "u8"), (leaky_relu, "s16"))
def leaky_relu_int8(
    x: Quantized, *, out: tuple[TensorType, ...], alpha: float, dialect: str = "tflite"
) -> Array:
    """Rescale by float32(sx / sy) or float32(sx alpha / sy), rounding twice (leaky_relu.h).

    The multiplier of a negative `alpha` is taken without its sign, which is put back afterwards.
    """
    y, steps = output_of(out[0]), centred(x)
    slope = x.scale * np.float32(alpha) / y.scale
    scaled = scale_rounding_twice(steps, *quantize_multiplier(np.abs(slope)))
    same = scale_rounding_twice(steps, *quantize_multiplier(x.scale / y.scale))
    negative = -scaled if slope < 0 else scaled
    return saturated(np.where(steps >= 0, same, negative) + y.zero_point, out[0])


@INT8.of((prelu, "s8"), (prelu, "u8"))
def prelu_int8(
    x: Quantized, alpha: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite"
) -> Array:
    """Rescale x by float32(sx / sy), or x alpha by float32(sx sa / sy), rounding twice (prelu.h)."""
    y, steps = output_of(out[0]), centred(x)
    same = scale_rounding_twice(steps, *quantize_multiplier(x.scale / y.scale))
    slope = quantize_multiplier(x.scale * alpha.scale / y.scale)
    negative = scale_rounding_twice(steps * centred(alpha), *slope)
    return saturated(np.where(steps >= 0, same, negative) + y.zero_point, out[0])


@INT8.of((logistic, "s8"), (logistic, "u8"), (logistic, "s8-nnacl"))
def logistic_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Look up 1 / (1 + exp(-x)), each step of it in float32 (activations.cc, SigmoidPrepare)."""
    if output_of(out[0]).scale != np.float32(1 / 256):
        raise UnsupportedError("logistic: the output's scale must be 1/256")

    def sigmoid(real: F32) -> F32:
        return np.float32(1) / (np.float32(1) + np.exp(-real.astype(np.float64)).astype(np.float32))

    return lookup(sigmoid, x, out[0])


@INT8.of((tanh, "s8"), (tanh, "u8"), (tanh, "s8-nnacl"))
def tanh_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Look up tanh (activations.cc, TanhPrepare)."""
    return lookup(lambda real: np.tanh(real.astype(np.float64)), x, out[0])


def _narrow_multiplier(real: np.float32) -> tuple[int, int]:
    """Return a 16-bit fixed-point multiplier and its shift (common.h, DownScaleInt32ToInt16Multiplier)."""
    multiplier, shift = (int(v) for v in quantize_multiplier(real))
    if multiplier >= 2**31 - 1 - 2**15:
        return 2**15 - 1, shift
    return (multiplier + 2**15) >> 16, shift


def _high_mul_16(a: S32, b: int | S32, *, rounding: bool) -> S32:
    """Return the high half of 2ab in 16 bits, cut towards zero or rounded (gemmlowp, fixedpoint.h)."""
    product = np.asarray(a * b, np.int32)
    if rounding:
        product = product + np.where(product >= 0, 2**14, 1 - 2**14)
    high = np.where(product >= 0, product >> 15, -(-product >> 15))
    return np.where((a == -(2**15)) & (b == -(2**15)), 2**15 - 1, high).astype(np.int32)


@INT8.of((hard_swish, "s8"), (hard_swish, "u8"), (hard_swish, "s8-nnacl"))
def hard_swish_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Multiply x by a 16-bit fixed-point clamp of (x + 3) / 6 (hard_swish.h)."""
    y = output_of(out[0])
    fine = x.scale * np.float32(1 / 128)
    multiplier, shift = _narrow_multiplier(fine / y.scale)
    if shift > 0:
        raise UnsupportedError("hard_swish: the output's scale is below 1/128 of the input's")
    clamp, clamp_shift = _narrow_multiplier(fine / np.float32(3 / 32768))
    steps = centred(x) * 128
    scaled = _high_mul_16(steps, multiplier, rounding=True)
    gate = steps
    if clamp_shift > 0:
        gate = np.clip(gate << np.int32(clamp_shift - 1), -(2**15), 2**15 - 1)
    gate = _high_mul_16(gate, clamp, rounding=True)
    if clamp_shift > 0:
        gate = np.clip(gate * 2, -(2**15), 2**15 - 1)
    gate = rounding_divide_by_pot(gate, max(-clamp_shift, 0))
    gate = (gate + 2**15) >> 1
    product = _high_mul_16(gate, scaled, rounding=False)
    return saturated(rounding_divide_by_pot(product, -shift) + y.zero_point, out[0])
