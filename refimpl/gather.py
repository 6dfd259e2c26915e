"""Operators that address elements by the values of a tensor. Indices are checked while they run."""

from __future__ import annotations

import numpy as np

from ..ir import ANY, NUMBERS, Array, RunError, TensorType, op, require
from .axes import one_whole_number, resolve_axis, sizes_of, whole_numbers

INDEX_TYPES = ("s16", "s32", "s64")


def check_indices(what: str, indices: Array, low: int, limits: Array | int) -> None:
    """Raise RunError at the first index outside of [low, limit); `limits` broadcasts to the indices."""
    wrong = (indices < low) | (indices >= limits)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        limit = np.broadcast_to(limits, indices.shape)[at]
        raise RunError(f"{what}: {indices[at]} at {list(at)} is outside of {low}..{limit - 1}")


def _batch_axes(x: TensorType, indices: TensorType, axis: int, batch_dims: int) -> tuple[int, int]:
    """Return `axis` and the number of batch axes, counted from the front."""
    at = resolve_axis("C2", axis, len(x.shape))
    batch = batch_dims + len(indices.shape) if batch_dims < 0 else batch_dims
    require("C3", 0 <= batch <= len(indices.shape), f"{batch_dims} batch axes of {indices.shape}")
    same = batch <= at and x.shape[:batch] == indices.shape[:batch]
    require("C4", same, f"{batch} batch axes of {x.shape} and {indices.shape}, axis {at}")
    return at, batch


def _infer_gather(
    x: TensorType, indices: TensorType, *, axis: int = 0, batch_dims: int = 0
) -> TensorType:
    require("C1", indices.format in INDEX_TYPES, f"indices are {indices.format}")
    at, batch = _batch_axes(x, indices, axis, batch_dims)
    return x.like((*x.shape[:at], *indices.shape[batch:], *x.shape[at + 1 :]))


@op(infer=_infer_gather, dtypes=ANY, moves=True)
def gather(x: Array, indices: Array, *, axis: int = 0, batch_dims: int = 0) -> Array:
    """Return the slices of `x` along `axis` that `indices` name.

    y[b, o, i, n] = x[b, o, indices[b, i], n] with b the batch axes, o the axes from there to `axis`, n
    the rest.

    Inputs: `x` of any type; `indices` s16, s32 or s64, which are checked while running:
    0 <= index < size (a negative index is an error, as in TFLite's gather.cc).
    Attributes: `axis`, `batch_dims` (leading axes that `x` and `indices` share), negative from the end.
    Constraints: (C1) `indices` is s16, s32 or s64. (C2) The axis exists. (C3) `indices` has the batch
    axes. (C4) They come before `axis`, and both have the same sizes there.

    >>> gather(np.array([[1, 2], [3, 4]]), np.array([1, 1, 0]), axis=1).tolist()
    [[2, 2, 1], [4, 4, 3]]
    """
    types = TensorType.of(x), TensorType.of(indices)
    at, batch = _batch_axes(*types, axis, batch_dims)
    check_indices("gather", indices, 0, x.shape[at])
    y = np.empty(_infer_gather(*types, axis=axis, batch_dims=batch_dims).shape, x.dtype)
    for b in np.ndindex(x.shape[:batch]):
        y[b] = x[b].take(indices[b], at - batch)
    return y


def _infer_gather_nd(x: TensorType, indices: TensorType) -> TensorType:
    require("C1", indices.format in INDEX_TYPES, f"indices are {indices.format}")
    deep = len(x.shape) > 0 and len(indices.shape) > 0 and indices.shape[-1] <= len(x.shape)
    require("C2", deep, f"indices {indices.shape} into x {x.shape}")
    return x.like((*indices.shape[:-1], *x.shape[indices.shape[-1] :]))


@op(infer=_infer_gather_nd, dtypes=ANY, moves=True)
def gather_nd(x: Array, indices: Array) -> Array:
    """Return the slices of `x` at the positions in the rows of `indices`.

    y[i, n] = x[indices[i, 0], ..., indices[i, K-1], n].

    Inputs: `x` of any type; `indices` (..., K) s16, s32 or s64, checked while running: 0 <= index < size.
    Constraints: (C1) `indices` is s16, s32 or s64. (C2) Both have an axis, and K <= rank of `x`.

    >>> gather_nd(np.array([[1, 2], [3, 4]]), np.array([[1, 0], [0, 1]])).tolist()
    [3, 2]
    """
    depth = indices.shape[-1]
    check_indices("gather_nd", indices, 0, np.array(x.shape[:depth], np.int64))
    shape = (*indices.shape[:-1], *x.shape[depth:])
    rows = x[tuple(np.moveaxis(indices, -1, 0))] if depth else x
    return np.broadcast_to(rows, shape).copy()


