"""Comparisons and logical operators; the results are bool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import ANY, Array, RunError, TensorType, elementwise, op, require
from .binary import MAX_AXES, REALS, broadcast_type
from .unary import same_type

Bool = NDArray[np.bool_]


@elementwise
def _infer_comparison(x: TensorType, y: TensorType) -> TensorType:
    return broadcast_type(x, y).like(np.broadcast_shapes(x.shape, y.shape), np.bool_)


@elementwise
def _infer_logical(x: TensorType, y: TensorType) -> TensorType:
    require("C1", x.format == y.format == "bool", f"{x.format} and {y.format} are not bool")
    return broadcast_type(x, y)


@elementwise
def _infer_logical_not(x: TensorType) -> TensorType:
    stored = x.format in ("s8", "u8") and x.quant is not None
    require("C1", x.format == "bool" or stored, f"{x.format} is not bool")
    return same_type(x)


@op(infer=_infer_comparison, dtypes=(*REALS, "bool"))
def equal(x: Array, y: Array) -> Bool:
    """Tell where x = y. NaN equals nothing.

    Inputs: `x`, `y` that broadcast together.
    Constraints: (C1) One element type. (C2) The shapes broadcast. (C3) At most six axes where they
    differ.

    >>> equal(np.array([1, 2]), np.array([2])).tolist()
    [False, True]
    """
    return np.asarray(np.equal(x, y))


@op(infer=_infer_comparison, dtypes=(*REALS, "bool"))
def not_equal(x: Array, y: Array) -> Bool:
    """Tell where x differs from y. NaN differs from everything.

    Inputs: `x`, `y` that broadcast together.
    Constraints: (C1) to (C3) of `equal`.

    >>> not_equal(np.array([1, 2]), np.array([2])).tolist()
    [True, False]
    """
    return np.asarray(np.not_equal(x, y))


@op(infer=_infer_comparison, dtypes=REALS)
def greater(x: Array, y: Array) -> Bool:
    """Tell where x > y.

    Inputs: `x`, `y` that broadcast together.
    Constraints: (C1) to (C3) of `equal`.

    >>> greater(np.array([1, 2, 3]), np.array([2])).tolist()
    [False, False, True]
    """
    return np.asarray(np.greater(x, y))


@op(infer=_infer_comparison, dtypes=REALS)
def greater_equal(x: Array, y: Array) -> Bool:
    """Tell where x >= y.

    Inputs: `x`, `y` that broadcast together.
    Constraints: (C1) to (C3) of `equal`.

    >>> greater_equal(np.array([1, 2, 3]), np.array([2])).tolist()
    [False, True, True]
    """
    return np.asarray(np.greater_equal(x, y))


@op(infer=_infer_comparison, dtypes=REALS)
def less(x: Array, y: Array) -> Bool:
    """Tell where x < y.

    Inputs: `x`, `y` that broadcast together.
    Constraints: (C1) to (C3) of `equal`.

    >>> less(np.array([1, 2, 3]), np.array([2])).tolist()
    [True, False, False]
    """
    return np.asarray(np.less(x, y))


@op(infer=_infer_comparison, dtypes=REALS)
def less_equal(x: Array, y: Array) -> Bool:
    """Tell where x <= y.

    Inputs: `x`, `y` that broadcast together.
    Constraints: (C1) to (C3) of `equal`.

    >>> less_equal(np.array([1, 2, 3]), np.array([2])).tolist()
    [True, True, False]
    """
    return np.asarray(np.less_equal(x, y))


@op(infer=_infer_logical, dtypes=("bool",))
def logical_and(x: Bool, y: Bool) -> Bool:
    """Tell where both hold.

    Inputs: `x`, `y`, bool, that broadcast together.
    Constraints: (C1) Both are bool. (C2) The shapes broadcast. (C3) At most six axes where they differ.

    >>> logical_and(np.array([True, False]), np.array([True])).tolist()
    [True, False]
    """
    return np.asarray(np.logical_and(x, y))


@op(infer=_infer_logical, dtypes=("bool",))
def logical_or(x: Bool, y: Bool) -> Bool:
    """Tell where at least one holds.

    Inputs: `x`, `y`, bool, that broadcast together.
    Constraints: (C1) to (C3) of `logical_and`.

    >>> logical_or(np.array([True, False]), np.array([False])).tolist()
    [True, False]
    """
    return np.asarray(np.logical_or(x, y))


@op(infer=_infer_logical_not, dtypes=("bool",))
def logical_not(x: Bool) -> Bool:
    """Tell where `x` does not hold.

    Inputs: `x`, bool, or quantized bytes where the dialect has a rule for them.
    Constraints: (C1) `x` is one of these.

    >>> logical_not(np.array([True, False])).tolist()
    [False, True]
    """
    return np.asarray(np.logical_not(x))


@elementwise
def _infer_select(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
    require("C1", condition.format == "bool", f"condition is {condition.format}, not bool")
    require("C2", x.dtype == y.dtype, f"element types {x.format} and {y.format} differ")
    shapes = (condition.shape, x.shape, y.shape)
    longest = max(map(len, shapes))
    columns = zip(*((1,) * (longest - len(s)) + s for s in shapes), strict=True)
    fits = all(len({*column} - {1}) <= 1 for column in columns)
    require("C3", fits, f"shapes {shapes} do not broadcast")
    require("C4", longest <= MAX_AXES, f"{longest} axes exceed {MAX_AXES}")
    return x.like(np.broadcast_shapes(*shapes))


@op(infer=_infer_select, dtypes=ANY, moves=True, format_input=1)
def select(condition: Bool, x: Array, y: Array) -> Array:
    """Take the element of `x` where `condition` holds, else that of `y`.

    Inputs: `condition` bool; `x`, `y` of any one type; all three broadcast together.
    Constraints: (C1) `condition` is bool. (C2) `x` and `y` have one element type. (C3) The shapes broadcast.
    (C4) There are six axes at most.

    >>> select(np.array([True, False]), np.array([1, 2]), np.array([7])).tolist()
    [1, 7]
    """
    return np.where(condition, x, y)


def _infer_where(condition: TensorType) -> TensorType:
    require("C1", len(condition.shape) >= 1, "condition is a scalar")
    count = int(np.count_nonzero(condition.known()))
    return condition.like((count, len(condition.shape)), np.int64)


@op(
    infer=_infer_where,
    dtypes=("f32", "s8", "u8", "s32", "u32", "s64", "bool"),
    static=("condition",),
)
def where(condition: Array) -> Array:
    """Return the indices of the elements that are not zero, row by row, in row-major order.

    Inputs: `condition` bool, or numbers as they are stored; a NaN is not zero.
    Constraints: (C1) `condition` has an axis.

    >>> where(np.array([[True, False], [True, True]])).tolist()
    [[0, 0], [1, 0], [1, 1]]
    """
    return np.argwhere(condition)


def _infer_nonzero(x: TensorType) -> tuple[TensorType, TensorType]:
    require("C1", len(x.shape) >= 1, "x is a scalar")
    return x.like((x.size, len(x.shape)), np.int64), x.like((), np.int64)


@op(infer=_infer_nonzero, dtypes=("f32", "f64", "s8", "u8", "s32", "s64", "bool"))
def nonzero(x: Array) -> tuple[Array, Array]:
    """Return the indices of the elements that are not zero, in row-major order, and how many they are.

    As `where`, but the shape of the results does not depend on values: behind the indices are rows of -1.

    Inputs: `x`, numbers or bool; a NaN is not zero.
    Constraints: (C1) `x` has an axis.

    >>> [y.tolist() for y in nonzero(np.array([0, 7, 5]))]
    [[[1], [2], [-1]], 2]
    """
    found = np.argwhere(x)
    y = np.full((x.size, x.ndim), -1, np.int64)
    y[: len(found)] = found
    return y, np.array(len(found), np.int64)


def _infer_assertion(condition: TensorType) -> TensorType:
    require("C1", condition.format == "bool", f"condition is {condition.format}, not bool")
    return condition.like(condition.shape)


@op(infer=_infer_assertion, dtypes=("bool",))
def assertion(condition: Bool) -> Bool:
    """Return `condition`, which must hold everywhere; it is an error if it does not.

    Inputs: `condition` bool.
    Constraints: (C1) It is bool.

    >>> assertion(np.array([True])).tolist()
    [True]
    """
    if not np.all(condition):
        raise RunError("the assertion does not hold")
    return condition.copy()
