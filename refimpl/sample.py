"""Sampling images at places that a tensor gives; these are found in float64, by steps that are part of the rule."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require
from .resample import neighbour_weights

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
S64 = NDArray[np.int64]

MODES = {
    "nearest": (0, 1),
    "linear": (0, 2),
    "cubic": (-1, 3),
}  # first and last neighbour of the floor
PADDINGS = ("zeros", "border", "reflection")
KEYS = -0.75  # the coefficient of the cubic
FAR = 2.0**52  # places beyond have no neighbours of their own


def reflected(at: F64, low: float, high: float) -> F64:
    """Fold places outside of [low, high] back at its ends.

    >>> reflected(np.array([-1.0, 3.5, 9.0]), 0.0, 3.0).tolist()
    [1.0, 2.5, 3.0]
    """
    span = high - low
    if span <= 0:
        return at * 0 + low
    below = at < low
    beyond = np.where(below, low - at, np.where(at > high, at - high, 0.0))
    turns = np.floor(beyond / span)
    rest = beyond - turns * span
    even = turns % 2 == 0
    folded = np.where(below == even, low + rest, high - rest)
    return np.where(beyond == 0, at, folded)


def sampled_places(
    grid: F64, size: int, *, mode: str, padding: str, align_corners: bool, normalized: bool
) -> F64:
    """Return the places along an axis of `size` elements; NaN where a coordinate is not finite."""
    at = grid
    if normalized:
        at = (grid + 1) / 2 * (size - 1) if align_corners else ((grid + 1) * size - 1) / 2
    at = np.where(np.abs(at) <= FAR, at, np.where(np.isfinite(at), np.copysign(FAR, at), np.nan))
    if mode == "nearest":
        at = np.rint(at)
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    if padding == "border":
        return np.where((at < low) | (at > high), np.clip(at, 0, size - 1), at)
    return reflected(at, low, high) if padding == "reflection" else at


def neighbours(
    at: F64, size: int, *, mode: str, padding: str, align_corners: bool
) -> tuple[S64, F64]:
    """Return the elements around each place and their weights, along a new last axis; outside weighs nothing."""
    first, last = MODES[mode]
    base = np.floor(np.where(np.isnan(at), 0, at))
    near = base[..., None] + np.arange(first, last, dtype=np.float64)
    weight = np.ones(near.shape)
    if mode != "nearest":
        weight = neighbour_weights(np.where(np.isnan(at), 0, at), mode, KEYS)
    if padding == "zeros":
        weight = np.where((near < 0) | (near > size - 1), 0, weight)
    elif padding == "reflection":
        low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
        near = reflected(near, low, high)
    return np.clip(near, 0, size - 1).astype(np.int64), weight


def _infer_grid_sample(
    x: TensorType,
    grid: TensorType,
    *,
    mode: str = "linear",
    padding: str = "zeros",
    align_corners: bool = False,
    normalized: bool = True,
) -> TensorType:
    n = len(x.shape) - 2
    require("C1", n > 0 and len(grid.shape) > 1, f"x {x.shape}, grid {grid.shape}")
    same = grid.shape[0] == x.shape[0] and grid.shape[-1] == n and grid.dtype == x.dtype
    require("C2", same, f"grid {grid.format} {grid.shape} for x {x.format} {x.shape}")
    require("C3", min(x.shape[1:-1]) > 0, f"nothing to sample in {x.shape}")
    require("C4", mode in MODES and padding in PADDINGS, f"mode {mode}, padding {padding}")
    return x.like((x.shape[0], *grid.shape[1:-1], x.shape[-1]))


def sampled_sums(x: F64, grid: F64, *, absolute: bool = False, **options: Any) -> F64:
    """Return `grid_sample` in float64; or the sums of the |weights| times `x`."""
    normalized = options.pop("normalized")
    size, n = x.shape[1:-1], x.ndim - 2
    found, known = [], np.ones(grid.shape[:-1], np.bool_)
    for a in range(n):
        at = sampled_places(grid[..., n - 1 - a], size[a], normalized=normalized, **options)
        known &= ~np.isnan(at)
        found.append(neighbours(at, size[a], **options))
    image = np.arange(x.shape[0]).reshape(-1, *(1,) * (grid.ndim - 2))
    y = np.zeros((*grid.shape[:-1], x.shape[-1]))
    first = (0,) * n
    for picks in itertools.product(*(range(f[0].shape[-1]) for f in found)):
        weight = np.ones(grid.shape[:-1])
        for (_, w), k in zip(found, picks, strict=True):
            weight = weight * w[..., k]
        places = tuple(index[..., k] for (index, _), k in zip(found, picks, strict=True))
        weight = (np.abs(weight) if absolute else weight)[..., None]
        term = np.where(weight != 0, x[(image, *places)] * weight, 0)
        y = term if picks == first else y + term  # nothing is added to a copy: -0 stays
    return np.where(known[..., None], y, np.nan)


@op(infer=_infer_grid_sample)
def grid_sample(
    x: F32,
    grid: F32,
    *,
    mode: str = "linear",
    padding: str = "zeros",
    align_corners: bool = False,
    normalized: bool = True,
) -> F32:
    r"""Sample `x` at places between its elements.

    $$y_{n,o,c} = \sum_k x_{n,k,c} \prod_a w(k_a - p_a)$$

    where p is the place that grid[n, o] names, w a triangle (linear) or Keys' cubic with coefficient -0.75, of which
    mode nearest takes the one element, ties to even. Coordinates run from -1 to 1: from the middle of the first element
    to that of the last with `align_corners`, else from edge to edge. The last axis of space comes first in the grid.

    Inputs: `x` (N, *S, C), `grid` (N, *O, axes of space).
    Attributes: `mode` nearest, linear or cubic; `padding`, what is outside: zeros, border: the place moves to the
    border, as do elements, or reflection at the border; `align_corners`; not `normalized`: coordinates are places. What
    is not finite among them gives NaN.
    Constraints: (C1) `x` has an axis of space, `grid` two axes. (C2) They have as many images, `grid` a coordinate an
    axis, and the same type. (C3) `x` has no empty axis of space. (C4) Mode and padding are among those.

    >>> x = np.float32([0, 10, 20]).reshape(1, 3, 1)
    >>> grid_sample(x, np.float32([-1, 0.5]).reshape(1, 2, 1), align_corners=True).ravel().tolist()
    [0.0, 15.0]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        y = sampled_sums(
            x.astype(np.float64),
            grid.astype(np.float64),
            mode=mode,
            padding=padding,
            align_corners=align_corners,
            normalized=normalized,
        )
        return y.astype(x.dtype)
