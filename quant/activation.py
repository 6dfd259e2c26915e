"""Activations of quantized tensors, fused and alone, as LiteRT's reference kernels compute them."""

from __future__ import annotations

import numpy as np

from ..ir import TensorType
from ..refimpl.activation import ACTIVATIONS


def activation_range(out: TensorType, activation: str) -> tuple[int, int]:
    """Return the least and the largest stored integer that a fused `activation` lets through.

    A bound f becomes zero_point + round(f / scale), in float32, half away from zero, and is cut to the
    element type (kernel_util.cc, CalculateActivationRangeQuantized).

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
        steps = float(np.float32(real) / scale)
        return zero_point + int(np.copysign(np.floor(abs(steps) + 0.5), steps))

    least, most = ACTIVATIONS[activation]
    if least > -np.inf:
        low = max(low, stored(least))
    if most < np.inf:
        high = min(high, stored(most))
    return int(low), int(high)
