"""Operators that change the height and width of images.

The place of an element in the source is found in float32, by other steps in ONNX than in TFLite: only where both
find the same one do they mean the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import UnsupportedError
from ...refimpl.resize import (
    bilinear_axis,
    nearest_axis,
    resize_bilinear,
    resize_nearest_neighbor,
)
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
