"""Operators that change the height and width of images.

The place of an element in the source is found in float32, by other steps in ONNX than in TFLite: only where both
find the same one do they mean the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...ir import FormatError, UnsupportedError
from ...refimpl.resize import (
    bilinear_axis,
    nearest_axis,
    resize_bilinear,
    resize_nearest_neighbor,
)
from .source import ONNX, OnnxSource
from .table import NCHW, NHWC, ONNX_WRITER, OnnxSite

F32 = NDArray[np.float32]


def onnx_places(source: int, target: int, mode: str) -> F32:
    """Return the place of each target element in the source, as ONNX defines it."""
    i, one = np.arange(target, dtype=np.float32), np.float32(1)
    if mode == "align_corners":
        return i * np.float32(source - 1) / np.float32(target - 1) if target > 1 else i * 0
    scale = np.float32(target) / np.float32(source)
    half = one / 2
    return (i + half) / scale - half if mode == "half_pixel" else i / scale


def _resized(site: OnnxSite, **attributes: str) -> str:
    sizes = site.whole([site.out[0].shape[a] for a in NCHW])
    x = site.transposed(site.input(0), NCHW)
    return site.transposed(site.emit("Resize", x, "", "", sizes, **attributes), NHWC)


def _mode(site: OnnxSite) -> str:
    corners, half = site.attribute("align_corners"), site.attribute("half_pixel_centers")
    if corners and half:
        raise UnsupportedError("ONNX cannot align corners of half pixels")
    return "align_corners" if corners else "half_pixel" if half else "asymmetric"


def _require_same(same: bool) -> None:
    if not same:
        raise UnsupportedError("ONNX rounds the places in the source in another way")


@ONNX_WRITER.of(resize_bilinear)
def write_resize_bilinear(site: OnnxSite) -> str:
    """Write Resize, mode linear. onnxruntime multiplies neighbours by a weight of 0 that TFLite does not meet."""
    site.require(np.isfinite, "ONNX leaves open what an infinity is where its weight is 0")
    mode = _mode(site)
    for source, target in zip(site.type().shape[1:3], site.out[0].shape[1:3], strict=True):
        places = np.clip(onnx_places(source, target, mode), 0, np.float32(source - 1))
        lower, upper, fraction = bilinear_axis(
            source, target, mode == "align_corners", mode == "half_pixel"
        )
        ours = np.where(lower == upper, lower, lower + fraction)
        _require_same(np.array_equal(places, ours))
    return _resized(site, mode="linear", coordinate_transformation_mode=mode)


@ONNX_WRITER.of(resize_nearest_neighbor)
def write_resize_nearest_neighbor(site: OnnxSite) -> str:
    """Write Resize, mode nearest. Down from a half pixel is, of ONNX's places, to the nearest."""
    mode = _mode(site)
    for source, target in zip(site.type().shape[1:3], site.out[0].shape[1:3], strict=True):
        places = onnx_places(source, target, mode).astype(np.float64)
        nearest = np.floor(places if mode == "asymmetric" else places + 0.5)
        ours = nearest_axis(source, target, mode == "align_corners", mode == "half_pixel")
        _require_same(np.array_equal(np.clip(nearest, 0, source - 1), ours))
    rounding = "floor" if mode == "asymmetric" else "round_prefer_ceil"
    return _resized(
        site, mode="nearest", coordinate_transformation_mode=mode, nearest_mode=rounding
    )


@ONNX.of("Resize", "Upsample")
def resize_of(source: OnnxSource) -> str:
    """Where ONNX finds the same places in the source as TFLite does; by sizes or by factors."""
    x = source.input(0)
    source.require(source.rank(x) == 4, f"{source.rank(x)} axes")
    target, mode = _target(source, x), source.attribute("mode", "nearest")
    where, rounding = _conventions(source)
    source.require(mode in ("nearest", "linear"), f"mode={mode}")
    source.require("axes" not in source.attributes, "axes")
    source.require(
        where in ("align_corners", "half_pixel", "pytorch_half_pixel", "asymmetric"), where
    )
    corners, half = where == "align_corners", "half_pixel" in where
    for size, n in zip(source.shape(x)[2:], target, strict=True):
        places = onnx_places(size, n, "half_pixel" if half else where).astype(np.float64)
        if mode == "linear":
            lower, upper, fraction = bilinear_axis(size, n, corners, half)
            ours = np.where(lower == upper, lower, lower + fraction)
            _require_same(np.array_equal(np.clip(places, 0, size - 1).astype(np.float32), ours))
        else:
            found = np.clip(_rounded(places, rounding), 0, size - 1)
            _require_same(np.array_equal(found, nearest_axis(size, n, corners, half)))
    op = resize_bilinear if mode == "linear" else resize_nearest_neighbor
    image = source.transposed(x, NHWC)
    y = source.add(op, image, source.whole(target), align_corners=corners, half_pixel_centers=half)
    return source.transposed(y, NCHW)


def _conventions(source: OnnxSource) -> tuple[str, str]:
    if source.code == "Upsample" or source.version < 11:
        return "asymmetric", "floor"
    where = source.attribute("coordinate_transformation_mode", "half_pixel")
    return where, source.attribute("nearest_mode", "round_prefer_floor")


def _rounded(places: NDArray[np.float64], how: str) -> NDArray[np.float64]:
    rules: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda p: np.ceil(p - 0.5),
        "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    }
    if how not in rules:
        raise UnsupportedError(f"nearest_mode={how}")
    return rules[how](places)


def _target(source: OnnxSource, x: str) -> list[int]:
    """Return height and width, from sizes or from factors."""
    shape = source.shape(x)
    sizes, factors = source.optional(3), source.optional(1 if source.version < 11 else 2)
    if source.version < 9 and source.code == "Upsample":
        wanted = [
            int(np.floor(n * f))
            for n, f in zip(shape, source.attribute("scales", None), strict=True)
        ]
    elif sizes is not None:
        wanted = [int(n) for n in source.value(sizes)]
    elif factors is not None:
        scale = source.value(factors).astype(np.float64)
        wanted = [int(np.floor(n * f)) for n, f in zip(shape, scale, strict=True)]
    else:
        raise FormatError("neither sizes nor scales")
    source.require(tuple(wanted[:2]) == shape[:2], "another number of images or channels")
    return wanted[2:]
