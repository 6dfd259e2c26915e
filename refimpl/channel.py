"""What channels have for themselves: a factor and a summand, given ones or those of a normalization."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require
from .activation import activate, require_activation

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def along(values: F32, rank: int, axis: int) -> F64:
    """Return `values` in float64, shaped to stand along the axes from `axis` on of `rank` axes.

    >>> along(np.ones((3, 2), "f"), 4, -3).shape
    (3, 2, 1)
    """
    after = rank - axis % rank - values.ndim
    return values.astype(np.float64).reshape(*values.shape, *[1] * after)


def _require_channels(label: str, x: TensorType, axis: int, **given: TensorType | None) -> None:
    """Require vectors of the type of `x` with an element for each channel."""
    wanted = (x.shape[axis],)
    for name, t in given.items():
        require(label, t is None or t.shape == wanted, f"{name} {t and t.shape}, not {wanted}")
        require(label, t is None or t.dtype == x.dtype, f"{name} is {t and t.dtype}, not {x.dtype}")


def _infer_batch_norm(
    x: TensorType,
    mean: TensorType,
    variance: TensorType,
    scale: TensorType | None = None,
    offset: TensorType | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> TensorType:
    rank = len(x.shape)
    require("C1", -rank <= axis < rank, f"axis {axis} of x {x.shape}")
    given = {"mean": mean, "variance": variance, "scale": scale, "offset": offset}
    _require_channels("C2", x, axis, **given)
    require("C3", epsilon >= 0, f"epsilon {epsilon}")
    return x.like(x.shape)


@op(infer=_infer_batch_norm)
def batch_norm(
    x: F32,
    mean: F32,
    variance: F32,
    scale: F32 | None = None,
    offset: F32 | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> F32:
    r"""Normalize channels by a mean and a variance that were found before.

    $y = (x - mean) / \sqrt{variance + \epsilon} \cdot scale + offset$

    Inputs: `x` of any shape; `mean` and `variance` (C,), `scale` (C,), ones if absent, and `offset` (C,), zeros if
    absent, for the C channels along `axis`.
    Attributes: `axis`; `epsilon`, rounded to float32.
    Constraints: (C1) `axis` is one of `x`. (C2) The others are vectors with an element a channel, of the type of `x`.
    (C3) `epsilon` is not negative.

    >>> batch_norm(np.float32([[1, 6]]), np.float32([1, 2]), np.float32([1, 4]), epsilon=0.0).tolist()
    [[0.0, 2.0]]
    """
    middle, spread = (along(v, x.ndim, axis) for v in (mean, variance))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        y = (x - middle) / np.sqrt(spread + float(np.float32(epsilon)))
        y = y if scale is None else y * along(scale, x.ndim, axis)
        y = y if offset is None else y + along(offset, x.ndim, axis)
        return np.asarray(y, x.dtype)


def _infer_instance_norm(
    x: TensorType,
    scale: TensorType,
    offset: TensorType,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> TensorType:
    rank = len(x.shape)
    require("C1", rank > 1, f"x {x.shape} has no channels")
    require("C2", -rank <= axis < rank and axis % rank > 0, f"axis {axis} of x {x.shape}")
    _require_channels("C3", x, axis, scale=scale, offset=offset)
    require("C4", epsilon >= 0, f"epsilon {epsilon}")
    return x.like(x.shape)


@op(infer=_infer_instance_norm)
def instance_norm(x: F32, scale: F32, offset: F32, *, axis: int = -1, epsilon: float = 1e-5) -> F32:
    r"""Move each channel of each element of a batch to mean 0 and variance 1, then scale and shift it.

    $y = (x - m) / \sqrt{v + \epsilon} \cdot scale + offset$, with the mean $m$ of the channel, and $v$ of $(x - m)^2$
    (Ulyanov et al., Instance Normalization, 2016).

    Inputs: `x` (N, ..., C, ...), with the channels along `axis`; `scale` and `offset` (C,).
    Attributes: `axis`; `epsilon`, rounded to float32.
    Constraints: (C1) Two axes at least. (C2) `axis` is one of `x`, not the first. (C3) `scale` and `offset` have an
    element a channel, of the type of `x`. (C4) `epsilon` is not negative.

    >>> x, one = np.float32([[[1, 5], [3, 5]]]), np.ones(2, "f")
    >>> instance_norm(x, one, one, epsilon=0.0625).round(3).tolist()
    [[[0.029999999329447746, 1.0], [1.9700000286102295, 1.0]]]
    """
    wide, axes = x.astype(np.float64), tuple(a for a in range(1, x.ndim) if a != axis % x.ndim)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        centred = wide - wide.mean(axes, keepdims=True) if x.size else wide
        variance = np.mean(centred**2, axes, keepdims=True) if x.size else centred
        y = centred / np.sqrt(variance + float(np.float32(epsilon)))
        return np.asarray(y * along(scale, x.ndim, axis) + along(offset, x.ndim, axis), x.dtype)


def _infer_scale(
    x: TensorType,
    factor: TensorType,
    offset: TensorType | None = None,
    *,
    axis: int = -1,
    activation: str = "none",
) -> TensorType:
    rank = len(x.shape)
    require("C1", -rank <= axis < rank, f"axis {axis} of x {x.shape}")
    first = axis % rank
    wanted = x.shape[first : first + len(factor.shape)]
    require("C2", factor.shape == wanted and factor.dtype == x.dtype, f"factor {factor}, x {x}")
    same = offset is None or (offset.shape, offset.dtype) == (factor.shape, factor.dtype)
    require("C3", same, f"offset {offset}, factor {factor}")
    require_activation("C4", activation)
    return x.like(x.shape)


@op(infer=_infer_scale)
def scale(
    x: F32, factor: F32, offset: F32 | None = None, *, axis: int = -1, activation: str = "none"
) -> F32:
    """Multiply by a factor and add a summand, each the same along the other axes: y = x factor + offset.

    Inputs: `x` of any shape; `factor` of the shape of `x` from `axis` on, as far as it reaches; optional `offset`.
    Attributes: `axis`, the first that `factor` has; `activation`, fused.
    Constraints: (C1) `axis` is one of `x`. (C2) `factor` has the sizes of `x` from there on, and its type. (C3)
    `offset` is like `factor`. (C4) The activation can be fused.

    >>> scale(np.float32([[1, 2], [3, 4]]), np.float32([2, 10]), np.float32([0, 1]), axis=0).tolist()
    [[2.0, 4.0], [31.0, 41.0]]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        y = x * along(factor, x.ndim, axis)
        y = y if offset is None else y + along(offset, x.ndim, axis)
        return activate(np.asarray(y, x.dtype), activation)
