"""Pooling of regions of images. Places are found in float64, by steps that are part of the rule."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, RunError, TensorType, op, require
from .gather import INDEX_TYPES, check_indices

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

MOST_SAMPLES = 1 << 12  # along an axis of a bin
FARTHEST = 1 << 30  # corners beyond are taken as this far


@dataclass(frozen=True)
class Samples:
    """Places along one axis: (bins, samples a bin) of both neighbours and their weights; both 0 outside."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    less: F64
    more: F64


def axis_samples(
    start: float, end: float, bins: int, size: int, sampling: int, half_pixel: bool
) -> Samples:
    """Return where the samples of each bin between `start` and `end` lie on an axis of `size` elements.

    >>> axis_samples(0.0, 2.0, 2, 9, 1, True).more.tolist()
    [[0.5], [0.5]]
    """
    length = end - start if half_pixel else max(end - start, 1.0)
    each = length / bins
    count = sampling or max(math.ceil(each), 0)
    if count > MOST_SAMPLES:
        raise RunError(f"roi_align: {count} samples exceed {MOST_SAMPLES}")
    b, i = np.arange(bins)[:, None], np.arange(count)
    at = start + b * each + (i + 0.5) * each / max(count, 1)
    inside = (at >= -1) & (at <= size)
    at = np.clip(at, 0, size - 1)
    low = np.floor(at)
    more = at - low
    return Samples(
        low.astype(np.int64),
        np.minimum(low + 1, size - 1).astype(np.int64),
        np.where(inside, 1 - more, 0),
        np.where(inside, more, 0),
    )


def _infer_roi_align(
    x: TensorType,
    regions: TensorType,
    image: TensorType,
    *,
    size: tuple[int, int] = (1, 1),
    sampling: int = 0,
    scale: float = 1.0,
    half_pixel: bool = True,
    mode: str = "average",
) -> TensorType:
    require("C1", len(x.shape) == 4 and min(x.shape[1:3]) > 0, f"x is {x.shape}")
    rows = regions.shape[1:] == (4,) and regions.dtype == x.dtype
    require("C2", rows, f"regions are {regions.format} {regions.shape}")
    names = image.shape == regions.shape[:1] and image.format in INDEX_TYPES
    require("C3", names, f"image is {image.format} {image.shape} for {regions.shape}")
    require("C4", min(size) > 0 and 0 <= sampling <= MOST_SAMPLES, f"size {size}, {sampling}")
    require("C5", mode in ("average", "max"), f"mode {mode}")
    return x.like((regions.shape[0], *size, x.shape[3]))


def region_samples(
    x: Array,
    regions: Array,
    *,
    size: tuple[int, int],
    sampling: int,
    scale: float,
    half_pixel: bool,
) -> list[tuple[Samples, Samples]]:
    """Return the samples of each region along both axes."""
    if not np.all(np.isfinite(regions)):
        raise RunError("roi_align: a region is not finite")
    ends = regions.astype(np.float64) * scale - (0.5 if half_pixel else 0.0)
    rest = (sampling, half_pixel)
    return [
        (
            axis_samples(y0, y1, size[0], x.shape[1], *rest),
            axis_samples(x0, x1, size[1], x.shape[2], *rest),
        )
        for x0, y0, x1, y1 in ends.tolist()
    ]


def corners(image: F64, rows: Samples, columns: Samples, i: int, j: int) -> tuple[F64, F64]:
    """Return what bin (i, j) has of an image: weights (4, samples) and elements (4, samples, C)."""
    h = np.stack([rows.low[i], rows.low[i], rows.high[i], rows.high[i]])[:, :, None]
    w = np.stack([columns.low[j], columns.high[j]] * 2)[:, None, :]
    f = np.stack([rows.less[i], rows.less[i], rows.more[i], rows.more[i]])[:, :, None]
    g = np.stack([columns.less[j], columns.more[j]] * 2)[:, None, :]
    shape = (4, h.shape[1] * w.shape[2])
    return (f * g).reshape(shape), image[h, w].reshape(*shape, image.shape[-1])


def pooled_bin(weight: F64, value: F64, mode: str) -> F64:
    """Return the mean over samples, or the largest of all products; 0 where there is none."""
    if weight.size == 0:
        return np.zeros(value.shape[2])
    product = np.where(weight[..., None] != 0, value * weight[..., None], 0)
    return product.sum((0, 1)) / weight.shape[1] if mode == "average" else product.max((0, 1))


