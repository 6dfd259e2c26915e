"""Into, out of and between quantized integers, as LiteRT's kernels compute it."""

from __future__ import annotations

import numpy as np

from ..ir import Array, QuantParams, TensorType
from ..refimpl.cast import dequantize, quantize
from .activation import centred, output_of, saturated, to_int32
from .fixedpoint import quantize_multiplier, round_half_away, scale_rounding_twice, wrap_int32
from .rule import INT8, Quantized


def along_axis(quant: QuantParams, rank: int) -> tuple[Array, Array]:
    """Return the scales (float32) and zero points, in a shape that broadcasts to a tensor of that rank."""
    scale = np.asarray(quant.scale, np.float32)
    zero_point = np.broadcast_to(np.asarray(quant.zero_point, np.int32), scale.shape)
    if not quant.per_channel:
        return scale.reshape(()), zero_point.reshape(())
    shape = [1] * rank
    shape[quant.axis or 0] = scale.size
    return scale.reshape(shape), zero_point.reshape(shape)


@INT8.of((quantize, "f32"))
def quantize_int8(
    x: Quantized, *, out: tuple[TensorType, ...], to: str, dialect: str = "tflite"
) -> Array:
    """Divide by the scale in float32, round half away from zero, add the zero point, clamp.

    Per tensor, or per slice of the output's axis (quantize.h). Quotients beyond int32 and NaN become
    the least int32 before the zero point is added, which may wrap.
    """
    assert out[0].quant is not None
    scale, zero_point = along_axis(out[0].quant, x.value.ndim)
    with np.errstate(all="ignore"):
        steps = to_int32(round_half_away(x.value / scale))
    return saturated(wrap_int32(steps.astype(np.int64) + zero_point), out[0])


@INT8.of((quantize, "s8"), (quantize, "u8"), (quantize, "s16"), (quantize, "s32"))
def requantize_int8(
    x: Quantized, *, out: tuple[TensorType, ...], to: str, dialect: str = "tflite"
) -> Array:
    """Rescale by float64(sx) / float64(sy), rounding twice (requantize.h)."""
    y = output_of(out[0])
    multiplier = quantize_multiplier(np.float64(x.scale) / np.float64(y.scale))
    scaled = scale_rounding_twice(centred(x), *multiplier)
    return saturated(wrap_int32(scaled.astype(np.int64) + y.zero_point), out[0])


@INT8.of((dequantize, "s8"), (dequantize, "u8"), (dequantize, "s16"), (dequantize, "s8-nnacl"))
def dequantize_int8(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "tflite") -> Array:
    """Return scale (x - zero_point), the exact product rounded once to float32 (dequantize.h)."""
    assert x.quant is not None
    scale, zero_point = along_axis(x.quant, x.value.ndim)
    steps = x.value.astype(np.int32) - zero_point
    return np.asarray(scale.astype(np.float64) * steps, np.float32)
