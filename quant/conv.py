"""Convolutions on quantized tensors: exact integer sums, requantized; and the hybrid ones."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, Op, TensorType, UnsupportedError
from ..refimpl.activation import activate
from ..refimpl.conv import (
    Pad,
    Pair,
    conv2d,
    conv2d_sums,
    conv2d_transpose,
    conv2d_transpose_sums,
    depthwise_conv2d,
    depthwise_conv2d_sums,
)
from .activation import activation_range
from .dialects import requantization, requantize_channels, weight_scales
from .dynamic import differing_scales, quantize_asymmetric, quantize_symmetric
from .fixedpoint import wrap_int32
from .rule import INT8, Quantized

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def centered(x: Quantized) -> F64:
    """Return the stored integers less the zero point, in float64, where their products are exact."""
    return x.value.astype(np.float64) - x.zero_point


def accumulate(sums: F64, b: Quantized | None) -> Array:
    """Return the int32 accumulators: the sums and the bias, which wrap."""
    bias = 0 if b is None else b.value.astype(np.int64)
    return wrap_int32(sums.astype(np.int64) + bias)


def requantize_output(
    op: Op[..., Any],
    acc: Array,
    x: Quantized,
    w: Quantized,
    out: TensorType,
    activation: str,
    dialect: str,
) -> Array:
    """Bring the accumulators of a product of `x` and `w` to the output type, as the dialect says."""
    if x.quant is None or w.quant is None or out.quant is None:
        raise UnsupportedError(f"{op.__name__} on {x.type.format}: a tensor has no quantization")
    how = requantization(op, x.type.format, dialect)
    bounds = activation_range(out, activation, dialect)
    return requantize_channels(acc, (x.quant, w.quant, out.quant), bounds, how).astype(out.dtype)


@INT8.of((conv2d, "s8"), (conv2d, "u8"), (conv2d, "s8-nnacl"))
def conv2d_int8(
    x: Quantized,
    w: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    stride: Pair,
    pad: Pad,
    dilation: Pair,
    activation: str,
) -> Array:
    """Sum (qx - zx)(qw - zw) and the bias in int32, requantize, and clamp to the activation's range.

    int8: scales by output channel or one in all, zw = 0 (integer_ops/conv.h). uint8: one scale, any zw
    (conv.h). Padding adds nothing, as zx stands for zero.
    """
    sums = conv2d_sums(centered(x), centered(w), stride=stride, pad=pad, dilation=dilation)
    return requantize_output(conv2d, accumulate(sums, b), x, w, out[0], activation, dialect)


@INT8.of((depthwise_conv2d, "s8"), (depthwise_conv2d, "u8"), (depthwise_conv2d, "s8-nnacl"))
def depthwise_conv2d_int8(
    x: Quantized,
    w: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    stride: Pair,
    pad: Pad,
    dilation: Pair,
    multiplier: int,
    activation: str,
) -> Array:
    """Sum (qx - zx)(qw - zw) of each channel, as `conv2d_int8` does (depthwise_conv.h, depthwiseconv_uint8.h)."""
    sums = depthwise_conv2d_sums(
        centered(x), centered(w), stride=stride, pad=pad, dilation=dilation
    )
    return requantize_output(
        depthwise_conv2d, accumulate(sums, b), x, w, out[0], activation, dialect
    )


@INT8.of((conv2d_transpose, "s8"), (conv2d_transpose, "u8"), (conv2d_transpose, "s8-nnacl"))
def conv2d_transpose_int8(
    x: Quantized,
    w: Quantized,
    shape: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    stride: Pair,
    pad: Pad,
    activation: str,
) -> Array:
    """Scatter (qx - zx)(qw - zw) into int32, add the bias, requantize (transpose_conv.h)."""
    size = (int(shape.value[1]), int(shape.value[2]))
    sums = conv2d_transpose_sums(centered(x), centered(w), size, stride=stride, pad=pad)
    return requantize_output(
        conv2d_transpose, accumulate(sums, b), x, w, out[0], activation, dialect
    )


def _biased(y: F32, b: Quantized | None, activation: str) -> F32:
    return activate(y if b is None else y + b.value, activation)


@INT8.of((conv2d, "hybrid"))
def conv2d_hybrid(
    x: Quantized,
    w: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    stride: Pair,
    pad: Pad,
    dilation: Pair,
    activation: str,
) -> F32:
    """Quantize each image, sum int8 products in int32, scale back in float32.

    TFLite has two ways. Where the filters' scales differ, or there are groups, images are quantized
    asymmetrically and the sum is multiplied by the filter's scale, then by the image's (conv.h,
    HybridConvPerChannel). Otherwise images are symmetric, and the product of both scales is taken first.
    """
    assert w.quant is not None
    weights = w.value.astype(np.float64)
    sums = functools.partial(conv2d_sums, w=weights, stride=stride, pad=pad, dilation=dilation)
    if not differing_scales(w.quant) and x.value.shape[3] == w.value.shape[3]:
        q, scale = quantize_symmetric(x.value)
        acc = sums(q.astype(np.float64)).astype(np.float32)
        return _biased(acc * _by_image(scale * w.scale), b, activation)
    q, scale, zero_point = quantize_asymmetric(x.value)
    acc = sums(q.astype(np.float64) - _by_image(zero_point)).astype(np.float32)
    scaled = acc * weight_scales(w.quant, acc.shape[3])
    return _biased(scaled * _by_image(scale), b, activation)


def _by_image(x: Array) -> Array:
    return x.reshape(-1, 1, 1, 1)


@INT8.of((depthwise_conv2d, "hybrid"))
def depthwise_conv2d_hybrid(
    x: Quantized,
    w: Quantized,
    b: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    stride: Pair,
    pad: Pad,
    dilation: Pair,
    multiplier: int,
    activation: str,
) -> F32:
    """Quantize each image asymmetrically, sum in int32, multiply by the product of both scales.

    The product is rounded to float32 first (depthwise_conv.h, DepthwiseConvHybridPerChannel).
    """
    assert w.quant is not None
    q, scale, zero_point = quantize_asymmetric(x.value)
    sums = depthwise_conv2d_sums(
        q.astype(np.float64) - _by_image(zero_point),
        w.value.astype(np.float64),
        stride=stride,
        pad=pad,
        dilation=dilation,
    )
    scales = weight_scales(w.quant, sums.shape[3]) * _by_image(scale)
    return _biased(sums.astype(np.float32) * scales, b, activation)
