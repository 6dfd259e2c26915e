"""Quantized rules of joining tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array, TensorType
from ..refimpl.join import concat
from .rule import INT8, Quantized


@INT8.of((concat, "u8"))
def concat_int8(
    *xs: Quantized, out: tuple[TensorType, ...], axis: int, dialect: str = "tflite", **_: Any
) -> Array:
    """Join u8 tensors; one whose quantization differs from the result's is requantized in float32.

    s8 and s16 tensors are joined as they are: TFLite demands equal scales there. Source: ConcatenationWithScaling
    of TFLite's `concatenation.h`.
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
            y = np.clip(whole, 0, 255).astype(np.uint8)
        parts.append(y)
    return concat(*parts, axis=axis)
