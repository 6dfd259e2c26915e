"""Changes of the element type: by value (`cast`), and into and out of quantized integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import FORMATS, Array, TensorType, UnsupportedError, op, require

CASTABLE = ("f32", "f16", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "bool")
# What LiteRT's QUANTIZE makes of each element type.
QUANTIZED_TO = {
    "f32": ("s8", "u8", "s16"),
    "s8": ("s8", "u8", "s16"),
    "u8": ("s8", "u8", "s16"),
    "s16": ("s8", "s16", "s32"),
    "s32": ("s8", "s16"),
}


def _infer_cast(x: TensorType, *, to: str) -> TensorType:
    require("C1", to in CASTABLE, f"cannot cast to {to!r}; one of {', '.join(CASTABLE)}")
    return x.like(x.shape, FORMATS[to])


@op(infer=_infer_cast, dtypes=CASTABLE)
def cast(x: Array, *, to: str) -> Array:
    """Convert the elements to the type named `to`.

    Inputs: `x` of any shape.
    Attributes: `to`, the short name of an element type ("f32", "s32", ...).
    Constraints: (C1) `to` is f32, f16, s8, u8, s16, u16, s32, u32, s64 or bool.
    Integers wrap as in two's complement, and floats are rounded to nearest. Whatever is not zero is true.
    A float that becomes an integer is cut towards zero, then it saturates; NaN becomes the largest (TFLite, cast.cc).

    >>> cast(np.array([-1.75, 2.5, 300.0, np.nan], "f"), to="u8").tolist()
    [0, 2, 255, 255]
    """
    dtype = FORMATS[to]
    if x.dtype.kind != "f" or dtype.kind not in "iu":
        return np.asarray(x).astype(dtype)
    info = np.iinfo(dtype)
    above = x >= np.float64(info.max) + 1
    below = x < np.float64(info.min)
    y = np.where(above | below | np.isnan(x), 0, x).astype(dtype)
    return np.where(
        above | np.isnan(x), dtype.type(info.max), np.where(below, dtype.type(info.min), y)
    )


def _infer_quantize(x: TensorType, *, to: str) -> TensorType:
    targets = QUANTIZED_TO.get(x.format, ())
    require("C1", to in targets, f"cannot quantize {x.format} to {to!r}; one of {list(targets)}")
    return x.like(x.shape, FORMATS[to])


@op(infer=_infer_quantize, dtypes=())
def quantize(x: Array, *, to: str) -> Array:
    """Turn real numbers, or integers of another quantization, into quantized integers.

    Inputs: `x` of any shape: float32, or quantized int8, uint8, int16, int32.
    Attributes: `to`, the short name of the output's element type; its scale and zero point are the
    output tensor's.
    Constraints: (C1) `to` is s8, u8 or s16 for f32, s8 and u8; s8, s16 or s32 for s16; s8 or s16 for s32.
    Without the output's quantization there is nothing to compute: see the rule in `quant/cast.py`.

    >>> quantize(np.array([1.0], "f"), to="s8")
    Traceback (most recent call last):
    litegold.ir.errors.UnsupportedError: quantize is defined by its quantized rule
    """
    raise UnsupportedError("quantize is defined by its quantized rule")


def _infer_dequantize(x: TensorType) -> TensorType:
    fits = x.format in ("s8", "u8", "s16", "f16")
    require("C1", fits, f"cannot dequantize {x.format}")
    return x.like(x.shape, np.float32)


@op(infer=_infer_dequantize, dtypes=("f16",))
def dequantize(x: NDArray[np.float16]) -> NDArray[np.float32]:
    """Turn quantized integers into the real numbers that they stand for: scale (x - zero_point).

    Inputs: `x` of any shape: quantized int8, uint8 or int16 (see the rule in `quant/cast.py`), or
    float16, which is widened.
    Constraints: (C1) `x` is s8, u8, s16 or f16.

    >>> dequantize(np.array([0.5], np.float16)).tolist()
    [0.5]
    """
    if x.dtype != np.float16:
        raise UnsupportedError("dequantize of integers is defined by its quantized rule")
    return np.asarray(x).astype(np.float32)
