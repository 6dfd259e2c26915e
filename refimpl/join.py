"""Operators that make one tensor of several along an axis, and the reverse."""

from __future__ import annotations

import numpy as np

from ..ir import ANY, Array, TensorType, op, require
from .axes import one_whole_number, resolve_axis, whole_numbers


def _infer_concat(*xs: TensorType, axis: int) -> TensorType:
    require("C1", len(xs) > 0, "one tensor at least")
    first = xs[0]
    at = resolve_axis("C2", axis, len(first.shape))
    for x in xs:
        require("C3", x.dtype == first.dtype, f"types {first.dtype} and {x.dtype}")
        same = len(x.shape) == len(first.shape) and all(
            a == at or n == m for a, (n, m) in enumerate(zip(x.shape, first.shape, strict=True))
        )
        require("C4", same, f"{x.shape} and {first.shape} differ outside of axis {at}")
    total = sum(x.shape[at] for x in xs)
    return first.like((*first.shape[:at], total, *first.shape[at + 1 :]))


@op(infer=_infer_concat, dtypes=tuple(t for t in ANY if t != "u8"), moves=True)
def concat(*xs: Array, axis: int) -> Array:
    """Put the tensors `xs` one after the other along `axis`.

    TFLite has an activation here, too, which its kernels refuse (`concatenation.cc`).

    Inputs: `xs` of any type.
    Attributes: `axis`, negative from the end.
    Constraints: (C1) There is a tensor. (C2) The axis exists. (C3) All have the same element type.
    (C4) Their sizes agree outside of the axis.

    >>> concat(np.zeros((2, 1)), np.ones((2, 2)), axis=1).tolist()
    [[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    """
    return np.concatenate(xs, axis)


def _infer_pack(*xs: TensorType, axis: int = 0) -> TensorType:
    require("C1", len(xs) > 0, "one tensor at least")
    first = xs[0]
    for x in xs:
        same = x.shape == first.shape and x.dtype == first.dtype
        require("C2", same, f"{x.dtype} {x.shape} and {first.dtype} {first.shape}")
    at = resolve_axis("C3", axis, len(first.shape) + 1)
    return first.like((*first.shape[:at], len(xs), *first.shape[at:]))


@op(infer=_infer_pack, dtypes=ANY, moves=True)
def pack(*xs: Array, axis: int = 0) -> Array:
    """Stack tensors of one shape along a new axis.

    Inputs: `xs` of any type.
    Attributes: `axis` of the result, negative from the end.
    Constraints: (C1) There is a tensor. (C2) All have one shape and element type.
    (C3) The axis exists in the result.

    >>> pack(np.array([1, 2]), np.array([3, 4]), axis=1).tolist()
    [[1, 3], [2, 4]]
    """
    return np.stack(xs, axis)


def _infer_unpack(x: TensorType, *, axis: int = 0, count: int) -> tuple[TensorType, ...]:
    at = resolve_axis("C1", axis, len(x.shape))
    require("C2", count == x.shape[at] > 0, f"count {count}, axis of size {x.shape[at]}")
    return (x.like((*x.shape[:at], *x.shape[at + 1 :])),) * count


@op(infer=_infer_unpack, dtypes=ANY, moves=True)
def unpack(x: Array, *, axis: int = 0, count: int) -> tuple[Array, ...]:
    """Return the `count` slices of `x` along `axis`, without that axis.

    Inputs: `x` of any type.
    Attributes: `axis`, negative from the end; `count` of slices.
    Constraints: (C1) The axis exists. (C2) It has `count` > 0 elements.

    >>> [y.tolist() for y in unpack(np.array([[1, 3], [2, 4]]), axis=1, count=2)]
    [[1, 2], [3, 4]]
    """
    return tuple(np.array(x.take(i, axis)) for i in range(count))


def _pieces(x: TensorType, axis: int, sizes: list[int]) -> tuple[TensorType, ...]:
    return tuple(x.like((*x.shape[:axis], n, *x.shape[axis + 1 :])) for n in sizes)


def _infer_split(axis: TensorType, x: TensorType, *, count: int) -> tuple[TensorType, ...]:
    at = resolve_axis("C1", one_whole_number("C1", axis), len(x.shape))
    require("C2", count > 0 and x.shape[at] % count == 0, f"{x.shape[at]} into {count} parts")
    return _pieces(x, at, [x.shape[at] // count] * count)


@op(infer=_infer_split, dtypes=ANY, moves=True, static=("axis",), format_input=1)
def split(axis: Array, x: Array, *, count: int) -> tuple[Array, ...]:
    """Cut `x` into `count` equal parts along `axis`.

    Inputs: `axis` one integer, negative from the end; `x` of any type.
    Attributes: `count` of parts.
    Constraints: (C1) The axis is one number and exists. (C2) `count` > 0 divides its size.

    >>> [y.tolist() for y in split(np.array(0), np.arange(4), count=2)]
    [[0, 1], [2, 3]]
    """
    return tuple(y.copy() for y in np.split(x, count, int(axis.reshape(()))))


def _split_sizes(x: TensorType, sizes: TensorType, axis: TensorType) -> tuple[int, list[int]]:
    at = resolve_axis("C1", one_whole_number("C1", axis), len(x.shape))
    parts = whole_numbers(sizes)
    legal = len(parts) > 0 and parts.count(-1) <= 1 and min(parts) >= -1
    require("C2", legal and len(sizes.shape) == 1, f"sizes {parts}")
    if -1 in parts:
        parts[parts.index(-1)] = x.shape[at] - sum(parts) - 1
    fits = min(parts) >= 0 and sum(parts) == x.shape[at]
    require("C3", fits, f"{x.shape[at]} elements into {parts}")
    return at, parts


def _infer_split_v(x: TensorType, sizes: TensorType, axis: TensorType) -> tuple[TensorType, ...]:
    return _pieces(x, *_split_sizes(x, sizes, axis))


@op(infer=_infer_split_v, dtypes=ANY, moves=True, static=("sizes", "axis"))
def split_v(x: Array, sizes: Array, axis: Array) -> tuple[Array, ...]:
    """Cut `x` along `axis` into parts of the given sizes.

    Inputs: `x` of any type; `sizes` integers (K,), one of which may be -1: what is left; `axis` one
    integer, negative from the end.
    Constraints: (C1) The axis is one number and exists. (C2) `sizes` is a vector of one part at least,
    none negative but one -1. (C3) They add up to the size of the axis.

    >>> [y.tolist() for y in split_v(np.arange(4), np.array([1, -1]), np.array(0))]
    [[0], [1, 2, 3]]
    """
    at, parts = _split_sizes(*map(TensorType.of, (x, sizes, axis)))
    return tuple(y.copy() for y in np.split(x, np.cumsum(parts)[:-1], at))
