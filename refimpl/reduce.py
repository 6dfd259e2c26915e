"""Reductions over axes: mean, sum, extremes, product, and the position of an extreme.

The arithmetic is TFLite's (kernels/reduce.cc, kernels/arg_min_max.cc of LiteRT 2.3): integers wrap, an integer
mean is cut towards zero, an empty reduction gives the start value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import FORMATS, Array, TensorType, op, reduction, require

S32 = NDArray[np.int32]
ORDERED = ("f32", "s8", "u8", "s16", "s32", "u32", "s64", "u64")


def reduced_axes(rank: int, axes: Array) -> tuple[int, ...]:
    """Return the axes named in `axes`, from the front, each once; a scalar has none.

    >>> reduced_axes(3, np.array([-1, 0, 2]))
    (0, 2)
    """
    return tuple(sorted({int(a) % rank for a in np.ravel(axes)})) if rank else ()


def reduced_shape(
    shape: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool
) -> tuple[int, ...]:
    """Return `shape` without `axes`, or with size 1 there.

    >>> reduced_shape((2, 3, 4), (1,), True)
    (2, 1, 4)
    """
    if keep_dims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def reduction_rows(x: Array, axes: tuple[int, ...]) -> Array:
    """Return a matrix with a row for each result: the elements it is made of, in row-major order.

    >>> reduction_rows(np.arange(6).reshape(2, 3), (0,)).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    kept = [i for i in range(x.ndim) if i not in axes]
    count = math.prod(x.shape[i] for i in axes)
    results = math.prod(x.shape[i] for i in kept)
    return x.transpose(*kept, *axes).reshape(results, count)


@reduction
def _infer_reduce(x: TensorType, axes: TensorType, *, keep_dims: bool = False) -> TensorType:
    require("C1", axes.format == "s32", f"axes are {axes.format}, not s32")
    rank = len(x.shape)
    for a in np.ravel(axes.known()).tolist() if rank else ():
        require("C2", -rank <= a < rank, f"axis {a} of a tensor with {rank} axes")
    return x.like(reduced_shape(x.shape, reduced_axes(rank, axes.known()), keep_dims))


def _shaped(rows: Array, x: Array, axes: Array, keep_dims: bool) -> Array:
    shape = reduced_shape(x.shape, reduced_axes(x.ndim, axes), keep_dims)
    with np.errstate(over="ignore", invalid="ignore"):
        return rows.astype(x.dtype).reshape(shape)


def _rows(x: Array, axes: Array) -> Array:
    return reduction_rows(x, reduced_axes(x.ndim, axes))


def _wide_rows(x: Array, axes: Array) -> Array:
    """Return the rows in float64, integers in 64 bits."""
    return _rows(x, axes).astype(np.float64 if x.dtype.kind == "f" else np.int64)


def _exact_sum(rows: Array) -> Array:
    """Sum the rows of floats in float64; integers wrap in 64 bits."""
    wide = np.float64 if rows.dtype.kind == "f" else np.int64
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.sum(rows, axis=1, dtype=wide))


