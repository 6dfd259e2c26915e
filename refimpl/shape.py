"""Operators that leave the elements alone and change the axes, or tell of them."""

from __future__ import annotations

import math

import numpy as np

from ..ir import ANY, FORMATS, Array, RunError, TensorType, op, require
from .axes import one_whole_number, resolve_axis, whole_numbers


def _infer_reshape(x: TensorType, shape: TensorType) -> TensorType:
    require("C1", len(shape.shape) == 1, f"shape is a vector, got {shape.shape}")
    sizes = whole_numbers(shape)
    require("C2", sizes.count(-1) <= 1 and min(sizes, default=0) >= -1, f"shape {sizes}")
    known = math.prod(n for n in sizes if n != -1)
    if -1 in sizes:
        require("C3", known > 0 and x.size % known == 0, f"{x.size} elements into {sizes}")
        sizes[sizes.index(-1)] = x.size // known
    require("C3", math.prod(sizes) == x.size, f"{x.size} elements into {sizes}")
    return x.like(tuple(sizes))


@op(infer=_infer_reshape, dtypes=ANY, moves=True, static=("shape",))
def reshape(x: Array, shape: Array) -> Array:
    """Give the elements of `x`, in row-major order, the sizes in `shape`.

    Inputs: `x` of any type and shape; `shape` integers (R,), one of which may be -1: what is left.
    Constraints: (C1) `shape` is a vector. (C2) Sizes are not negative, and one at most is -1.
    (C3) The number of elements stays.

    >>> reshape(np.arange(6), np.array([2, -1])).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    return x.reshape(_infer_reshape(TensorType.of(x), TensorType.of(shape)).shape).copy()


def _infer_squeeze(x: TensorType, *, axes: tuple[int, ...] = ()) -> TensorType:
    rank = len(x.shape)
    gone = {resolve_axis("C1", a, rank) for a in axes}
    if not axes:
        gone = {a for a, n in enumerate(x.shape) if n == 1}
    require("C2", all(x.shape[a] == 1 for a in gone), f"axes {axes} of {x.shape} have size 1")
    return x.like(tuple(n for a, n in enumerate(x.shape) if a not in gone))


@op(infer=_infer_squeeze, dtypes=ANY, moves=True)
def squeeze(x: Array, *, axes: tuple[int, ...] = ()) -> Array:
    """Drop axes of size 1.

    Inputs: `x` of any type and shape.
    Attributes: `axes` to drop, negative ones from the end; empty: all that have size 1.
    Constraints: (C1) Axes exist. (C2) They have size 1.

    >>> squeeze(np.ones((1, 2, 1)), axes=(-1,)).shape
    (1, 2)
    """
    return x.reshape(_infer_squeeze(TensorType.of(x), axes=axes).shape).copy()


def _infer_expand_dims(x: TensorType, axis: TensorType) -> TensorType:
    at = resolve_axis("C2", one_whole_number("C1", axis), len(x.shape) + 1)
    return x.like((*x.shape[:at], 1, *x.shape[at:]))


@op(infer=_infer_expand_dims, dtypes=ANY, moves=True, static=("axis",))
def expand_dims(x: Array, axis: Array) -> Array:
    """Insert an axis of size 1 before axis `axis` of `x`.

    Inputs: `x` of any type and shape; `axis` one integer, negative from the end of the result.
    Constraints: (C1) `axis` has one element. (C2) -rank - 1 <= axis <= rank.

    >>> expand_dims(np.ones((2, 3)), np.array(-1)).shape
    (2, 3, 1)
    """
    return x.reshape(_infer_expand_dims(TensorType.of(x), TensorType.of(axis)).shape).copy()


def _permutation(x: TensorType, perm: TensorType) -> list[int]:
    rank = len(x.shape)
    require("C1", perm.shape == (rank,), f"perm has shape {perm.shape}, x has {rank} axes")
    order = [resolve_axis("C2", a, rank) for a in whole_numbers(perm)]
    require("C2", sorted(order) == list(range(rank)), f"perm {order} names each axis once")
    return order


def _infer_transpose(x: TensorType, perm: TensorType) -> TensorType:
    return x.like(tuple(x.shape[a] for a in _permutation(x, perm)))


@op(infer=_infer_transpose, dtypes=ANY, moves=True, static=("perm",))
def transpose(x: Array, perm: Array) -> Array:
    """Reorder the axes: axis i of the result is axis `perm[i]` of `x`.

    Inputs: `x` of any type and shape; `perm` integers (R,), negative ones from the end.
    Constraints: (C1) `perm` has an entry for each axis. (C2) It names each axis once.

    >>> transpose(np.zeros((2, 3, 5)), np.array([2, 0, 1])).shape
    (5, 2, 3)
    """
    order = _permutation(TensorType.of(x), TensorType.of(perm))
    return np.ascontiguousarray(x.transpose(order)).reshape([x.shape[a] for a in order])


def _infer_shape(x: TensorType, *, to: str = "s32") -> TensorType:
    require("C1", to in ("s32", "s64"), f"the sizes are s32 or s64, not {to}")
    return TensorType((len(x.shape),), FORMATS[to])


@op(infer=_infer_shape, dtypes=ANY, moves=True, reads_types=True)
def shape(x: Array, *, to: str = "s32") -> Array:
    """Return the sizes of `x`.

    Inputs: `x` of any type and shape.
    Attributes: `to` element type of the result.
    Constraints: (C1) `to` is s32 or s64.

    >>> shape(np.zeros((2, 3))).tolist()
    [2, 3]
    """
    return np.array(x.shape, FORMATS[to])


def _infer_rank(x: TensorType) -> TensorType:
    return TensorType((), FORMATS["s32"])


@op(infer=_infer_rank, dtypes=ANY, moves=True, reads_types=True)
def rank(x: Array) -> Array:
    """Return the number of axes of `x`, as an s32 scalar.

    Inputs: `x` of any type and shape.
    Constraints: none.

    >>> int(rank(np.zeros((2, 3))))
    2
    """
    return np.array(x.ndim, np.int32)


@op(host=True)
def leading(x: Array, count: Array, *, axis: int = 0) -> Array:
    """Return the first slices of a tensor along an axis, as many as a run has found.

    Where a shape depends on values a plan ends, and another goes on from what comes out.

    Inputs: `x` with an axis; `count` one integer, up to the number of slices, checked while running.

    Attributes:
        axis: negative from the end.

    Constraints:
        (C1) The axis exists.
        (C2) The count is one number.

    >>> leading(np.array([5, 7, -1]), np.array(2)).tolist()
    [5, 7]
    """
    if not (isinstance(x, np.ndarray) and isinstance(count, np.ndarray)):
        raise RunError(f"tensors are needed, got {type(x).__name__} and {type(count).__name__}")
    at = resolve_axis("C1", axis, x.ndim)
    require("C2", np.size(count) == 1, f"a count of shape {np.shape(count)}")
    wanted = int(np.reshape(count, ()))
    if not 0 <= wanted <= x.shape[at]:
        raise RunError(f"{wanted} of {x.shape[at]} slices")
    return x[(slice(None),) * at + (slice(wanted),)].copy()
