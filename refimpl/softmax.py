"""Softmax and its logarithm along the last axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require

F32 = NDArray[np.float32]


def _infer_softmax(x: TensorType, *, beta: float = 1.0) -> TensorType:
    require(
        "C1", len(x.shape) > 0 and x.shape[-1] > 0, f"the last axis of x {x.shape} has elements"
    )
    return x.like(x.shape)


@op(infer=_infer_softmax)
def softmax(x: F32, *, beta: float = 1.0) -> F32:
    r"""Turn each row into weights that add up to one.

    $$y_i = \frac{e^{\beta (x_i - \max x)}}{\sum_j e^{\beta (x_j - \max x)}}$$

    Inputs: `x` (..., C). A row with NaN or +Inf gives NaN.
    Attributes: `beta`, the inverse temperature, a float32.
    Constraints: (C1) The last axis exists and has elements.

    >>> softmax(np.float32([[0, np.log(3)]])).tolist()
    [[0.25, 0.75]]
    """
    with np.errstate(invalid="ignore", under="ignore"):
        centered = x.astype(np.float64) - x.max(axis=-1, keepdims=True)
        powers = np.exp(centered * float(np.float32(beta)))
        return (powers / powers.sum(axis=-1, keepdims=True)).astype(x.dtype)


def _infer_log_softmax(x: TensorType) -> TensorType:
    return _infer_softmax(x)


@op(infer=_infer_log_softmax)
def log_softmax(x: F32) -> F32:
    r"""Return the logarithm of the softmax of each row.

    $$y_i = x_i - \max x - \ln \sum_j e^{x_j - \max x}$$

    Inputs: `x` (..., C). A row with NaN or +Inf gives NaN.
    Constraints: (C1) The last axis exists and has elements.

    >>> np.exp(log_softmax(np.float32([[0, np.log(3)]]))).round(6).tolist()
    [[0.25, 0.75]]
    """
    with np.errstate(invalid="ignore", under="ignore", over="ignore"):
        centered = x.astype(np.float64) - x.max(axis=-1, keepdims=True)
        total = np.exp(centered).sum(axis=-1, keepdims=True)
        return (centered - np.log(total)).astype(x.dtype)
