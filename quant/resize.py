"""Quantized rules of resizing images. The result has the quantization of the input."""

from __future__ import annotations

import numpy as np

from ..ir import Array, TensorType
from ..refimpl.axes import whole_numbers
from ..refimpl.resize import bilinear_axis, resize_bilinear
from .rule import INT8, Quantized


@INT8.of((resize_bilinear, "u8"))
def resize_bilinear_u8(
    x: Quantized,
    size: Quantized,
    *,
    out: tuple[TensorType, ...],
    align_corners: bool,
    half_pixel_centers: bool,
    dialect: str = "tflite",
) -> Array:
    """Take the weighted mean in float32, term by term, add 1/2 and cut (TFLite's `resize_bilinear.h`)."""
    h, w = whole_numbers(size.value)
    top, bottom, f = bilinear_axis(x.value.shape[1], h, align_corners, half_pixel_centers)
    left, right, g = bilinear_axis(x.value.shape[2], w, align_corners, half_pixel_centers)
    one = np.float32(1)
    rows, cols = f[:, None, None], g[:, None]
    real = x.value.astype(np.float32)
    y = real[:, top][:, :, left] * (one - rows) * (one - cols)
    y = y + real[:, bottom][:, :, left] * rows * (one - cols)
    y = y + real[:, top][:, :, right] * (one - rows) * cols
    y = y + real[:, bottom][:, :, right] * rows * cols
    return (y + np.float32(0.5)).astype(np.uint8)


def bilinear_axis_10(
    source: int, target: int, align_corners: bool, half_pixel_centers: bool
) -> tuple[Array, Array, Array]:
    """Return, for each target position, both neighbours and the weight of the upper one in 1/1024.

    >>> [v.tolist() for v in bilinear_axis_10(2, 4, False, False)]
    [[0, 0, 1, 1], [0, 1, 1, 1], [0, 512, 0, 512]]
    """
    scale = (1024 * source + target // 2) // target
    if align_corners and target > 1:
        scale = (1024 * (source - 1) + (target - 1) // 2) // (target - 1)
    at = np.arange(target, dtype=np.int64) * scale
    if half_pixel_centers:
        at += scale // 2 - 512
    lower = np.clip(at // 1024, 0, source - 1)
    upper = np.minimum((at + 1023) // 1024, source - 1)
    return lower, upper, at - 1024 * lower


@INT8.of((resize_bilinear, "s8"), (resize_bilinear, "s16"))
def resize_bilinear_int8(
    x: Quantized,
    size: Quantized,
    *,
    out: tuple[TensorType, ...],
    align_corners: bool,
    half_pixel_centers: bool,
    dialect: str = "tflite",
) -> Array:
    """Take the weighted mean with weights in 1/1024, rounded half away from zero (TFLite's `resize_bilinear.h`)."""
    h, w = whole_numbers(size.value)
    top, bottom, f = bilinear_axis_10(x.value.shape[1], h, align_corners, half_pixel_centers)
    left, right, g = bilinear_axis_10(x.value.shape[2], w, align_corners, half_pixel_centers)
    rows, cols = f[:, None, None], g[:, None]
    wide = x.value.astype(np.int64)
    y = wide[:, top][:, :, left] * (1024 - rows) * (1024 - cols)
    y += wide[:, bottom][:, :, left] * rows * (1024 - cols)
    y += wide[:, top][:, :, right] * (1024 - rows) * cols
    y += wide[:, bottom][:, :, right] * rows * cols
    rounded = (np.abs(y) + (1 << 19)) >> 20
    return np.where(y > 0, rounded, -rounded).astype(x.value.dtype)
