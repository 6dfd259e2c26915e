"""Circular and hyperbolic functions and their inverses: computed in float64 and rounded once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import op
from .unary import rounded, same_type

F32 = NDArray[np.float32]


@op(infer=same_type)
def acos(x: F32) -> F32:
    """Return the angle in [0, pi] whose cosine is `x`.

    Inputs: `x` of any shape. Outside of [-1, 1] the result is NaN.

    >>> acos(np.array([1.0, 2.0], "f")).tolist()
    [0.0, nan]
    """
    return rounded(np.arccos, x)


@op(infer=same_type)
def acosh(x: F32) -> F32:
    """Return the number that is not negative and whose hyperbolic cosine is `x`.

    Inputs: `x` of any shape. Below 1 the result is NaN.

    >>> acosh(np.array([1.0, 0.5], "f")).tolist()
    [0.0, nan]
    """
    return rounded(np.arccosh, x)


@op(infer=same_type)
def asin(x: F32) -> F32:
    """Return the angle in [-pi/2, pi/2] whose sine is `x`.

    Inputs: `x` of any shape. Outside of [-1, 1] the result is NaN.

    >>> asin(np.array([0.0, -0.0, 2.0], "f")).tolist()
    [0.0, -0.0, nan]
    """
    return rounded(np.arcsin, x)


@op(infer=same_type)
def asinh(x: F32) -> F32:
    """Return the number whose hyperbolic sine is `x`.

    Inputs: `x` of any shape.

    >>> asinh(np.array([0.0, -np.inf], "f")).tolist()
    [0.0, -inf]
    """
    return rounded(np.arcsinh, x)


@op(infer=same_type)
def atan(x: F32) -> F32:
    """Return the angle in [-pi/2, pi/2] whose tangent is `x`.

    Inputs: `x` of any shape.

    >>> atan(np.array([0.0, -np.inf], "f")).tolist()
    [0.0, -1.5707963705062866]
    """
    return rounded(np.arctan, x)


@op(infer=same_type)
def atanh(x: F32) -> F32:
    """Return the number whose hyperbolic tangent is `x`; of 1 and -1 that is an infinity.

    Inputs: `x` of any shape. Outside of [-1, 1] the result is NaN.

    >>> atanh(np.array([0.0, 1.0, 2.0], "f")).tolist()
    [0.0, inf, nan]
    """
    return rounded(np.arctanh, x)


@op(infer=same_type)
def cosh(x: F32) -> F32:
    r"""Return the hyperbolic cosine: $y = (e^x + e^{-x}) / 2$.

    Inputs: `x` of any shape.

    >>> cosh(np.array([0.0, -100.0], "f")).tolist()
    [1.0, inf]
    """
    return rounded(np.cosh, x)


@op(infer=same_type)
def sinh(x: F32) -> F32:
    r"""Return the hyperbolic sine: $y = (e^x - e^{-x}) / 2$.

    Inputs: `x` of any shape.

    >>> sinh(np.array([0.0, -100.0], "f")).tolist()
    [0.0, -inf]
    """
    return rounded(np.sinh, x)


@op(infer=same_type)
def tan(x: F32) -> F32:
    """Return the tangent of `x` in radians.

    Inputs: `x` of any shape. An infinity gives NaN.

    >>> tan(np.array([0.0], "f")).tolist()
    [0.0]
    """
    return rounded(np.tan, x)
