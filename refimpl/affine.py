"""Quantization with scales and zero points that are tensors, as ONNX has it: y = x / scale + zero_point, and back.

A scale is for the whole tensor, for each slice along an axis, or for each block of elements along one. A quotient is
rounded to the type in which it is computed, then to the nearest whole number, ties to even; then the zero point is
added, and the sum saturates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import FLOAT8, FORMATS, NARROW_INTS, Array, TensorType, op, require
from .cast import cast
from .narrow import MASKS, widen

F64 = NDArray[np.float64]

REALS = ("f32", "f16", "bf16")
INTEGERS = ("s8", "u8", "s16", "u16", *NARROW_INTS)
QUANTIZED = (*INTEGERS, *FLOAT8, "f4e2m1")
FAR = 2**20  # beyond every stored integer and zero point together


def limits(form: str) -> tuple[int, int]:
    """Return the least and the largest number of an integer type.

    >>> limits("s4"), limits("u16")
    ((-8, 7), (0, 65535))
    """
    if form not in MASKS:
        info = np.iinfo(FORMATS[form])
        return int(info.min), int(info.max)
    count = MASKS[form] + 1
    return (-count // 2, count // 2 - 1) if form[0] == "s" else (0, count - 1)


def block_count(shape: tuple[int, ...], axis: int, block: int) -> int:
    """Return how many scales there are along the axis, where each is for `block` elements."""
    return -(-shape[axis] // block)


def _require_scales(
    x: TensorType, scale: TensorType, zero_point: TensorType | None, axis: int, block: int
) -> None:
    """Raise (C1) to (C3): axis and block, shape of the scales, shape of the zero points."""
    rank = len(x.shape)
    require("C1", block >= 0, f"block {block} is negative")
    legal = -rank <= axis < rank or scale.shape == ()
    require("C1", legal, f"axis {axis} of a tensor with {rank} axes")
    wanted: tuple[int, ...] = ()
    if scale.shape and block:
        at = axis % rank
        wanted = (*x.shape[:at], block_count(x.shape, at, block), *x.shape[at + 1 :])
    elif scale.shape:
        wanted = (x.shape[axis],)
    require("C2", scale.shape == wanted, f"scales {scale.shape}, not {wanted}, for {x.shape}")
    same = zero_point is None or zero_point.shape == scale.shape
    require("C3", same, f"zero points {zero_point and zero_point.shape}, scales {scale.shape}")


def each_element(values: Array, shape: tuple[int, ...], axis: int, block: int) -> Array:
    """Return scales, or zero points, so that they broadcast to a tensor of that shape.

    >>> each_element(np.array([[1, 2]]), (1, 3), 1, 2).tolist()
    [[1, 1, 2]]
    """
    if values.ndim == 0:
        return values
    axis %= len(shape)
    if block:
        return np.repeat(values, min(block, shape[axis]), axis)[
            (slice(None),) * axis + (slice(shape[axis]),)
        ]
    return values.reshape([-1 if a == axis else 1 for a in range(len(shape))])


def _infer_quantize_linear(
    x: TensorType,
    scale: TensorType,
    zero_point: TensorType | None = None,
    *,
    to: str = "u8",
    axis: int = 1,
    block: int = 0,
    saturate: bool = True,
    precision: str = "f32",
) -> TensorType:
    _require_scales(x, scale, zero_point, axis, block)
    real = scale.format in (*REALS, "f8e8m0") and precision in REALS
    require("C4", real, f"scales of {scale.format}, quotients of {precision}")
    same = zero_point is None or zero_point.format == to
    require(
        "C5", to in QUANTIZED and same, f"to {to}, zero point {zero_point and zero_point.format}"
    )
    return x.like(x.shape, FORMATS[to])


@op(infer=_infer_quantize_linear, dtypes=("f32", "bf16", "s32"))
def quantize_linear(
    x: Array,
    scale: Array,
    zero_point: Array | None = None,
    *,
    to: str = "u8",
    axis: int = 1,
    block: int = 0,
    saturate: bool = True,
    precision: str = "f32",
) -> Array:
    """Divide by the scale, round, add the zero point, saturate.

    Inputs: `x` of any shape; `scale`: a scalar, (x.shape[axis],), or, with `block`, of the shape of `x` but for the
    axis, of which it has a number for each `block` elements; optional `zero_point` of its shape.
    Attributes: `to`, an integer type of up to 16 bits, a float8 or f4e2m1; `axis` of the scales; `block`, 0 where
    they are for slices; `saturate` as in `cast`; `precision`, the type to which `x`, the scale and their quotient are
    rounded.
    Constraints: (C1) `block` is not negative, `axis` is one of `x`. (C2) `scale` has its shape. (C3) `zero_point` too.
    (C4) `scale` is a real type of up to 32 bits, `precision` f32, f16 or bf16. (C5) `to` is one of these types, and
    that of `zero_point`.
    What is not a number becomes the least integer. Zero points of float8 are 0, and are not looked at.

    >>> quantize_linear(np.array([1.0, 3.0, -900.0], "f"), np.array(2.0, "f"), np.array(128, np.uint8)).tolist()
    [128, 130, 0]
    """
    x, s = _rounded(x, precision), _rounded(each_element(scale, x.shape, axis, block), precision)
    with np.errstate(all="ignore"):
        q = _rounded(x / s, precision)
        zero = None if zero_point is None else each_element(zero_point, x.shape, axis, block)
        if to not in INTEGERS:
            q = (
                q
                if zero is None or to in FLOAT8
                else _rounded(q + _rounded(zero, "f32"), precision)
            )
            return cast(q.astype(np.float32), to=to, saturate=saturate)
        whole = np.where(np.isnan(q), -FAR, np.clip(np.rint(q), -FAR, FAR)).astype(np.int64)
    whole = whole if zero is None else whole + widen(zero)
    return cast(np.clip(whole, *limits(to)), to=to)


def _rounded(x: Array, form: str) -> F64:
    """Round to a real type; what comes is of float64."""
    return widen(cast(np.asarray(x), to=form)).astype(np.float64)


def _infer_dequantize_linear(
    x: TensorType,
    scale: TensorType,
    zero_point: TensorType | None = None,
    *,
    to: str = "f32",
    axis: int = 1,
    block: int = 0,
) -> TensorType:
    _require_scales(x, scale, zero_point, axis, block)
    real = scale.format in (*REALS, "f8e8m0") and to in REALS
    require("C4", real, f"scales of {scale.format}, results of {to}")
    same = zero_point is None or zero_point.dtype == x.dtype
    require("C5", same, f"x is {x.format}, zero point {zero_point and zero_point.format}")
    return x.like(x.shape, FORMATS[to])


@op(infer=_infer_dequantize_linear, dtypes=(*QUANTIZED, "s32"))
def dequantize_linear(
    x: Array,
    scale: Array,
    zero_point: Array | None = None,
    *,
    to: str = "f32",
    axis: int = 1,
    block: int = 0,
) -> Array:
    """Return (x - zero_point) scale, the exact product rounded once.

    Inputs: `x` of any shape: integers of up to 16 bits, s32, a float8 or f4e2m1; `scale` and `zero_point` as in
    `quantize_linear`.
    Attributes: `to`: f32, f16 or bf16; `axis` and `block` as in `quantize_linear`.
    Constraints: (C1) `block` is not negative, `axis` is one of `x`. (C2) `scale` has its shape. (C3) `zero_point` too.
    (C4) `scale` is a real type of up to 32 bits, `to` f32, f16 or bf16. (C5) `zero_point` is of the type of `x`.
    Zero points of float8 are 0, and are not looked at.

    >>> dequantize_linear(np.array([128, 130], np.uint8), np.array(0.5, "f"), np.array(128, np.uint8)).tolist()
    [0.0, 1.0]
    """
    steps = widen(x).astype(np.float64)
    if zero_point is not None and x.dtype not in _FLOAT8:
        steps = steps - widen(each_element(zero_point, x.shape, axis, block))
    with np.errstate(all="ignore"):
        product: Any = steps * widen(each_element(scale, x.shape, axis, block)).astype(np.float64)
        return cast(product, to=to)


_FLOAT8 = {FORMATS[form] for form in FLOAT8}
