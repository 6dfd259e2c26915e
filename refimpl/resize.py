"""Operators that change the height and width of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import ANY, Array, TensorType, op, require
from .axes import whole_numbers

F32 = NDArray[np.float32]


def _infer_resize(
    x: TensorType,
    size: TensorType,
    *,
    align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> TensorType:
    require("C1", len(x.shape) == 4, f"x is 4-D, got {x.shape}")
    require("C2", size.shape == (2,), f"size is (height, width), got shape {size.shape}")
    h, w = whole_numbers(size)
    require("C3", h > 0 and w > 0 and min(x.shape[1:3]) > 0, f"{x.shape[1:3]} to {(h, w)}")
    return x.like((x.shape[0], h, w, x.shape[3]))


def _infer_resize_bilinear(
    x: TensorType,
    size: TensorType,
    *,
    align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> TensorType:
    require("C4", not (align_corners and half_pixel_centers), "corners or centers, not both")
    return _infer_resize(x, size)


def scale_of(source: int, target: int, align_corners: bool) -> np.float32:
    """Return how many elements of the source one step in the target is, in float32."""
    if align_corners and target > 1:
        return np.float32(source - 1) / np.float32(target - 1)
    return np.float32(source) / np.float32(target)


def bilinear_axis(
    source: int, target: int, align_corners: bool, half_pixel_centers: bool
) -> tuple[Array, Array, F32]:
    """Return, for each target position, both neighbours and the float32 weight of the upper one.

    The weight is negative before the first centre, where both neighbours are the same.

    >>> [v.tolist() for v in bilinear_axis(2, 4, False, False)]
    [[0, 0, 1, 1], [0, 1, 1, 1], [0.0, 0.5, 0.0, 0.5]]
    """
    scale, half = scale_of(source, target, align_corners), np.float32(0.5)
    at = np.arange(target, dtype=np.float32)
    at = (at + half) * scale - half if half_pixel_centers else at * scale
    lower = np.clip(np.floor(at).astype(np.int64), 0, source - 1)
    upper = np.minimum(np.ceil(at).astype(np.int64), source - 1)
    return lower, upper, at - lower.astype(np.float32)


@op(infer=_infer_resize_bilinear, static=("size",))
def resize_bilinear(
    x: F32, size: Array, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> F32:
    """Resize images; each element is a weighted mean of the four around its place in the source.

    y = (x00 (1 - f) + x10 f) (1 - g) + (x01 (1 - f) + x11 f) g, with f, g the fractions of the place in
    rows and columns. Places are found in float32, as TFLite does (`resize_bilinear.h`); they are part of
    the definition.

    Inputs: `x` (N, H, W, C); `size` integers (2,): height and width of the result.
    Attributes: `align_corners`: the corner elements keep their place; `half_pixel_centers`: an element
    stands in the middle of its square.
    Constraints: (C1) `x` is 4-D. (C2) `size` has two elements. (C3) They are positive, and so are H and
    W. (C4) At most one of the attributes is set.

    >>> x = np.array([0, 2], "f").reshape(1, 1, 2, 1)
    >>> resize_bilinear(x, np.array([1, 4])).ravel().tolist()
    [0.0, 1.0, 2.0, 2.0]
    """
    h, w = whole_numbers(size)
    top, bottom, f = bilinear_axis(x.shape[1], h, align_corners, half_pixel_centers)
    left, right, g = bilinear_axis(x.shape[2], w, align_corners, half_pixel_centers)
    rows, cols = f.astype(np.float64)[:, None, None], g.astype(np.float64)[:, None]
    wide = x.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        y = wide[:, top][:, :, left] * (1 - rows) * (1 - cols)
        y += wide[:, bottom][:, :, left] * rows * (1 - cols)
        y += wide[:, top][:, :, right] * (1 - rows) * cols
        y += wide[:, bottom][:, :, right] * rows * cols
        return y.astype(x.dtype)


def nearest_axis(source: int, target: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """Return the source position for each target position: rounded half up if corners are aligned, else down.

    >>> nearest_axis(2, 5, False, False).tolist()
    [0, 0, 0, 1, 1]
    """
    at = np.arange(target, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0)
    at = at * scale_of(source, target, align_corners)
    # the sum is exact in float64, so that this is rounding half away from zero
    at = np.floor(at.astype(np.float64) + 0.5) if align_corners else np.floor(at)
    return np.minimum(at.astype(np.int64), source - 1)


@op(infer=_infer_resize, dtypes=ANY, moves=True, static=("size",))
def resize_nearest_neighbor(
    x: Array, size: Array, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Array:
    """Resize images; each element is a copy of the one nearest to its place in the source.

    Places are found in float32, as TFLite does (`resize_nearest_neighbor.h`), and are part of the definition.

    Inputs: `x` (N, H, W, C) of any type; `size` integers (2,): height and width of the result.
    Attributes: as in `resize_bilinear`; here both may be set.
    Constraints: (C1) `x` is 4-D. (C2) `size` has two elements. (C3) They are positive, and so are H and W.

    >>> x = np.array([1, 2]).reshape(1, 1, 2, 1)
    >>> resize_nearest_neighbor(x, np.array([1, 4])).ravel().tolist()
    [1, 1, 2, 2]
    """
    h, w = whole_numbers(size)
    rows = nearest_axis(x.shape[1], h, align_corners, half_pixel_centers)
    cols = nearest_axis(x.shape[2], w, align_corners, half_pixel_centers)
    return x[:, rows][:, :, cols]