@op(infer=_infer_roi_align)
def roi_align(
    x: F32,
    regions: F32,
    image: Array,
    *,
    size: tuple[int, int] = (1, 1),
    sampling: int = 0,
    scale: float = 1.0,
    half_pixel: bool = True,
    mode: str = "average",
) -> F32:
    r"""Pool samples of regions: each is cut into bins, and a bin is the mean of samples spread evenly in it.

    A sample is the weighted sum of the four elements around it; one that lies more than an element outside is 0, one
    nearer moves to the edge. Mode max takes the largest of all elements of all samples times their weights, as ONNX
    defines it (RoiAlign).

    Inputs: `x` (N, H, W, C); `regions` (R, 4): left, top, right, bottom; `image` (R,) whole numbers, checked while
    running: the image of each region.
    Attributes: `size` bins (rows, columns); `sampling` samples along each axis of a bin (0: as many as it has elements,
    begun ones too); `scale` multiplies regions; `half_pixel`: element i reaches from i to i + 1, else its middle is
    at i, and a region is one element wide at least; `mode` average or max.
    Constraints: (C1) `x` is 4-D and H, W are not 0. (C2) `regions` are rows of four, of the type of `x`; they must be
    finite, with 4096 samples a bin and axis at most. (C3) `image` has R elements, s16, s32 or s64. (C4) There is a
    bin, and `sampling` is from 0 to 4096. (C5) The mode is one of these.

    >>> x = np.arange(4, dtype="f").reshape(1, 2, 2, 1)
    >>> roi_align(x, np.float32([[0, 0, 2, 2]]), np.array([0]), size=(1, 2)).ravel().tolist()
    [1.0, 2.0]
    """
    check_indices("roi_align", image, 0, x.shape[0])
    y = np.zeros((len(regions), *size, x.shape[3]))
    wide = x.astype(np.float64)
    found = region_samples(
        x, regions, size=size, sampling=sampling, scale=scale, half_pixel=half_pixel
    )
    with np.errstate(invalid="ignore", over="ignore"):
        for r, (rows, columns) in enumerate(found):
            for i, j in np.ndindex(*size):
                y[r, i, j] = pooled_bin(*corners(wide[image[r]], rows, columns, i, j), mode)
        return y.astype(x.dtype)


def _infer_roi_pool(
    x: TensorType, regions: TensorType, *, size: tuple[int, int] = (1, 1), scale: float = 1.0
) -> TensorType:
    require("C1", len(x.shape) == 4, f"x is {x.shape}")
    rows = regions.shape[1:] == (5,) and regions.dtype == x.dtype
    require("C2", rows, f"regions are {regions.format} {regions.shape}")
    require("C3", min(size) > 0, f"size {size}")
    return x.like((regions.shape[0], *size, x.shape[3]))


def _nearest(v: float) -> int:
    """Round halves away from zero; far corners are cut off."""
    v = max(-float(FARTHEST), min(float(FARTHEST), v))
    return int(math.copysign(math.floor(abs(v) + 0.5), v))


def bin_ends(start: int, end: int, bins: int, size: int) -> list[tuple[int, int]]:
    """Return (first, stop) of each bin of the elements start ... end, as far as they exist.

    >>> bin_ends(0, 2, 2, 9)
    [(0, 2), (1, 3)]
    """
    length = max(end - start + 1, 1)
    found = ((b * length // bins, -(-(b + 1) * length // bins)) for b in range(bins))
    return [(min(max(a + start, 0), size), min(max(z + start, 0), size)) for a, z in found]


@op(infer=_infer_roi_pool)
def roi_pool(x: F32, regions: F32, *, size: tuple[int, int] = (1, 1), scale: float = 1.0) -> F32:
    """Take the largest element in each bin of regions; an empty bin is 0.

    A region ends at whole elements, the nearest to its corners (halves away from zero), both included; bins begin and
    end at whole elements too, those that they touch.

    Inputs: `x` (N, H, W, C); `regions` (R, 5): image, left, top, right, bottom, finite; the image is checked while
    running.
    Attributes: `size` bins (rows, columns); `scale` multiplies corners.
    Constraints: (C1) `x` is 4-D. (C2) `regions` are rows of five, of the type of `x`. (C3) There is a bin.

    >>> roi_pool(np.float32([1, 5, 2]).reshape(1, 1, 3, 1), np.float32([[0, 0, 0, 2, 0]]), size=(1, 2)).ravel().tolist()
    [5.0, 5.0]
    """
    if not np.all(np.isfinite(regions)):
        raise RunError("roi_pool: a region is not finite")
    image = np.trunc(regions[:, 0]).astype(np.float64)
    check_indices("roi_pool", image, 0, x.shape[0])
    y = np.zeros((len(regions), *size, x.shape[3]), x.dtype)
    for r, corners in enumerate((regions[:, 1:].astype(np.float64) * scale).tolist()):
        left, top, right, bottom = map(_nearest, corners)
        rows = bin_ends(top, bottom, size[0], x.shape[1])
        columns = bin_ends(left, right, size[1], x.shape[2])
        for i, j in np.ndindex(*size):
            part = x[int(image[r]), slice(*rows[i]), slice(*columns[j])]
            y[r, i, j] = part.max((0, 1)) if part.size else 0
    return y
