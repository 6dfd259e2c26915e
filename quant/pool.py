"""Pooling of quantized images: input and output share scale and zero point, so that none is applied."""

from __future__ import annotations

import numpy as np

from ..ir import Array, TensorType
from ..refimpl.conv import Pad, Pair
from ..refimpl.pool import avg_pool2d, max_pool2d, window_maxima, window_sums
from .activation import activation_range
from .rule import INT8, Quantized


@INT8.of((avg_pool2d, "s8"), (avg_pool2d, "u8"), (avg_pool2d, "s8-nnacl"))
def avg_pool2d_int8(
    x: Quantized,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    kernel: Pair,
    stride: Pair,
    pad: Pad,
    activation: str,
) -> Array:
    """Divide the sum of the stored integers by their number, rounded half away from zero (pooling.h).

    nnacl adds 128 to each of them before, so that halves go up (pooling_int8.c, AvgPoolingOptInt8).
    """
    sums, count = window_sums(x.value.astype(np.int64), kernel, stride, pad)
    if dialect.startswith("nnacl"):
        mean = (sums + 128 * count + count // 2) // count - 128
    else:
        mean = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    y = np.clip(mean, *activation_range(out[0], activation, dialect))
    return y.astype(out[0].dtype)


@INT8.of((max_pool2d, "s8"), (max_pool2d, "u8"), (max_pool2d, "s8-nnacl"))
def max_pool2d_int8(
    x: Quantized,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    kernel: Pair,
    stride: Pair,
    pad: Pad,
    activation: str,
) -> Array:
    """Take the largest stored integer and clamp it to the activation's range (pooling.h)."""
    y = window_maxima(x.value, kernel, stride, pad).astype(np.int64)
    return np.clip(y, *activation_range(out[0], activation, dialect)).astype(out[0].dtype)
