"""Changes of the element type: by value (`cast`), by bits (`bit_cast`), and into and out of quantized integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import (
    ANY,
    BITS_OF,
    FORMATS,
    MOVED,
    NARROW_FLOATS,
    NARROW_INTS,
    Array,
    TensorType,
    UnsupportedError,
    elementwise,
    op,
    require,
)
from .narrow import MASKS, ROUND_MODES, narrow, widen

CASTABLE = (*ANY, "f16", *MOVED)
# What LiteRT's QUANTIZE makes of each element type.
QUANTIZED_TO = {
    "f32": ("s8", "u8", "s16"),
    "s8": ("s8", "u8", "s16"),
    "u8": ("s8", "u8", "s16"),
    "s16": ("s8", "s16", "s32"),
    "s32": ("s8", "s16"),
}


@elementwise
@elementwise
def _infer_cast(
    x: TensorType, *, to: str, saturate: bool = True, round_mode: str = "up"
) -> TensorType:
    require("C1", to in CASTABLE, f"cannot cast to {to!r}; one of {', '.join(CASTABLE)}")
    known = round_mode in ROUND_MODES
    require("C2", known, f"round_mode {round_mode!r}; one of {', '.join(ROUND_MODES)}")
    return x.like(x.shape, FORMATS[to])


@op(infer=_infer_cast, dtypes=CASTABLE)
def cast(x: Array, *, to: str, saturate: bool = True, round_mode: str = "up") -> Array:
    """Convert the elements to the type named `to`.

    Inputs: `x` of any shape.
    Attributes: `to`, the short name of an element type ("f32", "s32", ...). `saturate`: whether what exceeds a float8
    becomes its largest number, rather than infinity or NaN. `round_mode` of f8e8m0: "up", "down" or "nearest".
    Constraints: (C1) `to` is an element type. (C2) `round_mode` is up, down or nearest.
    Integers wrap as in two's complement, and floats are rounded to nearest, ties to even. Whatever is not zero is true.
    A float that becomes an integer is cut towards zero, then it saturates; NaN becomes the largest (TFLite, cast.cc).
    One of 4 or 2 bits is made of the lower bits of an int32 so found (ONNX, Cast). f4e2m1 saturates, and makes -0 of
    NaN; f8e8m0 makes NaN of what is below zero.

    >>> cast(np.array([-1.75, 2.5, 300.0, np.nan], "f"), to="u8").tolist()
    [0, 2, 255, 255]
    >>> cast(np.array([-9.0, 1000.0], "f"), to="s4").tolist(), cast(np.array([1000]), to="f8e4m3fn").tolist()
    ([7, -8], [448.0])
    """
    x = widen(np.asarray(x))
    if to in NARROW_FLOATS:
        return narrow(x, to, saturate, round_mode)
    if to in NARROW_INTS:
        whole = _whole(x, FORMATS["s32"]) if x.dtype.kind == "f" else x
        return (whole & MASKS[to]).astype(np.uint8).view(FORMATS[to])
    dtype = FORMATS[to]
    return _whole(x, dtype) if x.dtype.kind == "f" and dtype.kind in "iu" else x.astype(dtype)


def _whole(x: Array, dtype: np.dtype[Any]) -> Array:
    """Cut floats towards zero, and saturate."""
    info = np.iinfo(dtype)
    above = x >= np.float64(info.max) + 1
    below = x < np.float64(info.min)
    y = np.where(above | below | np.isnan(x), 0, x).astype(dtype)
    y = np.where(below, dtype.type(info.min), y)
    return np.where(above | np.isnan(x), dtype.type(info.max), y)


@elementwise
@elementwise
def _infer_bit_cast(x: TensorType, *, to: str) -> TensorType:
    require("C1", to in CASTABLE, f"no element type {to!r}; one of {', '.join(CASTABLE)}")
    require("C2", bit_count(to) == bit_count(x.format), f"{x.format} has other bits than {to}")
    return x.like(x.shape, FORMATS[to])


def bit_count(form: str) -> int:
    """Return how many bits an element has."""
    width = MASKS[form].bit_length() if form in MASKS else 4 if form == "f4e2m1" else 0
    return width or 8 * FORMATS[form].itemsize


@op(infer=_infer_bit_cast, dtypes=CASTABLE, moves=True)
def bit_cast(x: Array, *, to: str) -> Array:
    """Take the bits of each element for an element of the type named `to`.

    Inputs: `x` of any shape.
    Attributes: `to`, the short name of an element type of as many bits.
    Constraints: (C1) `to` is an element type. (C2) It has as many bits as `x`'s.
    A byte that becomes a truth value is true unless it is zero.

    >>> bit_cast(np.array([1.0], "f"), to="s32").tolist()
    [1065353216]
    """
    bits = np.asarray(x).view(BITS_OF[to])
    return bits != 0 if to == "bool" else bits.view(FORMATS[to])


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