@op(infer=_infer_reduce, dtypes=("f32", "s32", "s64"), static=("axes",))
def mean(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Average over axes: y = sum(x) / count.

    Integers are summed in 64 bits and divided towards zero. An average of nothing is NaN, in integers 0.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> mean(np.array([[1, 2, 6], [1, 1, 1]], "f"), np.array([1], "i4")).tolist()
    [3.0, 1.0]
    """
    rows = _rows(x, axes)
    total, count = _exact_sum(rows), rows.shape[1]
    if x.dtype.kind == "f":
        with np.errstate(invalid="ignore", divide="ignore"):
            quotient = total / np.float64(count)
    elif count:
        floor = total // count
        quotient = floor + ((total < 0) & (total != floor * count))
    else:
        quotient = np.zeros(len(rows), np.int64)
    return _shaped(quotient, x, axes, keep_dims)


@op(infer=_infer_reduce, dtypes=("f32", "f64", "s32", "s64"), static=("axes",))
def sum(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Add over axes. Integers wrap; a sum of nothing is 0.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> sum(np.array([[1, 2, 6], [1, 1, 1]], "f"), np.array([0], "i4")).tolist()
    [2.0, 3.0, 7.0]
    """
    return _shaped(_exact_sum(_rows(x, axes)), x, axes, keep_dims)


@op(infer=_infer_reduce, dtypes=("f32", "s32", "s64"), static=("axes",))
def reduce_prod(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Multiply over axes: y = prod(x). Integers wrap; a product of nothing is 1.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> reduce_prod(np.array([[1, 2, 6], [3, 1, 1]], "f"), np.array([1], "i4")).tolist()
    [12.0, 3.0]
    """
    wide = np.float64 if x.dtype.kind == "f" else np.int64
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        product = np.prod(_rows(x, axes), axis=1, dtype=wide)
    return _shaped(product, x, axes, keep_dims)


def _extreme(x: Array, axes: Array, sign: int) -> Array:
    """Return the first largest (sign 1) or smallest (-1) element of each row."""
    rows = _rows(x, axes)
    if not rows.shape[1]:
        info: Any = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
        return np.full(len(rows), info.min if sign > 0 else info.max, x.dtype)
    first = np.argmax(rows, axis=1) if sign > 0 else np.argmin(rows, axis=1)
    return rows[np.arange(len(rows)), first]


@op(infer=_infer_reduce, dtypes=ORDERED, static=("axes",))
def reduce_max(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Return the largest element over axes; a NaN wins, the first zero does, whatever its sign.

    The largest of nothing is the lowest finite number of the type.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> reduce_max(np.array([[1, 2, 6], [3, 1, 1]], "f"), np.array([1], "i4")).tolist()
    [6.0, 3.0]
    """
    return _shaped(_extreme(x, axes, 1), x, axes, keep_dims)


@op(infer=_infer_reduce, dtypes=ORDERED, static=("axes",))
def reduce_min(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Return the smallest element over axes; a NaN wins, the first zero does, whatever its sign.

    The smallest of nothing is the largest finite number of the type.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> reduce_min(np.array([[1, 2, 6], [3, 1, 1]], "f"), np.array([1], "i4")).tolist()
    [1.0, 1.0]
    """
    return _shaped(_extreme(x, axes, -1), x, axes, keep_dims)


def _infer_arg(x: TensorType, axis: TensorType, *, to: str = "s64") -> TensorType:
    rank = len(x.shape)
    require("C1", rank >= 1, "x is a scalar")
    require("C2", axis.size == 1 and axis.format in ("s32", "s64"), f"axis is {axis}")
    a = int(axis.known().reshape(()))
    require("C3", -rank <= a < rank, f"axis {a} of a tensor with {rank} axes")
    require("C4", x.shape[a] > 0, f"axis {a} is empty")
    require("C5", to in ("s32", "s64"), f"positions of type {to}")
    a %= rank
    return x.like(x.shape[:a] + x.shape[a + 1 :], FORMATS[to])


def _first(x: Array, axis: Array, extreme: Array) -> Array:
    """Return where `extreme` stands first along `axis`; 0 where there is none (all are NaN)."""
    a = int(axis.reshape(()))
    return np.argmax(x == np.expand_dims(extreme, a), axis=a)


ARG_DTYPES = ("f32", "s8", "u8", "s32")


@op(infer=_infer_arg, dtypes=ARG_DTYPES, static=("axis",))
def arg_max(x: Array, axis: Array, *, to: str = "s64") -> Array:
    """Return the position of the first largest element along an axis; NaNs do not take part.

    Inputs: `x` of at least one axis; `axis`, one number, negative from the end.
    Attributes: `to`, the type of the positions.
    Constraints: (C1) `x` is no scalar. (C2) `axis` is one s32 or s64. (C3) It is an axis of `x`.
    (C4) That is not empty. (C5) `to` is s32 or s64.

    >>> arg_max(np.array([[1, 6, 6], [3, 1, 1]], "f"), np.array(1, "i4")).tolist()
    [1, 0]
    """
    extreme = np.fmax.reduce(x, axis=int(axis.reshape(())))
    return _first(x, axis, extreme).astype(FORMATS[to])


@op(infer=_infer_arg, dtypes=ARG_DTYPES, static=("axis",))
def arg_min(x: Array, axis: Array, *, to: str = "s64") -> Array:
    """Return the position of the first smallest element along an axis; NaNs do not take part.

    Inputs: `x` of at least one axis; `axis`, one number, negative from the end.
    Attributes: `to`, the type of the positions.
    Constraints: (C1) `x` is no scalar. (C2) `axis` is one s32 or s64. (C3) It is an axis of `x`.
    (C4) That is not empty. (C5) `to` is s32 or s64.

    >>> arg_min(np.array([[1, 6, 6], [3, 1, 1]], "f"), np.array(1, "i4")).tolist()
    [0, 1]
    """
    extreme = np.fmin.reduce(x, axis=int(axis.reshape(())))
    return _first(x, axis, extreme).astype(FORMATS[to])


@op(infer=_infer_reduce, dtypes=("f32", "s32", "s64"), static=("axes",))
def reduce_sum_square(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Add the squares over axes. Integers wrap; a sum of nothing is 0.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> reduce_sum_square(np.array([[1, 2], [-3, 0]], "f"), np.array([1], "i4")).tolist()
    [5.0, 9.0]
    """
    with np.errstate(over="ignore"):
        return _shaped(_exact_sum(np.square(_wide_rows(x, axes))), x, axes, keep_dims)


@op(infer=_infer_reduce, dtypes=("f32", "s32", "s64"), static=("axes",))
def reduce_sum_abs(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Add the magnitudes over axes. Integers wrap; a sum of nothing is 0.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> reduce_sum_abs(np.array([[1, 2], [-3, 0]], "f"), np.array([1], "i4")).tolist()
    [3.0, 3.0]
    """
    return _shaped(_exact_sum(np.abs(_wide_rows(x, axes))), x, axes, keep_dims)


@op(infer=_infer_reduce, dtypes=("f32", "f64"), static=("axes",))
def reduce_log_sum_exp(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    r"""Return the logarithm of the sum of powers: $y = m + \ln \sum e^{x - m}$ with the largest number $m$ of each row.

    Inputs: `x` of any shape; `axes`, negative from the end, duplicates count once. Of nothing it is -inf.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them.

    >>> reduce_log_sum_exp(np.array([[1000, 1000], [0, -np.inf]], "f"), np.array([1], "i4")).round(4).tolist()
    [1000.6931762695312, 0.0]
    """
    rows = _wide_rows(x, axes)
    with np.errstate(all="ignore"):
        largest = np.max(rows, axis=1, initial=-np.inf)
        largest = np.where(np.isfinite(largest), largest, 0)
        total = np.sum(np.exp(rows - largest[:, None]), axis=1)
        return _shaped(np.asarray(largest + np.log(total)), x, axes, keep_dims)


@reduction
def _infer_reduce_bool(x: TensorType, axes: TensorType, *, keep_dims: bool = False) -> TensorType:
    require("C3", x.format == "bool", f"x is {x.format}, not bool")
    return _infer_reduce(x, axes, keep_dims=keep_dims)


@op(infer=_infer_reduce_bool, dtypes=("bool",), static=("axes",))
def reduce_all(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Tell whether all elements over axes hold; all of nothing do.

    Inputs: `x` bool of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them. (C3) `x` is bool.

    >>> reduce_all(np.array([[True, False], [True, True]]), np.array([1], "i4")).tolist()
    [False, True]
    """
    return _shaped(np.asarray(_rows(x, axes).all(axis=1)), x, axes, keep_dims)


@op(infer=_infer_reduce_bool, dtypes=("bool",), static=("axes",))
def reduce_any(x: Array, axes: S32, *, keep_dims: bool = False) -> Array:
    """Tell whether an element over axes holds; none of nothing does.

    Inputs: `x` bool of any shape; `axes`, negative from the end, duplicates count once.
    Attributes: `keep_dims` leaves the reduced axes with size 1.
    Constraints: (C1) `axes` is s32. (C2) Each is an axis of `x`; a scalar ignores them. (C3) `x` is bool.

    >>> reduce_any(np.array([[True, False], [False, False]]), np.array([1], "i4")).tolist()
    [True, False]
    """
    return _shaped(np.asarray(_rows(x, axes).any(axis=1)), x, axes, keep_dims)
