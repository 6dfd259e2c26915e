"""Functions of one tensor, element by element. floats are computed in float64 and rounded once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, elementwise, op

F32 = NDArray[np.float32]


@elementwise
def same_type(x: TensorType, **attributes: Any) -> TensorType:
    """Return the shape and the element type of `x`: the shape rule of an elementwise operator."""
    return x.like(x.shape)


def rounded(function: Callable[[Any], Any], x: F32) -> F32:
    """Apply a float64 function; a pole gives an infinity, an argument outside of the domain NaN."""
    with np.errstate(all="ignore"):
        return np.asarray(function(np.asarray(x, np.float64)), x.dtype)


@op(infer=same_type, dtypes=("f32", "f64", "s8", "s16", "s32", "s64"))
def abs(x: Array) -> Array:
    """Return the magnitude: y = |x|.

    Inputs: `x` of any shape; a float or signed integers, of which the least stays as it is.

    >>> abs(np.array([-1.5, 2], "f")).tolist()
    [1.5, 2.0]
    """
    return np.asarray(np.abs(x))


@op(infer=same_type)
def ceil(x: F32) -> F32:
    """Round up to a whole number.

    Inputs: `x` of any shape.

    >>> ceil(np.array([-1.5, 2.25], "f")).tolist()
    [-1.0, 3.0]
    """
    return np.asarray(np.ceil(x))


@op(infer=same_type)
def cos(x: F32) -> F32:
    """Return the cosine of `x` in radians.

    Inputs: `x` of any shape. An infinity gives NaN.

    >>> cos(np.array([0.0], "f")).tolist()
    [1.0]
    """
    return rounded(np.cos, x)


@op(infer=same_type, dtypes=("f32", "f64"))
def exp(x: F32) -> F32:
    """Return e to the power of `x`.

    Inputs: `x` of any shape.

    >>> exp(np.array([0.0, -np.inf, 1000.0], "f")).tolist()
    [1.0, 0.0, inf]
    """
    return rounded(np.exp, x)


@op(infer=same_type)
def floor(x: F32) -> F32:
    """Round down to a whole number.

    Inputs: `x` of any shape.

    >>> floor(np.array([-1.5, 2.25], "f")).tolist()
    [-2.0, 2.0]
    """
    return np.asarray(np.floor(x))


@op(infer=same_type, dtypes=("f32", "f64"))
def log(x: F32) -> F32:
    """Return the natural logarithm; of 0 it is -inf, of a negative number NaN.

    Inputs: `x` of any shape.

    >>> log(np.array([1.0, 0.0], "f")).tolist()
    [0.0, -inf]
    """
    return rounded(np.log, x)


@op(infer=same_type)
def round(x: F32) -> F32:
    """Round to the nearest whole number, halves to the even one.

    Inputs: `x` of any shape.

    >>> round(np.array([-1.5, 0.5, 2.5, 2.75], "f")).tolist()
    [-2.0, 0.0, 2.0, 3.0]
    """
    return np.asarray(np.rint(x))


@op(infer=same_type)
def rsqrt(x: F32) -> F32:
    r"""Return the reciprocal of the square root: $y = 1 / \sqrt{x}$.

    Inputs: `x` of any shape. A zero gives an infinity of its sign, a negative number NaN.

    >>> rsqrt(np.array([0.25, 4], "f")).tolist()
    [2.0, 0.5]
    """
    return rounded(lambda wide: 1 / np.sqrt(wide), x)


@op(infer=same_type, dtypes=("f32", "s8", "s16", "s32", "s64"))
def sign(x: Array) -> Array:
    """Return 1 for what is positive, -1 for what is negative, 0 for zeros.

    Inputs: `x` of any shape; a float or signed integers. A zero loses its sign; NaN stays.

    >>> sign(np.array([-1.5, -0.0, 2], "f")).tolist()
    [-1.0, 0.0, 1.0]
    """
    return np.asarray(np.sign(x))


@op(infer=same_type)
def sin(x: F32) -> F32:
    """Return the sine of `x` in radians.

    Inputs: `x` of any shape. An infinity gives NaN.

    >>> sin(np.array([0.0], "f")).tolist()
    [0.0]
    """
    return rounded(np.sin, x)


@op(infer=same_type, dtypes=("f32", "f64"))
def sqrt(x: F32) -> F32:
    r"""Return the square root: $y = \sqrt{x}$.

    Inputs: `x` of any shape. A negative number gives NaN.

    >>> sqrt(np.array([0.25, 4], "f")).tolist()
    [0.5, 2.0]
    """
    return rounded(np.sqrt, x)


@op(infer=same_type)
def square(x: F32) -> F32:
    """Return x times x.

    Inputs: `x` of any shape.

    >>> square(np.array([-1.5, 2], "f")).tolist()
    [2.25, 4.0]
    """
    return rounded(np.square, x)


@op(infer=same_type, dtypes=("f32", "f64", "s8", "s16", "s32", "s64"))
def neg(x: Array) -> Array:
    """Return minus x.

    Inputs: `x` of any shape; a float or signed integers, of which the least stays as it is.

    >>> neg(np.array([-1.5, 2], "f")).tolist()
    [1.5, -2.0]
    """
    return np.asarray(np.negative(x))


ERF = np.frompyfunc(math.erf, 1, 1)


@op(infer=same_type)
def erf(x: F32) -> F32:
    r"""Return the error function: $y = 2/\sqrt{\pi} \int_0^x e^{-t^2} dt$.

    Inputs: `x` of any shape.

    >>> erf(np.array([-9, 0, 0.5], "f")).round(4).tolist()
    [-1.0, 0.0, 0.5205000042915344]
    """
    return np.asarray(ERF(x.astype(np.float64)), x.dtype)
