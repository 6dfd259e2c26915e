"""Transposed convolutions of int8 with groups, as nnacl computes them (deconv_int8.c, conv_depthwise_int8.c)."""

from __future__ import annotations

from ..ir import Array, TensorType
from ..refimpl.conv_nd import Sizes, conv_transpose, conv_transpose_sums, each_axis
from .conv import accumulate, centered, requantize_output
from .rule import INT8, Quantized


@INT8.of((conv_transpose, "s8-nnacl"))
def conv_transpose_nnacl(
    x: Quantized,
    w: Quantized,
    shape: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    stride: Sizes,
    pad: Sizes,
    dilation: Sizes,
    dialect: str = "nnacl",
) -> Array:
    """Scatter (qx - zx)(qw - zw) into int32, add the bias, requantize with a multiplier for each output channel."""
    n = x.value.ndim - 2
    sums = conv_transpose_sums(
        centered(x),
        centered(w),
        tuple(int(v) for v in shape.value[1:-1]),
        stride=each_axis(stride, n, 1),
        pad=each_axis(pad, 2 * n, 0),
        dilation=each_axis(dilation, n, 1),
    )
    return requantize_output(conv_transpose, accumulate(sums, b), x, w, out[0], "none", dialect)
