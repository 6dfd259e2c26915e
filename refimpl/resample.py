"""Resizing along any axes, by weights: an element of the result is a weighted sum of those around its place.

Places in the source are found in float64, by the steps of `places`, and so are the scaled distances of `antialias`:
they are part of the definition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, op, require
from .axes import whole_numbers

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
S64 = NDArray[np.int64]
Reals = tuple[float, ...]

TRANSFORMATIONS = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
)
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
REACH = {"linear": 1.0, "cubic": 2.0}  # how far from its middle a weight is above 0


def places(
    source: int, target: int, scale: float, how: str, roi: tuple[float, float] = (0.0, 1.0)
) -> F64:
    """Return the place of each target element in the source, as ONNX defines it (Resize, opset 19).

    >>> places(2, 4, 2.0, "half_pixel").tolist()
    [-0.25, 0.25, 0.75, 1.25]
    """
    i, length = np.arange(target, dtype=np.float64), scale * source
    if how == "align_corners":
        return i * (source - 1) / (length - 1) if length != 1 else i * 0
    if how == "asymmetric":
        return i / scale
    if how == "tf_crop_and_resize":
        if length == 1:
            return i * 0 + ((roi[1] - roi[0]) * (source - 1) / 2 + roi[0] * (source - 1))
        return i * (roi[1] - roi[0]) * (source - 1) / (length - 1) + roi[0] * (source - 1)
    if how == "pytorch_half_pixel" and length <= 1:
        return i * 0
    half = (i + 0.5) / scale - 0.5
    if how == "half_pixel_symmetric":
        return source / 2 * (1 - target / length) + half
    return half


def nearest_places(at: F64, source: int, rounding: str) -> S64:
    """Round places to elements of the source.

    >>> nearest_places(np.array([0.5, 1.5]), 9, "round_prefer_floor").tolist()
    [0, 1]
    """
    rounded = {
        "round_prefer_floor": lambda: np.ceil(at - 0.5),
        "round_prefer_ceil": lambda: np.floor(at + 0.5),
        "floor": lambda: np.floor(at),
        "ceil": lambda: np.ceil(at),
    }[rounding]()
    return np.clip(rounded, 0, source - 1).astype(np.int64)


def shape_of_weights(distance: F64, mode: str, coefficient: float) -> F64:
    """Return the weight at a distance from the place: a triangle, or Keys' cubic.

    >>> shape_of_weights(np.array([0.0, -0.25, 2.0]), "cubic", -0.75).tolist()
    [1.0, 0.87890625, 0.0]
    """
    x, a = np.abs(distance), coefficient
    if mode == "linear":
        return np.maximum(1 - x, 0)
    near = (1 - x) * (1 + x - (a + 2) * x * x)
    far = a * (x - 1) * (x - 2) ** 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def neighbour_weights(at: F64, mode: str, coefficient: float) -> F64:
    """Return the weights of the two or four elements around a place, on a new last axis.

    The polynomials of `shape_of_weights`, in factors of the distances to either side: a small weight is right to some
    roundings of its own.

    >>> neighbour_weights(np.array(2.5), "cubic", -0.75).tolist()
    [-0.09375, 0.59375, 0.59375, -0.09375]
    """
    base, a = np.floor(at), coefficient
    r, s = at - base, base + 1 - at
    if mode == "linear":
        return np.stack([s, r], -1)
    near = [s * (1 + r - (a + 2) * r * r), r * (1 + s - (a + 2) * s * s)]
    return np.stack([a * r * s * s, *near, a * s * r * r], -1)


@dataclass(frozen=True)
class Taps:
    """What each element of the result is made of along one axis: elements of the source, and their weights.

    Attributes:
        index, weight: (target, count); an element is named once in a row, a weight of 0 is nothing.
        outside: the places that lie outside of the source, where that matters.
        size: the sum of the |weights| of all mentions of an element.
    """

    index: S64
    weight: F64
    outside: NDArray[np.bool_]
    size: F64


def axis_taps(
    source: int,
    target: int,
    scale: float,
    *,
    mode: str,
    transformation: str,
    rounding: str,
    coefficient: float,
    exclude_outside: bool,
    antialias: bool,
    roi: tuple[float, float],
) -> Taps:
    """Return the weights along one axis; those beyond an edge count for the element at the edge, or are left out."""
    at = places(source, target, scale, transformation, roi)
    crop = transformation == "tf_crop_and_resize"
    outside = crop & ((at < 0) | (at > source - 1))
    if mode == "nearest":
        index = nearest_places(at, source, rounding)[:, None]
        return Taps(index, np.ones(index.shape), outside, np.ones(index.shape))
    at = np.clip(at, -(2.0**40), 2.0**40)
    base = np.floor(at)
    step = min(scale, 1.0) if antialias else 1.0
    if step < 1:
        reach = math.floor(REACH[mode] / step) + 1
        near = base[:, None] + np.arange(-reach, reach + 2)
        weight = shape_of_weights((near - at[:, None]) * step, mode, coefficient)
    else:
        near = base[:, None] + (np.arange(2) if mode == "linear" else np.arange(-1, 3))
        weight = neighbour_weights(at, mode, coefficient)
    if exclude_outside:
        weight = np.where((near < 0) | (near > source - 1), 0, weight)
    if exclude_outside or step < 1:
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = weight / weight.sum(1, keepdims=True)
    index = np.clip(near, 0, source - 1).astype(np.int64)
    return Taps(index, _joined(index, weight), outside, _joined(index, np.abs(weight)))


def _joined(index: S64, weight: F64) -> F64:
    """Give each first mention of an element the weights of all its mentions in the row; rows are in order."""
    weight = weight.copy()
    for k in range(index.shape[1] - 1, 0, -1):
        again = index[:, k] == index[:, k - 1]
        weight[:, k - 1] += np.where(again, weight[:, k], 0)
        weight[:, k] = np.where(again, 0, weight[:, k])
    return weight


def all_taps(shape: tuple[int, ...], size: tuple[int, ...], **options: Any) -> list[Taps | None]:
    """Return the weights of each axis of a tensor; None where its elements stay."""
    scale = options.pop("scale") or tuple(
        t / s if s else 1.0 for s, t in zip(shape, size, strict=True)
    )
    roi = options.pop("roi") or (0.0,) * len(shape) + (1.0,) * len(shape)
    found: list[Taps | None] = []
    for a, (s, t) in enumerate(zip(shape, size, strict=True)):
        taps = axis_taps(s, t, scale[a], roi=(roi[a], roi[len(shape) + a]), **options)
        one = np.where(taps.weight != 0, taps.index, -1).max(1, initial=-1)
        single = np.all((taps.weight != 0).sum(1) == 1) and np.all(taps.weight.sum(1) == 1)
        stays = s == t and single and np.array_equal(one, np.arange(s)) and not taps.outside.any()
        found.append(None if stays else taps)
    return found


def weighted(x: F64, axis: int, taps: Taps) -> F64:
    """Return the weighted sums along one axis; what has no weight is not met."""
    x = np.moveaxis(x, axis, 0)
    if taps.index.shape[1] == 1:  # copies, to which nothing is added: -0 stays
        return np.moveaxis(x[taps.index[:, 0]], 0, axis)
    y = np.zeros((taps.index.shape[0], *x.shape[1:]))
    spread = (-1,) + (1,) * (x.ndim - 1)
    with np.errstate(invalid="ignore", over="ignore"):
        for index, weight in zip(taps.index.T, taps.weight.T, strict=True):
            w = weight.reshape(spread)
            y += np.where(w != 0, x[index] * w, 0)
    return np.moveaxis(y, 0, axis)


def _infer_resize(
    x: TensorType,
    size: TensorType,
    *,
    mode: str = "linear",
    transformation: str = "half_pixel",
    rounding: str = "round_prefer_floor",
    coefficient: float = -0.75,
    exclude_outside: bool = False,
    antialias: bool = False,
    extrapolation: float = 0.0,
    scale: Reals = (),
    roi: Reals = (),
) -> TensorType:
    rank = len(x.shape)
    require("C1", size.shape == (rank,), f"size has shape {size.shape}, x {rank} axes")
    out = tuple(whole_numbers(size))
    known = mode in ("nearest", *REACH) and transformation in TRANSFORMATIONS
    require("C2", known and rounding in ROUNDINGS, f"{mode}, {transformation}, {rounding}")
    grown = all(t >= 0 and (s > 0 or t == 0) for s, t in zip(x.shape, out, strict=True))
    require("C3", grown, f"{x.shape} to {out}")
    scales = zip(x.shape, scale or (1.0,) * rank, strict=False)
    fits = len(scale) in (0, rank) and all(0.5 <= max(s, 1) * v < math.inf for s, v in scales)
    require("C4", fits, f"scale {scale} of {x.shape}")
    fits = len(roi) in (0, 2 * rank) and all(math.isfinite(v) for v in roi)
    require("C5", fits, f"roi {roi} for {rank} axes")
    return x.like(out)


@op(infer=_infer_resize, static=("size",))
def resize(
    x: F32,
    size: Array,
    *,
    mode: str = "linear",
    transformation: str = "half_pixel",
    rounding: str = "round_prefer_floor",
    coefficient: float = -0.75,
    exclude_outside: bool = False,
    antialias: bool = False,
    extrapolation: float = 0.0,
    scale: Reals = (),
    roi: Reals = (),
) -> F32:
    r"""Resize along all axes: each element is a weighted sum of those around its place in the source.

    $$y_i = \sum_j x_j \prod_a \frac{w(s_a (j_a - p_a(i_a)))}{\sum_k w(s_a (k - p_a(i_a)))}$$

    with w a triangle (linear) or Keys' cubic, p the places that `transformation` names, and s 1, or with `antialias`
    the scale where that is below 1. What would be beyond an edge counts for the element at the edge. Mode nearest takes
    the one element that `rounding` leads to.

    Inputs: `x` of any shape; `size` integers, the shape of the result.
    Attributes: `mode` nearest, linear or cubic; `transformation` half_pixel, half_pixel_symmetric, pytorch_half_pixel,
    align_corners, asymmetric or tf_crop_and_resize; `rounding` round_prefer_floor, round_prefer_ceil, floor or ceil;
    `coefficient` of the cubic; `exclude_outside`: what is beyond an edge has no weight; `antialias`; `extrapolation`:
    the value at places outside of the source, for tf_crop_and_resize; `scale` a number an axis (none: size of the
    result by that of the source); `roi` what is cropped, all beginnings, then all ends (none: 0 and 1).
    Constraints: (C1) `size` has a number an axis. (C2) Mode, transformation and rounding are among those. (C3) Sizes
    are not negative, and 0 where that of `x` is. (C4) Scales leave half an element at least. (C5) `roi` has two finite
    numbers an axis.

    >>> resize(np.float32([1, 3]), np.array([4]), mode="linear").tolist()
    [1.0, 1.5, 2.5, 3.0]
    """
    out = tuple(whole_numbers(size))
    taps = all_taps(
        x.shape,
        out,
        scale=scale,
        roi=roi,
        mode=mode,
        transformation=transformation,
        rounding=rounding,
        coefficient=coefficient,
        exclude_outside=exclude_outside,
        antialias=antialias,
    )
    y = x.astype(np.float64)
    for axis, along in enumerate(taps):
        if along is not None:
            y = weighted(y, axis, along)
    for axis, along in enumerate(taps):
        if along is not None and along.outside.any():
            np.moveaxis(y, axis, 0)[along.outside] = extrapolation
    with np.errstate(over="ignore"):
        return y.astype(x.dtype)
