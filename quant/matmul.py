"""Fully connected layers on quantized tensors, and the hybrid one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType
from ..refimpl.activation import activate
from ..refimpl.matmul import fully_connected, fully_connected_sums
from .conv import accumulate, centered, requantize_output
from .dialects import weight_scales
from .dynamic import quantize_symmetric
from .rule import INT8, Quantized

F32 = NDArray[np.float32]


@INT8.of((fully_connected, "s8"), (fully_connected, "u8"), (fully_connected, "s8-nnacl"))
def fully_connected_int8(
    x: Quantized,
    w: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    activation: str,
    keep_dims: bool,
) -> Array:
    """Sum (qx - zx)(qw - zw) and the bias in int32 and multiply by the float64 scale, rounded once.

    LiteRT's reference kernels take no fixed-point multiplier here (fully_connected.h); nnacl does, rounding twice
    (matmul_int8.c). Weights with scales by row have zw = 0.
    """
    sums = fully_connected_sums(centered(x), centered(w), keep_dims)
    return requantize_output(
        fully_connected, accumulate(sums, b), x, w, out[0], activation, dialect
    )


@INT8.of((fully_connected, "hybrid"))
def fully_connected_hybrid(
    x: Quantized,
    w: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    activation: str,
    keep_dims: bool,
) -> F32:
    """Quantize each row of `x` symmetrically, sum in int32, multiply by the product of both scales.

    The bias comes first; the product of a row's scale and the weights' is rounded to float32 (fully_connected.cc,
    EvalHybridDense).
    """
    assert w.quant is not None
    inputs = w.value.shape[1]
    q, scale = quantize_symmetric(x.value.reshape(-1, inputs))
    sums = fully_connected_sums(q.astype(np.float64), w.value.astype(np.float64))
    weights = weight_scales(w.quant, len(w.value))
    y = sums.astype(np.float32) * (weights * scale[:, None])
    y = activate(y if b is None else b.value + y, activation)
    return y.reshape(out[0].shape)
