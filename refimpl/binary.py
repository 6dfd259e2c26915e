"""Arithmetic on two tensors that broadcast together. Integers wrap as in two's complement.

A sum, difference, product or quotient of float32 numbers that is computed in float32 is the exact one, rounded
once; that is what a float64 detour would give.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array, RunError, TensorType, elementwise, op, require
from .activation import activate, require_activation

MAX_AXES = 6
INTEGERS = ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64")
REALS = ("f32", "f64", *INTEGERS)


@elementwise
def broadcast_type(x: TensorType, y: TensorType, *, activation: str = "none") -> TensorType:
    """Return the type of an operator on two tensors, and check constraints (C1) to (C4)."""
    require("C1", x.dtype == y.dtype, f"element types {x.format} and {y.format} differ")
    sizes = zip(reversed(x.shape), reversed(y.shape), strict=False)
    fits = all(m == n or 1 in (m, n) for m, n in sizes)
    require("C2", fits, f"shapes {x.shape} and {y.shape} do not broadcast")
    axes = max(len(x.shape), len(y.shape))
    require("C3", axes <= MAX_AXES or x.shape == y.shape, f"{axes} axes exceed {MAX_AXES}")
    require_activation("C4", activation)
    return x.like(np.broadcast_shapes(x.shape, y.shape))


def _require_nonzero(y: Array, name: str) -> None:
    if not np.all(y):
        where = tuple(int(i) for i in np.argwhere(y == 0)[0])
        raise RunError(f"{name}: the divisor is zero at {where}")


@op(infer=broadcast_type, dtypes=REALS)
def add(x: Array, y: Array, *, activation: str = "none") -> Array:
    """Return x + y.

    Inputs: `x`, `y` that broadcast together.
    Attributes: `activation` that is applied to the sum.
    Constraints: (C1) One element type. (C2) The shapes broadcast. (C3) At most six axes where they
    differ. (C4) `activation` is none, relu, relu_n1_to_1 or relu6.

    >>> add(np.array([[1.0], [2.0]]), np.array([10.0, 20.0])).tolist()
    [[11.0, 21.0], [12.0, 22.0]]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return activate(np.asarray(np.add(x, y)), activation)


@op(infer=broadcast_type, dtypes=REALS)
def sub(x: Array, y: Array, *, activation: str = "none") -> Array:
    """Return x - y.

    Inputs: `x`, `y` that broadcast together.
    Attributes: `activation` that is applied to the difference.
    Constraints: (C1) to (C4) of `add`.

    >>> sub(np.array([5, 7]), np.array([2])).tolist()
    [3, 5]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return activate(np.asarray(np.subtract(x, y)), activation)


@op(infer=broadcast_type, dtypes=REALS)
def mul(x: Array, y: Array, *, activation: str = "none") -> Array:
    """Return x times y.

    Inputs: `x`, `y` that broadcast together.
    Attributes: `activation` that is applied to the product.
    Constraints: (C1) to (C4) of `add`.

    >>> mul(np.array([5, 7]), np.array(2)).tolist()
    [10, 14]
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return activate(np.asarray(np.multiply(x, y)), activation)


@op(infer=broadcast_type, dtypes=REALS)
def div(x: Array, y: Array, *, activation: str = "none") -> Array:
    """Return x / y; integers are cut towards zero.

    Inputs: `x`, `y` that broadcast together. An integer divisor of zero is a `RunError`: ONNX says nothing of it, and
    onnxruntime's process traps. The least integer by -1 wraps to itself.
    Attributes: `activation` that is applied to the quotient.
    Constraints: (C1) to (C4) of `add`.

    >>> div(np.array([7, -7], "i4"), np.array([2], "i4")).tolist()
    [3, -3]
    """
    if x.dtype.kind == "f":
        with np.errstate(all="ignore"):
            return activate(np.asarray(np.divide(x, y)), activation)
    _require_nonzero(y, "div")
    with np.errstate(over="ignore"):
        down = np.floor_divide(x, y)
        cut = (np.multiply(down, y) != x) & ((x < 0) != (y < 0))
        return activate(np.asarray(down + cut.astype(x.dtype)), activation)


