"""Products of int8 matrices, both with a scale and a zero point, as nnacl computes them (matmul_int8.c)."""

from __future__ import annotations

import numpy as np

from ..ir import Array, TensorType
from ..refimpl.matmul import matmul, matmul_sums
from .activation import output_of, saturated
from .conv import centered
from .fixedpoint import quantize_multiplier, scale_rounding_twice, wrap_int32
from .rule import INT8, Quantized


def product_scale(x: Quantized, y: Quantized, z: Quantized) -> np.float64:
    """Return sx sy / sz in float64."""
    return np.float64(x.scale) * np.float64(y.scale) / np.float64(z.scale)


@INT8.of((matmul, "s8-nnacl"))
def matmul_nnacl(
    x: Quantized,
    y: Quantized,
    *,
    out: tuple[TensorType, ...],
    transpose_x: bool,
    transpose_y: bool,
    dialect: str = "nnacl",
) -> Array:
    """Sum (qx - zx)(qy - zy) in int32, multiply by float64(sx sy / sz) in fixed point, rounding twice."""
    z = output_of(out[0])
    acc = wrap_int32(matmul_sums(centered(x), centered(y), transpose_x, transpose_y))
    scaled = scale_rounding_twice(acc, *quantize_multiplier(product_scale(x, y, z)))
    return saturated(scaled.astype(np.int64) + z.zero_point, out[0])
