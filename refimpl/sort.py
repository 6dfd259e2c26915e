"""Operators that order or compare the elements of one tensor."""

from __future__ import annotations

import numpy as np

from ..ir import FORMATS, Array, TensorType, op, require
from .axes import one_whole_number, whole_numbers

ORDERED = ("f32", "s8", "u8", "s16", "s32", "s64")


def _infer_topk(x: TensorType, k: TensorType) -> tuple[TensorType, TensorType]:
    require("C1", len(x.shape) >= 1, "x has an axis")
    count = one_whole_number("C2", k)
    require("C2", 0 <= count <= x.shape[-1], f"k = {count} of {x.shape[-1]} elements")
    shape = (*x.shape[:-1], count)
    return x.like(shape), x.like(shape, np.int32)


@op(infer=_infer_topk, dtypes=ORDERED, static=("k",))
def topk(x: Array, k: Array) -> tuple[Array, Array]:
    """Return the `k` largest elements along the last axis, largest first, and their positions (s32).

    Of equal elements the one with the lower position comes first; NaNs come after all numbers (`topk_v2.cc`).

    Inputs: `x` (..., N); `k` one integer.
    Constraints: (C1) `x` has an axis. (C2) `k` is one number, 0 <= k <= N.

    >>> [y.tolist() for y in topk(np.array([3, 7, 7]), np.array(2))]
    [[7, 7], [1, 2]]
    """
    backwards = x[..., ::-1]
    if x.dtype.kind == "f":
        backwards = np.where(np.isnan(backwards), -np.inf, backwards)
    # a stable ascending sort of the reversed row, read from its end
    order = x.shape[-1] - 1 - np.argsort(backwards, axis=-1, kind="stable")[..., ::-1]
    if x.dtype.kind == "f":
        missing = np.take_along_axis(np.isnan(x), order, -1)
        order = np.take_along_axis(order, np.argsort(missing, axis=-1, kind="stable"), -1)
    order = order[..., : whole_numbers(k)[0]].astype(np.int32)
    return np.take_along_axis(x, order, -1), order


def _infer_unique(x: TensorType, *, to: str = "s32") -> tuple[TensorType, TensorType]:
    require("C1", len(x.shape) == 1, f"x is a vector, got {x.shape}")
    require("C2", to in ("s32", "s64"), f"positions are s32 or s64, not {to}")
    count = len(dict.fromkeys(x.known().tolist()))
    return x.like((count,)), x.like(x.shape, FORMATS[to])


@op(infer=_infer_unique, dtypes=ORDERED, static=("x",))
def unique(x: Array, *, to: str = "s32") -> tuple[Array, Array]:
    """Return the distinct elements of `x` in the order of their first occurrence, and where each went.

    x[i] = values[positions[i]]. Zeros of both signs are equal; a NaN equals nothing, so that each is distinct (TFLite's
    order of keys is undefined there).

    Inputs: `x` (N,).
    Attributes: `to` element type of the positions.
    Constraints: (C1) `x` is a vector. (C2) `to` is s32 or s64.

    >>> [y.tolist() for y in unique(np.array([5, 7, 5]))]
    [[5, 7], [0, 1, 0]]
    """
    seen: dict[object, int] = {}
    positions = [seen.setdefault(value, len(seen)) for value in x.tolist()]
    first = np.unique(positions, return_index=True)[1]
    return x[first], np.array(positions, FORMATS[to])
