"""Quantized rules of joining tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array, TensorType
from ..refimpl.join import concat
from .rule import INT8, Quantized


@INT8.of((concat, "u8"), (concat, "s8-nnacl"))
def concat_int8(
    *xs: Quantized, out: tuple[TensorType, ...], axis: int, dialect: str = "tflite", **_: Any
) -> Array:
    """Join tensors; one whose quantization differs from the result's is requantized in float32.

    TFLite does so with u8 (`concatenation.h`, ConcatenationWithScaling) and demands equal scales of s8 and s16, which
    are joined as they are; nnacl does the same with s8 (concat_int8.c).
    """
    target = Quantized(np.zeros(0), out[0].quant)
    parts = []
    for x in xs:
        y = x.value
        if (
            x.quant
            and target.quant
            and (x.scale, x.zero_point) != (target.scale, target.zero_point)
        ):
            scale = x.scale * (np.float32(1) / target.scale)
            bias = np.float32(-x.zero_point) * scale
            real = y.astype(np.float32) * scale + bias
            # rounding half away from zero; the sum is exact in float64
            whole = np.trunc(real.astype(np.float64) + np.copysign(0.5, real)) + target.zero_point
            info = np.iinfo(y.dtype)
            y = np.clip(whole, info.min, info.max).astype(y.dtype)
        parts.append(y)
    return concat(*parts, axis=axis)
