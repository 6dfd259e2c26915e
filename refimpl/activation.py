"""Activation functions, alone and fused (`activate`), of floats: computed in float64 and rounded once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, elementwise, op, require
from .unary import same_type

F32 = NDArray[np.float32]

# The least and the largest value that each fused activation lets through.
ACTIVATIONS: dict[str, tuple[float, float]] = {
    "none": (-np.inf, np.inf),
    "relu": (0.0, np.inf),
    "relu_n1_to_1": (-1.0, 1.0),
    "relu6": (0.0, 6.0),
}


def require_activation(label: str, activation: str) -> None:
    """Raise constraint `label` unless `activation` can be fused."""
    require(
        label, activation in ACTIVATIONS, f"activation {activation!r} is none of {[*ACTIVATIONS]}"
    )


def activate(y: Array, activation: str) -> Array:
    """Clamp `y` to the range of the fused `activation`. NaN stays, -0 stays; the type is kept.

    `y` has been rounded to its type: then the operator with the activation gives the bits of both one after the other.

    >>> activate(np.array([-2.0, 3.0, 9.0]), "relu6").tolist()
    [0.0, 3.0, 6.0]
    """
    low, high = ACTIVATIONS[activation]
    if low > -np.inf and y.dtype.kind != "u":
        y = np.where(y < low, y.dtype.type(low), y)
    if high < np.inf:
        y = np.where(y > high, y.dtype.type(high), y)
    return y


@op(infer=same_type)
def relu(x: F32) -> F32:
    """Replace negative elements by zero: y = max(x, 0).

    Inputs: `x` of any shape. NaN and -0 pass.

    >>> relu(np.array([-1.5, 2.5], "f")).tolist()
    [0.0, 2.5]
    """
    return activate(x, "relu")


@op(infer=same_type)
def relu6(x: F32) -> F32:
    """Clamp to [0, 6]: y = min(max(x, 0), 6).

    Inputs: `x` of any shape. NaN and -0 pass.

    >>> relu6(np.array([-1.5, 2.5, 7], "f")).tolist()
    [0.0, 2.5, 6.0]
    """
    return activate(x, "relu6")


@op(infer=same_type)
def relu_n1_to_1(x: F32) -> F32:
    """Clamp to [-1, 1]: y = min(max(x, -1), 1).

    Inputs: `x` of any shape. NaN passes.

    >>> relu_n1_to_1(np.array([-1.5, 0.5, 7], "f")).tolist()
    [-1.0, 0.5, 1.0]
    """
    return activate(x, "relu_n1_to_1")


@op(infer=same_type)
def leaky_relu(x: F32, *, alpha: float = 0.2) -> F32:
    """Scale negative elements: y = x where x > 0, else alpha x.

    Inputs: `x` of any shape.
    Attributes: `alpha`, rounded to float32.

    >>> leaky_relu(np.array([-4, 3], "f"), alpha=0.25).tolist()
    [-1.0, 3.0]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (x.astype(np.float64) * np.float64(np.float32(alpha))).astype(x.dtype)
    return np.where(x > 0, x, scaled)


@elementwise
def _infer_prelu(x: TensorType, alpha: TensorType) -> TensorType:
    require("C1", alpha.dtype == x.dtype, f"x is {x.format} but alpha is {alpha.format}")
    sizes = zip(reversed(alpha.shape), reversed(x.shape), strict=False)
    fits = len(alpha.shape) <= len(x.shape) and all(a in (1, n) for a, n in sizes)
    require("C2", fits, f"alpha {alpha.shape} does not broadcast to x {x.shape}")
    require("C3", len(x.shape) <= 4 or x.shape == alpha.shape, f"x has {len(x.shape)} axes")
    return x.like(x.shape)


@op(infer=_infer_prelu)
def prelu(x: F32, alpha: F32) -> F32:
    """Scale negative elements by their own factor: y = x where x >= 0, else alpha x.

    Inputs: `x` of any shape; `alpha` broadcasts to it.
    Constraints: (C1) One element type. (C2) `alpha` broadcasts to the shape of `x`.
    (C3) At most four axes where it broadcasts.

    >>> prelu(np.array([[-4, 3], [-4, -2]], "f"), np.array([0.5, 2], "f")).tolist()
    [[-2.0, 3.0], [-2.0, -4.0]]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (x.astype(np.float64) * alpha).astype(x.dtype)
    return np.where(x >= 0, x, scaled)


@op(infer=same_type)
def logistic(x: F32) -> F32:
    r"""Squash to (0, 1): $y = 1 / (1 + e^{-x})$.

    Inputs: `x` of any shape.

    >>> logistic(np.array([-200, 0, 200], "f")).tolist()
    [0.0, 0.5, 1.0]
    """
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))), x.dtype)


@op(infer=same_type)
def tanh(x: F32) -> F32:
    r"""Squash to (-1, 1): $y = (e^x - e^{-x}) / (e^x + e^{-x})$.

    Inputs: `x` of any shape.

    >>> tanh(np.array([-20, 0, 20], "f")).tolist()
    [-1.0, 0.0, 1.0]
    """
    return np.asarray(np.tanh(x.astype(np.float64)), x.dtype)


@op(infer=same_type)
def hard_swish(x: F32) -> F32:
    """Approximate x logistic(x) by pieces: y = x min(max(x + 3, 0), 6) / 6.

    Inputs: `x` of any shape.

    >>> hard_swish(np.array([-4, 0, 1.5, 5], "f")).tolist()
    [-0.0, 0.0, 1.125, 5.0]
    """
    wide = np.asarray(x, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(wide * activate(wide + 3, "relu6") / 6, x.dtype)


@op(infer=same_type)
def elu(x: F32, *, alpha: float = 1.0) -> F32:
    r"""Bend what is negative: y = x for x >= 0, else $\alpha (e^x - 1)$.

    Inputs: `x` of any shape. NaN and -0 pass.
    Attributes: `alpha`, a float32.

    >>> elu(np.array([2, 0, -np.inf], "f")).tolist()
    [2.0, 0.0, -1.0]
    """
    wide = np.asarray(x, np.float64)
    with np.errstate(invalid="ignore"):
        bent = np.float64(np.float32(alpha)) * np.expm1(np.minimum(wide, 0))
    return np.where(wide >= 0, x, bent).astype(x.dtype)


ERFC = np.frompyfunc(math.erfc, 1, 1)
# The cubic of the approximation by tanh (Hendrycks and Gimpel, 2016).
GELU_CUBIC = 0.044715


@op(infer=same_type)
def gelu(x: F32, *, approximate: bool = False) -> F32:
    r"""Weigh by the normal distribution: $y = x \Phi(x) = x/2\;(1 + \mathrm{erf}(x/\sqrt 2))$.

    Inputs: `x` of any shape; negative infinity gives NaN.
    Attributes: `approximate`: $y = x/2\;(1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715 x^3)))$ instead.

    >>> gelu(np.array([-1, 0, 1], "f")).round(4).tolist()
    [-0.15870000422000885, 0.0, 0.8413000106811523]
    """
    wide = x.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        if approximate:
            inner = math.sqrt(8 / math.pi) * (wide + GELU_CUBIC * wide**3)
            share = 1 / (1 + np.exp(-inner))
        else:
            share = np.asarray(ERFC(-wide / math.sqrt(2)), np.float64) / 2
        return np.asarray(wide * share, x.dtype)
