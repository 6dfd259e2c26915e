"""Activation functions beyond those that TFLite has: smooth gates, and pieces of lines. float64, rounded once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, elementwise, op, require
from .unary import rounded, same_type

F32 = NDArray[np.float32]


def single(value: float) -> np.float64:
    """Return an attribute as the float32 that model files hold."""
    return np.float64(np.float32(value))


@op(infer=same_type)
def softplus(x: F32) -> F32:
    r"""Smooth relu: $y = \ln(1 + e^x)$.

    Inputs: `x` of any shape.

    >>> softplus(np.array([-200, 200], "f")).tolist()
    [0.0, 200.0]
    """
    return rounded(lambda v: np.logaddexp(0.0, v), x)


@op(infer=same_type)
def softsign(x: F32) -> F32:
    """Squash to (-1, 1): y = x / (1 + |x|).

    Inputs: `x` of any shape. An infinity gives NaN.

    >>> softsign(np.array([-1, 0, 3], "f")).tolist()
    [-0.5, 0.0, 0.75]
    """
    return rounded(lambda v: v / (1 + np.abs(v)), x)


# The fixed point that keeps mean 0 and variance 1 (Klambauer et al., 2017), as float32.
SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875


@op(infer=same_type)
def selu(x: F32, *, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA) -> F32:
    r"""Scale an elu: $y = \gamma x$ for x > 0, else $\gamma \alpha (e^x - 1)$.

    Inputs: `x` of any shape.
    Attributes: `alpha`, `gamma`, rounded to float32.

    >>> selu(np.array([2, -np.inf], "f"), alpha=2.0, gamma=0.5).tolist()
    [1.0, -1.0]
    """
    a, c = single(alpha), single(gamma)
    return rounded(lambda v: c * np.where(v > 0, v, a * np.expm1(np.minimum(v, 0))), x)


@elementwise
def _infer_celu(x: TensorType, *, alpha: float = 1.0) -> TensorType:
    require("C1", np.float32(alpha) != 0, "alpha is 0")
    return same_type(x)


@op(infer=_infer_celu)
def celu(x: F32, *, alpha: float = 1.0) -> F32:
    r"""Bend what is negative with slope 1 at 0: $y = \max(x, 0) + \min(\alpha (e^{x / \alpha} - 1), 0)$.

    Inputs: `x` of any shape.
    Attributes: `alpha`, rounded to float32.
    Constraints: (C1) `alpha` is not 0.

    >>> celu(np.array([2, -np.inf], "f"), alpha=2.0).tolist()
    [2.0, -2.0]
    """
    a = single(alpha)
    return rounded(lambda v: np.maximum(v, 0) + np.minimum(a * np.expm1(v / a), 0), x)


@op(infer=same_type)
def mish(x: F32) -> F32:
    r"""Weigh by a squashed softplus: $y = x \tanh(\ln(1 + e^x))$.

    Inputs: `x` of any shape; negative infinity gives NaN.

    >>> mish(np.array([0, 100], "f")).tolist()
    [0.0, 100.0]
    """
    return rounded(lambda v: v * np.tanh(np.logaddexp(0.0, v)), x)


@op(infer=same_type)
def swish(x: F32, *, alpha: float = 1.0) -> F32:
    r"""Weigh by a logistic function: $y = x / (1 + e^{-\alpha x})$.

    Inputs: `x` of any shape; an infinity where the weight is 0 gives NaN.
    Attributes: `alpha`, rounded to float32.

    >>> swish(np.array([0, 100, -200], "f"), alpha=1.0).tolist()
    [0.0, 100.0, -0.0]
    """
    a = single(alpha)

    def weigh(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(v * (1 / (1 + np.exp(-(a * v)))))

    return rounded(weigh, x)


@op(infer=same_type)
def thresholded_relu(x: F32, *, alpha: float = 1.0) -> F32:
    """Keep what exceeds a threshold: y = x where x > alpha, else 0.

    Inputs: `x` of any shape. NaN gives 0.
    Attributes: `alpha`, rounded to float32.

    >>> thresholded_relu(np.array([0.5, 2, np.nan], "f")).tolist()
    [0.0, 2.0, 0.0]
    """
    return np.where(x > single(alpha), x, x.dtype.type(0))


@op(infer=same_type)
def shrink(x: F32, *, bias: float = 0.0, lambd: float = 0.5) -> F32:
    """Move towards 0: y = x + bias where x < -lambd, x - bias where x > lambd, else 0.

    Inputs: `x` of any shape. NaN gives 0.
    Attributes: `bias`, `lambd`, rounded to float32.

    >>> shrink(np.array([-3, 0.25, 2], "f"), bias=1.0).tolist()
    [-2.0, 0.0, 1.0]
    """
    b, far = single(bias), single(lambd)
    zero = np.float64(0)
    return rounded(lambda v: np.where(v < -far, v + b, np.where(v > far, v - b, zero)), x)


@op(infer=same_type)
def hard_sigmoid(x: F32, *, alpha: float = 0.2, beta: float = 0.5) -> F32:
    """Approximate a logistic function by pieces: y = max(0, min(1, alpha x + beta)).

    Inputs: `x` of any shape. NaN stays.
    Attributes: `alpha`, `beta`, rounded to float32.

    >>> hard_sigmoid(np.array([-9, 1, 9], "f"), alpha=0.25).tolist()
    [0.0, 0.75, 1.0]
    """
    a, b = single(alpha), single(beta)
    return rounded(lambda v: np.minimum(np.maximum(a * v + b, 0), 1), x)
