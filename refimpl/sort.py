"""Operators that order or compare the elements of one tensor."""

from __future__ import annotations

import numpy as np

from ..ir import FORMATS, Array, TensorType, op, require
from .axes import one_whole_number, whole_numbers

KEYS = ("f32", "s8", "u8", "s16", "s32", "s64")
ORDERED = (*KEYS, "u16", "u32", "u64", "f64")


def _infer_topk(
    x: TensorType, k: TensorType, *, largest: bool = True
) -> tuple[TensorType, TensorType]:
    require("C1", len(x.shape) >= 1, "x has an axis")
    count = one_whole_number("C2", k)
    require("C2", 0 <= count <= x.shape[-1], f"k = {count} of {x.shape[-1]} elements")
    shape = (*x.shape[:-1], count)
    return x.like(shape), x.like(shape, np.int32)


@op(infer=_infer_topk, dtypes=ORDERED, static=("k",))
def topk(x: Array, k: Array, *, largest: bool = True) -> tuple[Array, Array]:
    """Return the `k` largest elements along the last axis, largest first, and their positions (s32).

    Of equal elements the one with the lower position comes first; NaNs come after all numbers (`topk_v2.cc`).

    Inputs: `x` (..., N); `k` one integer.
    Attributes: `largest`, or else the smallest elements, smallest first.
    Constraints: (C1) `x` has an axis. (C2) `k` is one number, 0 <= k <= N.

    >>> [y.tolist() for y in topk(np.array([3, 7, 7]), np.array(2))]
    [[7, 7], [1, 2]]
    """
    missing = x != x
    keys = x if x.dtype.kind == "f" else x.astype(np.uint64 if x.dtype.kind == "u" else np.int64)
    if largest:
        keys = -keys if x.dtype.kind == "f" else ~keys  # ~ turns the order around without overflow
    # stable sorts, the one that counts most last
    order = np.argsort(np.where(missing, 0, keys), axis=-1, kind="stable")
    late = np.argsort(np.take_along_axis(missing, order, -1), axis=-1, kind="stable")
    order = np.take_along_axis(order, late, -1)[..., : whole_numbers(k)[0]].astype(np.int32)
    return np.take_along_axis(x, order, -1), order


def _infer_unique(x: TensorType, *, to: str = "s32") -> tuple[TensorType, TensorType]:
    require("C1", len(x.shape) == 1, f"x is a vector, got {x.shape}")
    require("C2", to in ("s32", "s64"), f"positions are s32 or s64, not {to}")
    count = len(dict.fromkeys(x.known().tolist()))
    return x.like((count,)), x.like(x.shape, FORMATS[to])


@op(infer=_infer_unique, dtypes=KEYS, static=("x",))
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


def _infer_unique_rows(
    x: TensorType, *, ordered: bool = True
) -> tuple[TensorType, TensorType, TensorType, TensorType]:
    require("C1", len(x.shape) == 2, f"x is a matrix, got {x.shape}")
    count = len({tuple(row) for row in x.known().tolist()})
    first = x.like((count,), np.int64)
    return x.like((count, x.shape[1])), first, x.like(x.shape[:1], np.int64), first


@op(infer=_infer_unique_rows, dtypes=ORDERED, static=("x",))
def unique_rows(x: Array, *, ordered: bool = True) -> tuple[Array, Array, Array, Array]:
    """Return the distinct rows of `x`, where each occurs first, where each row went, and how often each occurs.

    x[i] = rows[places[i]], and rows[j] = x[first[j]]. Zeros of both signs are equal; a NaN equals nothing, so that
    each is distinct, and comes after all numbers.

    Inputs: `x` (N, M).
    Attributes: `ordered`: rows ascend, the first element counting most; or else they are in order of first occurrence.
    Constraints: (C1) `x` is a matrix.

    >>> [y.tolist() for y in unique_rows(np.array([[5], [3], [5]]))]
    [[[3], [5]], [1, 0], [1, 0, 1], [1, 2]]
    """
    seen: dict[tuple[object, ...], int] = {}
    groups = [seen.setdefault(tuple(row), i) for i, row in enumerate(x.tolist())]
    first, places, counts = np.unique(
        np.array(groups, np.int64), return_inverse=True, return_counts=True
    )
    rows = x[first]
    if ordered:
        keys = [key for column in rows.T for key in (column != column, column)]
        order = np.lexsort(keys[::-1]) if keys else np.arange(len(rows))
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        rows, first, places, counts = rows[order], first[order], rank[places], counts[order]
    return rows, first, places.reshape(-1).astype(np.int64), counts.astype(np.int64)