@op(infer=broadcast_type, dtypes=("f32", "s8", "s16", "s32"))
def floor_div(x: Array, y: Array) -> Array:
    """Return x / y rounded down.

    Inputs: `x`, `y` that broadcast together. A divisor of zero is a `RunError`, also in float32.
    Constraints: (C1) to (C3) of `add`.
    float32 quotients are rounded to float64 before they are rounded down (TFLite, floor_div.h).

    >>> floor_div(np.array([7, -7], "i4"), np.array([2], "i4")).tolist()
    [3, -4]
    """
    _require_nonzero(y, "floor_div")
    with np.errstate(all="ignore"):
        if x.dtype.kind == "f":
            return np.asarray(np.floor(np.divide(x, y, dtype=np.float64))).astype(x.dtype)
        return np.asarray(np.asarray(x, np.int64) // y).astype(x.dtype)


@op(infer=broadcast_type, dtypes=("f32", *INTEGERS))
def floor_mod(x: Array, y: Array) -> Array:
    """Return x - y floor(x / y), which has the sign of `y`.

    Inputs: `x`, `y` that broadcast together. An integer divisor of zero is a `RunError`.
    Constraints: (C1) to (C3) of `add`.
    The remainder of the division that is cut towards zero is exact; where its sign is wrong, `y` is added.

    >>> floor_mod(np.array([7, -7], "i4"), np.array([3], "i4")).tolist()
    [1, 2]
    """
    if x.dtype.kind != "f":
        _require_nonzero(y, "floor_mod")
    with np.errstate(all="ignore"):
        remainder = np.asarray(np.fmod(x, y))
        wrong = (remainder != 0) & ((y < 0) != (remainder < 0))
        return np.where(wrong, remainder + y, remainder)


@op(infer=broadcast_type, dtypes=("f32", "f64", "s8", "s16", "s32", "s64"))
def fmod(x: Array, y: Array) -> Array:
    """Return the exact remainder of the division that is cut towards zero: it has the sign of `x`, as C's fmod.

    Inputs: `x`, `y` that broadcast together. An integer divisor of zero is a `RunError`; of floats it gives NaN.
    Constraints: (C1) to (C3) of `add`.

    >>> fmod(np.array([7, -7], "i4"), np.array([3], "i4")).tolist()
    [1, -1]
    """
    if x.dtype.kind != "f":
        _require_nonzero(y, "fmod")
    with np.errstate(all="ignore"):
        return np.asarray(np.fmod(x, y))


@op(infer=broadcast_type, dtypes=REALS)
def maximum(x: Array, y: Array) -> Array:
    """Return the larger one: x where x > y, else y.

    Inputs: `x`, `y` that broadcast together. Quantized integers are compared as they are stored.
    Constraints: (C1) to (C3) of `add`.

    >>> maximum(np.array([1, 5]), np.array([3])).tolist()
    [3, 5]
    """
    return np.where(x > y, x, y)


@op(infer=broadcast_type, dtypes=REALS)
def minimum(x: Array, y: Array) -> Array:
    """Return the smaller one: x where x < y, else y.

    Inputs: `x`, `y` that broadcast together. Quantized integers are compared as they are stored.
    Constraints: (C1) to (C3) of `add`.

    >>> minimum(np.array([1, 5]), np.array([3])).tolist()
    [1, 3]
    """
    return np.where(x < y, x, y)


@op(infer=broadcast_type, dtypes=("f32", "f64", "s32", "s64"))
def pow(x: Array, y: Array) -> Array:
    """Return x to the power of y, as C's pow.

    Inputs: `x`, `y` that broadcast together. A negative integer exponent is a `RunError`.
    Constraints: (C1) to (C3) of `add`.

    >>> pow(np.array([2, -3], "i4"), np.array([3], "i4")).tolist()
    [8, -27]
    """
    if x.dtype.kind == "f":
        with np.errstate(all="ignore"):
            return np.asarray(np.power(x, y, dtype=np.float64)).astype(x.dtype)
    if np.any(y < 0):
        raise RunError("pow: an integer exponent is negative")
    return np.asarray(np.power(x, y))


@op(infer=broadcast_type, dtypes=("f32", "s32"))
def squared_difference(x: Array, y: Array) -> Array:
    """Return (x - y) squared.

    Inputs: `x`, `y` that broadcast together.
    Constraints: (C1) to (C3) of `add`.

    >>> squared_difference(np.array([1.0, 5.0], "f"), np.array([3.5], "f")).tolist()
    [6.25, 2.25]
    """
    wide = np.float64 if x.dtype.kind == "f" else x.dtype
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return np.asarray(np.square(np.subtract(x, y, dtype=wide))).astype(x.dtype)


@elementwise
def _infer_add_n(*xs: TensorType) -> TensorType:
    require("C1", len(xs) >= 1, "there is no tensor to add")
    same = all(x.shape == xs[0].shape and x.dtype == xs[0].dtype for x in xs)
    require("C2", same, f"shapes or element types differ: {[(x.shape, x.format) for x in xs]}")
    return xs[0].like(xs[0].shape)


@op(infer=_infer_add_n, dtypes=("f32", "s32"))
def add_n(*xs: Array) -> Array:
    """Return the sum of all `xs`.

    Inputs: any number of tensors of one shape.
    Constraints: (C1) There is at least one. (C2) All have one shape and element type.

    >>> add_n(np.array([1.0, 2.0], "f"), np.array([3.0, 4.0], "f"), np.array([5.0, 6.0], "f")).tolist()
    [9.0, 12.0]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        wide = np.float64 if xs[0].dtype.kind == "f" else xs[0].dtype
        return np.asarray(np.sum(np.stack(xs), axis=0, dtype=wide)).astype(xs[0].dtype)
