"""Normalisation along channels: to unit length, and by the energy of the neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require
from .activation import activate, require_activation

F32 = NDArray[np.float32]

# The least length that a vector is divided by, as float32 (TFLite, kernels/l2norm.cc).
LEAST_NORM = float(np.float32(1e-6))


def _infer_l2(x: TensorType, *, activation: str = "none") -> TensorType:
    require("C1", len(x.shape) >= 1, "x is a scalar")
    require_activation("C2", activation)
    return x.like(x.shape)


@op(infer=_infer_l2)
def l2_normalization(x: F32, *, activation: str = "none") -> F32:
    r"""Scale the vectors along the last axis to length 1: $y = x / \max(\|x\|_2, 10^{-6})$.

    Inputs: `x` of at least one axis.
    Attributes: `activation`, fused.
    Constraints: (C1) `x` is no scalar. (C2) The activation can be fused.

    >>> l2_normalization(np.array([[3, 4], [0, 0]], "f")).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    wide = x.astype(np.float64)
    with np.errstate(invalid="ignore"):
        norm = np.sqrt(np.sum(wide * wide, axis=-1, keepdims=True))
        return activate((wide / np.maximum(norm, LEAST_NORM)).astype(x.dtype), activation)


def _infer_lrn(
    x: TensorType,
    *,
    radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> TensorType:
    require("C1", len(x.shape) == 4, f"x has {len(x.shape)} axes, not 4")
    require("C2", radius >= 0, f"radius {radius}")
    return x.like(x.shape)


def neighbours(channel: int, radius: int, channels: int) -> tuple[int, int]:
    """Return the [first, last) channel whose energy divides `channel`.

    TFLite leaves the farthest on the right out, which TensorFlow counts.

    >>> neighbours(4, 2, 6)
    (2, 6)
    """
    return max(0, channel - radius), min(channels, channel + radius)


@op(infer=_infer_lrn)
def local_response_normalization(
    x: F32, *, radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> F32:
    r"""Divide by the energy of neighbouring channels.

    $y_c = x_c (bias + alpha \sum_{k=c-radius}^{c+radius-1} x_k^2)^{-beta}$

    Inputs: `x` (N, H, W, C).
    Attributes: `radius`; `bias`, `alpha`, `beta`, rounded to float32.
    Constraints: (C1) Four axes. (C2) `radius` is not negative.
    The window is that of TFLite (reference_ops.h): it ends before c + radius.

    >>> local_response_normalization(np.full((1, 1, 1, 2), 2, "f"), bias=0.0).ravel().round(3).tolist()
    [0.7070000171661377, 0.7070000171661377]
    """
    wide = x.astype(np.float64)
    bias, alpha, beta = (float(np.float32(v)) for v in (bias, alpha, beta))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        energy = np.zeros_like(wide)
        for c in range(x.shape[3]):
            first, last = neighbours(c, radius, x.shape[3])
            energy[..., c] = np.sum(wide[..., first:last] ** 2, axis=-1)
        return (wide * (bias + alpha * energy) ** -beta).astype(x.dtype)
