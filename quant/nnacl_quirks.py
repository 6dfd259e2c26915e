"""What the source of nnacl does to int8 that its formulas do not mean, as a dialect of its own: nnacl-quirks.

What is not here is as in nnacl. `scale` is in `nnacl_channel.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array, TensorType
from ..refimpl.activation import leaky_relu, relu, relu6
from .activation import activation_range, centred, output_of, saturated
from .fixedpoint import (
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from .nnacl_unary import nearest_steps
from .rule import INT8, Quantized

KEY = "s8-nnacl-quirks"


def _relu(activation: str) -> Callable[..., Array]:
    def rule(x: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
        """Round the high product, and shift to the left after that (relux_int8.c): equal scales lose the lowest bit."""
        y, steps = output_of(out[0]), np.maximum(centred(x), 0)
        multiplier, shift = quantize_multiplier(np.float64(x.scale) / np.float64(y.scale))
        high = saturating_rounding_doubling_high_mul(steps, multiplier).astype(np.int64)
        scaled = rounding_divide_by_pot(high << max(int(shift), 0), max(-int(shift), 0))
        most = activation_range(out[0], activation, "nnacl")[1]
        return saturated(scaled.astype(np.int64) + y.zero_point, out[0], (-128, most))

    return rule


for _op, _activation in ((relu, "relu"), (relu6, "relu6")):
    INT8.of((_op, KEY))(_relu(_activation))


@INT8.of((leaky_relu, KEY))
def leaky_relu_quirks(
    x: Quantized, *, out: tuple[TensorType, ...], alpha: float, dialect: str = "nnacl-quirks"
) -> Array:
    """Take the slope where the stored integer is not positive, the zero point without it (leaky_relu_int8.c)."""
    y = output_of(out[0])
    factor = x.scale * (np.float32(1) / y.scale)
    stored, away = x.value.astype(np.float32), np.float32(-x.zero_point) * factor
    sloped = stored * np.float32(alpha) * factor + away
    return nearest_steps(np.where(x.value <= 0, sloped, stored * factor + away), out[0])
