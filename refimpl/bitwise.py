"""Integers as rows of bits."""

from __future__ import annotations

import numpy as np

from ..ir import Array, TensorType, elementwise, op, require
from .binary import INTEGERS, broadcast_type
from .unary import same_type

UNSIGNED = ("u8", "u16", "u32", "u64")


@op(infer=broadcast_type, dtypes=INTEGERS)
def bitwise_and(x: Array, y: Array) -> Array:
    """Return the bits that both have.

    Inputs: `x`, `y`, integers that broadcast together.
    Constraints: (C1) to (C3) of `add`.

    >>> bitwise_and(np.array([12, 7], "u1"), np.array([10], "u1")).tolist()
    [8, 2]
    """
    return np.asarray(np.bitwise_and(x, y))


@op(infer=broadcast_type, dtypes=INTEGERS)
def bitwise_or(x: Array, y: Array) -> Array:
    """Return the bits that at least one has.

    Inputs: `x`, `y`, integers that broadcast together.
    Constraints: (C1) to (C3) of `add`.

    >>> bitwise_or(np.array([12, 7], "u1"), np.array([10], "u1")).tolist()
    [14, 15]
    """
    return np.asarray(np.bitwise_or(x, y))


@op(infer=broadcast_type, dtypes=INTEGERS)
def bitwise_xor(x: Array, y: Array) -> Array:
    """Return the bits that just one has.

    Inputs: `x`, `y`, integers that broadcast together.
    Constraints: (C1) to (C3) of `add`.

    >>> bitwise_xor(np.array([12, 7], "u1"), np.array([10], "u1")).tolist()
    [6, 13]
    """
    return np.asarray(np.bitwise_xor(x, y))


@op(infer=same_type, dtypes=INTEGERS)
def bitwise_not(x: Array) -> Array:
    """Turn every bit.

    Inputs: `x`, integers of any shape.

    >>> bitwise_not(np.array([0, 5], "i1")).tolist()
    [-1, -6]
    """
    return np.asarray(np.invert(x))


@elementwise
def _infer_shift(x: TensorType, y: TensorType, *, direction: str = "left") -> TensorType:
    require("C4", direction in ("left", "right"), f"direction {direction!r} is not left or right")
    return broadcast_type(x, y)


@op(infer=_infer_shift, dtypes=UNSIGNED)
def bit_shift(x: Array, y: Array, *, direction: str = "left") -> Array:
    """Move the bits of `x` by `y` places: x 2^y modulo the type, or x / 2^y rounded down.

    Inputs: `x`, `y`, unsigned integers that broadcast together. Of as many places as there are bits, or more, 0 is
    left; C and ONNX leave that open.
    Attributes: `direction`, left or right.
    Constraints: (C1) to (C3) of `add`. (C4) `direction` is left or right.

    >>> bit_shift(np.array([16, 200], "u1"), np.array([1, 9], "u1"), direction="right").tolist()
    [8, 0]
    """
    shift = np.left_shift if direction == "left" else np.right_shift
    bits = 8 * x.dtype.itemsize
    places = np.minimum(y, y.dtype.type(bits - 1))
    return np.where(y < bits, shift(x, places), x.dtype.type(0))
