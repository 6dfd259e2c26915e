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
    after: int = -1,
) -> TensorType:
    require("C1", len(x.shape) >= 1, "x is a scalar")
    require("C2", radius >= 0, f"radius {radius}")
    require("C3", after >= -1, f"{after} channels after")
    return x.like(x.shape)


def neighbours(channel: int, radius: int, after: int, channels: int) -> tuple[int, int]:
    """Return the [first, last) channel whose energy divides `channel`.

    TFLite leaves the farthest on the right out, which TensorFlow counts.

    >>> neighbours(4, 2, -1, 6), neighbours(2, 2, 2, 6)
    ((2, 6), (0, 5))
    """
    reach = radius if after < 0 else after + 1
    return max(0, channel - radius), min(channels, channel + reach)


@op(infer=_infer_lrn)
def local_response_normalization(
    x: F32,
    *,
    radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    after: int = -1,
) -> F32:
    r"""Divide by the energy of neighbouring channels.

    $y_c = x_c (bias + alpha \sum_{k=c-radius}^{c+after} x_k^2)^{-beta}$

    Inputs: `x` (..., C).
    Attributes: `radius`, the channels before; `after`, those behind, where -1 stands for radius - 1; `bias`, `alpha`,
    `beta`, rounded to float32.
    Constraints: (C1) `x` is no scalar. (C2) `radius` is not negative. (C3) `after` is -1 at least.
    The window is by default that of TFLite (reference_ops.h): it ends before c + radius.

    >>> local_response_normalization(np.full((1, 1, 1, 2), 2, "f"), bias=0.0).ravel().round(3).tolist()
    [0.7070000171661377, 0.7070000171661377]
    """
    wide = x.astype(np.float64)
    bias, alpha, beta = (float(np.float32(v)) for v in (bias, alpha, beta))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        energy = np.zeros_like(wide)
        for c in range(x.shape[-1]):
            first, last = neighbours(c, radius, after, x.shape[-1])
            energy[..., c] = np.sum(wide[..., first:last] ** 2, axis=-1)
        return (wide * (bias + alpha * energy) ** -beta).astype(x.dtype)


def _infer_layer_norm(
    x: TensorType,
    scale: TensorType,
    bias: TensorType | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> TensorType:
    rank = len(x.shape)
    require("C1", -rank <= axis < rank, f"axis {axis} of x {x.shape}")
    wanted = x.shape[axis:]
    require("C2", scale.shape == wanted, f"scale {scale.shape} is not {wanted}")
    require("C2", bias is None or bias.shape == wanted, f"bias {bias and bias.shape}, not {wanted}")
    require("C2", all(t is None or t.dtype == x.dtype for t in (scale, bias)), "other types")
    require("C3", epsilon >= 0, f"epsilon {epsilon}")
    return x.like(x.shape)


@op(infer=_infer_layer_norm)
def layer_norm(
    x: F32, scale: F32, bias: F32 | None = None, *, axis: int = -1, epsilon: float = 1e-5
) -> F32:
    r"""Move the elements from `axis` on to mean 0 and variance 1, then scale and shift them.

    $y = (x - m) / \sqrt{v + \epsilon} \cdot scale + bias$, with the mean $m$ of x and $v$ of $(x - m)^2$.

    Inputs: `x` of any shape; `scale` and optional `bias` of the shape of `x` from `axis` on.
    Attributes: `axis`, the first that is normalized; `epsilon`, rounded to float32.
    Constraints: (C1) `axis` is one of `x`. (C2) `scale` and `bias` are of that shape and of its type. (C3) `epsilon` is
    not negative.

    >>> layer_norm(np.float32([[1, 3], [2, 2]]), np.ones(2, "f"), np.float32([0, 1]), epsilon=0.0625).round(3).tolist()
    [[-0.9700000286102295, 1.9700000286102295], [0.0, 1.0]]
    """
    wide, axes = x.astype(np.float64), tuple(range(axis % x.ndim, x.ndim))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        centred = wide - wide.mean(axes, keepdims=True) if x.size else wide
        variance = np.mean(centred**2, axes, keepdims=True) if x.size else centred
        y = centred / np.sqrt(variance + float(np.float32(epsilon))) * scale
        return np.asarray(y if bias is None else y + bias, x.dtype)


def _infer_rms_norm(
    x: TensorType, scale: TensorType, *, axis: int = -1, epsilon: float = 1e-5
) -> TensorType:
    rank = len(x.shape)
    require("C1", -rank <= axis < rank, f"axis {axis} of x {x.shape}")
    wanted = x.shape[axis:]
    same = scale.shape == wanted and scale.dtype == x.dtype
    require("C2", same, f"scale {scale} is not {wanted} of {x.format}")
    require("C3", epsilon >= 0, f"epsilon {epsilon}")
    return x.like(x.shape)


@op(infer=_infer_rms_norm)
def rms_norm(x: F32, scale: F32, *, axis: int = -1, epsilon: float = 1e-5) -> F32:
    r"""Divide the elements from `axis` on by the root of their mean square, then scale them.

    $y = x / \sqrt{m + \epsilon} \cdot scale$, with the mean $m$ of $x^2$ (Zhang, Sennrich, Root Mean Square Layer
    Normalization, 2019).

    Inputs: `x` of any shape; `scale` of the shape of `x` from `axis` on.
    Attributes: `axis`, the first that is normalized; `epsilon`, rounded to float32.
    Constraints: (C1) `axis` is one of `x`. (C2) `scale` is of that shape and of its type. (C3) `epsilon` is not
    negative.

    >>> rms_norm(np.float32([[3, 4], [0, 0]]), np.float32([1, 10]), epsilon=3.5).tolist()
    [[0.75, 10.0], [0.0, 0.0]]
    """
    wide, axes = x.astype(np.float64), tuple(range(axis % x.ndim, x.ndim))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        square = np.mean(wide**2, axes, keepdims=True) if x.size else wide
        return np.asarray(wide / np.sqrt(square + float(np.float32(epsilon))) * scale, x.dtype)