def _infer_gather_elements(
    x: TensorType, indices: TensorType, *, axis: int = 0, from_end: bool = False
) -> TensorType:
    require("C1", indices.format in ("s32", "s64"), f"indices are {indices.format}")
    at = resolve_axis("C2", axis, len(x.shape))
    require("C3", len(indices.shape) == len(x.shape), f"indices {indices.shape} into {x.shape}")
    sizes = zip(indices.shape, x.shape, strict=True)
    fits = all(n <= m for a, (n, m) in enumerate(sizes) if a != at)
    require("C4", fits, f"indices {indices.shape} reach beyond {x.shape}, axis {at}")
    return x.like(indices.shape)


@op(infer=_infer_gather_elements, dtypes=ANY, moves=True)
def gather_elements(x: Array, indices: Array, *, axis: int = 0, from_end: bool = False) -> Array:
    """Return for each of `indices` the element of `x` at the same place, but for `axis`, where the index says.

    Inputs: `x` of any type; `indices` s32 or s64, of as many axes, checked while running: 0 <= index < size.
    Attributes: `axis`, negative from the end; `from_end`: so are indices, down to -size.
    Constraints: (C1) `indices` is s32 or s64. (C2) The axis exists. (C3) Both have as many axes. (C4) `indices` is no
    longer than `x`, but along the axis.

    >>> gather_elements(np.array([[1, 2], [3, 4]]), np.array([[1, 1, 0]]), axis=1).tolist()
    [[2, 2, 1]]
    """
    axis %= x.ndim
    check_indices("gather_elements", indices, -x.shape[axis] if from_end else 0, x.shape[axis])
    box = tuple(slice(None if a == axis else n) for a, n in enumerate(indices.shape))
    return np.take_along_axis(x[box], indices, axis)


def _infer_reverse_sequence(
    x: TensorType, lengths: TensorType, *, seq_axis: int, batch_axis: int = 0
) -> TensorType:
    require("C1", lengths.format in ("s32", "s64"), f"lengths are {lengths.format}")
    rank = len(x.shape)
    legal = 0 <= seq_axis < rank and 0 <= batch_axis < rank and seq_axis != batch_axis
    require("C2", legal, f"axes {seq_axis} and {batch_axis} of {rank}")
    fits = lengths.shape == (x.shape[batch_axis],)
    require("C3", fits, f"lengths {lengths.shape} for batch {x.shape[batch_axis]}")
    return x.like(x.shape)


@op(infer=_infer_reverse_sequence, dtypes=ANY, moves=True)
def reverse_sequence(x: Array, lengths: Array, *, seq_axis: int, batch_axis: int = 0) -> Array:
    """Turn the first `lengths[b]` elements along `seq_axis` around, for each b of `batch_axis`.

    TFLite checks the first length only and takes negative ones for 0; here each is checked: 0 <= length <= size.

    Inputs: `x` of any type; `lengths` (B,) s32 or s64.
    Attributes: `seq_axis`, `batch_axis`.
    Constraints: (C1) `lengths` is s32 or s64. (C2) The axes exist and differ. (C3) There is a length for each b.

    >>> reverse_sequence(np.array([[1, 2, 3], [4, 5, 6]]), np.array([2, 3]), seq_axis=1).tolist()
    [[2, 1, 3], [6, 5, 4]]
    """
    size = x.shape[seq_axis]
    check_indices("reverse_sequence", lengths, 0, size + 1)
    y = np.moveaxis(x.copy(), (batch_axis, seq_axis), (0, 1))
    for row, length in zip(y, lengths.tolist(), strict=True):
        row[:length] = row[:length][::-1].copy()
    return np.ascontiguousarray(np.moveaxis(y, (0, 1), (batch_axis, seq_axis)))


def _infer_one_hot(
    indices: TensorType, depth: TensorType, on: TensorType, off: TensorType, *, axis: int = -1
) -> TensorType:
    require("C1", indices.format in ("s32", "s64"), f"indices are {indices.format}")
    one = on.size == off.size == 1 and on.dtype == off.dtype
    require("C2", one, f"on {on.dtype} {on.shape} and off {off.dtype} {off.shape}")
    at = resolve_axis("C3", axis, len(indices.shape) + 1)
    sizes = (*indices.shape[:at], one_whole_number("C4", depth), *indices.shape[at:])
    return on.like(sizes_of("C4", sizes))


