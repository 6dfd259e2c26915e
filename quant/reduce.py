"""Mean and sum of quantized tensors, as LiteRT 2.3's reference kernels (reference/reduce.h).

The largest, the smallest and their positions need no rule: they are those of the stored integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array, QuantParams, TensorType
from ..refimpl.reduce import mean, reduced_axes, reduction_rows, sum
from .fixedpoint import quantize_multiplier, scale_rounding_twice, wrap_int32
from .rule import INT8, Quantized


def mean_multiplier(x: QuantParams, y: QuantParams, count: int) -> tuple[int, int]:
    """Return the fixed-point (multiplier, shift) of sx / sy / count.

    The count divides the 31-bit multiplier after a shift that keeps its precision, at most 32, and such that
    the result can still be shifted right by it.

    >>> mean_multiplier(QuantParams((0.5,)), QuantParams((0.5,)), 6)
    (715827882, -1)
    """
    multiplier, shift = _multiplier(x, y)
    places = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << places) // count, shift - places


def sum_multiplier(x: QuantParams, y: QuantParams, count: int) -> tuple[int, int]:
    """Return the fixed-point (multiplier, shift) of sx / sy; `count` does not matter."""
    return _multiplier(x, y)


def _multiplier(x: QuantParams, y: QuantParams) -> tuple[int, int]:
    real = float(np.float32(x.scale[0])) / float(np.float32(y.scale[0]))
    multiplier, shift = quantize_multiplier(real)
    return int(multiplier), int(shift)


def _rows(x: Quantized, axes: Quantized) -> Array:
    return reduction_rows(x.value, reduced_axes(x.value.ndim, axes.value))


def _requantized(rows: Array, x: Quantized, out: TensorType, multiplier: tuple[int, int]) -> Array:
    """Sum the rows in int32, subtract the zero points, scale and clamp."""
    assert out.quant is not None
    total = wrap_int32(np.sum(rows, axis=1, dtype=np.int64) - x.zero_point * rows.shape[1])
    scaled = scale_rounding_twice(total, *multiplier).astype(np.int64) + out.quant.zero_point[0]
    info = np.iinfo(out.dtype)
    return np.clip(scaled, info.min, info.max).astype(out.dtype).reshape(out.shape)


@INT8.of((mean, "s8"), (mean, "u8"), (mean, "s16"))
def mean_int8(x: Quantized, axes: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
    """Average the stored integers in fixed point; 1 / count goes into the multiplier.

    An average of nothing is the stored 0, whatever that stands for.
    """
    rows = _rows(x, axes)
    if not rows.size:
        return np.zeros(out[0].shape, out[0].dtype)
    assert x.quant is not None and out[0].quant is not None
    multiplier = mean_multiplier(x.quant, out[0].quant, rows.shape[1])
    return _requantized(rows, x, out[0], multiplier)


@INT8.of((sum, "s8"), (sum, "u8"))
def sum_int8(x: Quantized, axes: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
    """Add the stored integers, less their zero points, and requantize.

    A sum of nothing is the stored 0, whatever that stands for. LiteRT's reference kernel means the
    same, but reads and writes int8 as uint8: it is right only where all of them are not negative.
    """
    rows = _rows(x, axes)
    if not rows.size:
        return np.zeros(out[0].shape, out[0].dtype)
    assert x.quant is not None and out[0].quant is not None
    return _requantized(rows, x, out[0], sum_multiplier(x.quant, out[0].quant, rows.shape[1]))