@op(infer=_infer_one_hot, dtypes=ANY, moves=True, static=("depth",), format_input=2)
def one_hot(indices: Array, depth: Array, on: Array, off: Array, *, axis: int = -1) -> Array:
    """Put `on` where the position along a new axis equals the index, and `off` elsewhere.

    Inputs: `indices` s32 or s64, any value: one outside of 0..depth-1 gives `off` alone; `depth` the
    size of the new axis; `on`, `off` one element each, of any type.
    Attributes: `axis` of the result, negative from the end.
    Constraints: (C1) `indices` is s32 or s64. (C2) `on` and `off` have one element, of one type.
    (C3) The axis exists in the result. (C4) `depth` is one number and not negative.

    >>> one_hot(np.array([1, -1]), np.array(2), np.array(5), np.array(0)).tolist()
    [[0, 5], [0, 0]]
    """
    count = whole_numbers(depth)[0]
    hit = np.expand_dims(indices, axis) == np.arange(count).reshape(
        [-1] + [1] * (indices.ndim - axis % (indices.ndim + 1))
    )
    return np.where(hit, on.reshape(()), off.reshape(()))


def _infer_sparse_to_dense(
    indices: TensorType, shape: TensorType, values: TensorType, default: TensorType
) -> TensorType:
    require("C1", indices.format in ("s32", "s64"), f"indices are {indices.format}")
    require(
        "C2", default.size == 1 and default.dtype == values.dtype, "one default of the values' type"
    )
    sizes = sizes_of("C3", whole_numbers(shape))
    count, depth = (*indices.shape, 1, 1)[:2] if indices.shape else (1, 1)
    deep = len(indices.shape) <= 2 and depth == len(sizes) == shape.size
    require("C4", deep, f"indices {indices.shape} into {sizes}")
    require("C5", values.shape in ((), (count,)), f"values {values.shape} for {count} indices")
    return values.like(sizes)


@op(infer=_infer_sparse_to_dense, dtypes=ANY, moves=True, static=("shape",), format_input=2)
def sparse_to_dense(indices: Array, shape: Array, values: Array, default: Array) -> Array:
    """Fill a tensor with `default`, then put `values[i]` at position `indices[i]`.

    Where a position is named several times, the last value stays.

    Inputs: `indices` s32 or s64: a scalar or (K,) for a vector, (K, R) in general, checked while
    running; `shape` integers (R,); `values` (K,) or one scalar for all, of any type; `default` one
    element.
    Constraints: (C1) `indices` is s32 or s64. (C2) `default` is one element of the type of `values`.
    (C3) Sizes are not negative. (C4) `indices` has at most two axes, and a column for each axis of the
    result. (C5) `values` has an element for each index, or is a scalar.

    >>> sparse_to_dense(np.array([1, 2]), np.array([4]), np.array([5, 6]), np.array(0)).tolist()
    [0, 5, 6, 0]
    """
    sizes = whole_numbers(shape)
    rows = indices.reshape(-1, len(sizes))
    check_indices("sparse_to_dense", rows, 0, np.array(sizes, np.int64))
    y = np.full(sizes, default.reshape(()), values.dtype)
    for row, value in zip(rows.tolist(), np.broadcast_to(values, len(rows)), strict=True):
        y[tuple(row)] = value
    return y


def _infer_scatter_nd(indices: TensorType, updates: TensorType, shape: TensorType) -> TensorType:
    require("C1", indices.format in ("s32", "s64"), f"indices are {indices.format}")
    sizes = sizes_of("C2", whole_numbers(shape))
    outer, depth = indices.shape[:-1], indices.shape[-1] if indices.shape else 0
    require("C3", 0 < depth <= len(sizes), f"{depth} indices a row for {len(sizes)} axes")
    wanted = (*outer, *sizes[depth:])
    require("C4", updates.shape == wanted, f"updates {updates.shape} are not {wanted}")
    return updates.like(sizes)


@op(infer=_infer_scatter_nd, dtypes=NUMBERS, static=("shape",), format_input=1)
def scatter_nd(indices: Array, updates: Array, shape: Array) -> Array:
    """Add `updates[i]` to zeros of `shape` at position `indices[i]`: where several meet, their sum stays.

    So TFLite (scatter_nd.cc); MindSpore Lite 1.1 keeps the last one (nnacl/scatter_nd.c). Integers wrap.

    Inputs: `indices` s32 or s64 (..., D), checked while running; `updates` (..., sizes after the first D);
    `shape` integers (R,).
    Constraints: (C1) `indices` is s32 or s64. (C2) Sizes are not negative. (C3) 0 < D <= R. (C4) `updates` has
    the outer axes of `indices`, then those that no index names.

    >>> scatter_nd(np.array([[1], [1]]), np.array([5, 6]), np.array([3])).tolist()
    [0, 11, 0]
    """
    sizes = whole_numbers(shape)
    rows = indices.reshape(-1, indices.shape[-1])
    depth = rows.shape[1]
    check_indices("scatter_nd", rows, 0, np.array(sizes[:depth], np.int64))
    y = np.zeros(sizes, np.float64 if updates.dtype.kind == "f" else np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        np.add.at(y, tuple(rows.T), updates.reshape(len(rows), *sizes[depth:]).astype(y.dtype))
        return y.astype(updates.dtype)
