"""Operators that change the height and width of images.

The place of an element in the source is found in float32, by other steps in ONNX than in TFLite: only where both
find the same one do they mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...ir import FormatError, UnsupportedError
from ...refimpl.gather import gather
from ...refimpl.resample import (
    ROUNDINGS,
    TRANSFORMATIONS,
    all_taps,
    nearest_places,
    places,
    resize,
)
from ...refimpl.resize import (
    bilinear_axis,
    nearest_axis,
    resize_bilinear,
    resize_nearest_neighbor,
)
from .source import ONNX, OnnxSource
from .space import channels_first, channels_last
from .table import NCHW, NHWC, ONNX_WRITER, OnnxSite

F32 = NDArray[np.float32]
MOST_PLACES: Final = 1 << 24  # along an axis, where they are found one by one


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


@ONNX_WRITER.of(resize)
def write_resize(site: OnnxSite) -> str:
    """Write Resize, by factors where the node names them, else by sizes."""
    scale, roi = site.attribute("scale"), site.attribute("roi")
    sizes = site.whole(list(site.out[0].shape)) if not scale else ""
    if not scale and 0 in site.type().shape:
        raise UnsupportedError("ONNX cannot resize what is empty")
    factors = np.asarray(scale, np.float32)
    if scale:
        wanted = np.floor(factors * np.asarray(site.type().shape, np.float32))
        if np.any(factors != scale) or tuple(wanted) != site.out[0].shape:
            raise UnsupportedError("ONNX has another size for these factors")
    if np.any(np.asarray(roi, np.float32) != roi):
        raise UnsupportedError("ONNX has float32 for what is cropped")
    return site.emit(
        "Resize",
        site.input(0),
        site.constant(roi, np.float32) if roi else "",
        site.constant(factors) if scale else "",
        *([sizes] if sizes else []),
        mode=site.attribute("mode"),
        coordinate_transformation_mode=site.attribute("transformation"),
        nearest_mode=site.attribute("rounding"),
        cubic_coeff_a=site.attribute("coefficient"),
        exclude_outside=int(site.attribute("exclude_outside")),
        antialias=int(site.attribute("antialias")),
        extrapolation_value=site.attribute("extrapolation"),
    )


@ONNX.of("Resize", "Upsample")
def resize_of(source: OnnxSource) -> str:
    """As TFLite does it, where that finds the same places; else by weights, or by copies where nothing is computed."""
    x = source.input(0)
    shape = source.shape(x)
    size, scale, axes = _target(source, x)
    source.require(max(size, default=0) <= MOST_PLACES, f"a size of {size}")
    options = _options(source)
    options |= {"scale": scale, "roi": _roi(source, axes, len(shape))}
    if source.type(x).dtype.kind != "f":
        return _copied(source, x, size, options)
    if len(shape) == 4 and size[:2] == shape[:2] and _as_tflite(shape[2:], size[2:], options):
        where = options["transformation"]
        op = resize_bilinear if options["mode"] == "linear" else resize_nearest_neighbor
        y = source.add(
            op,
            source.transposed(x, NHWC),
            source.whole(size[2:]),
            align_corners=where == "align_corners",
            half_pixel_centers="half_pixel" in where,
        )
        return source.transposed(y, NCHW)
    if len(shape) < 3 or size[:2] != shape[:2]:
        return source.add(resize, x, source.whole(size), **options)
    return _channels_last(source, x, size, options)


def _channels_last(
    source: OnnxSource, x: str, size: tuple[int, ...], options: dict[str, Any]
) -> str:
    """Resize the axes of space where the convolutions around have them, before the channels."""
    rank = len(size)
    order = channels_last(rank - 2)
    roi = options["roi"]
    turned = {
        **options,
        "scale": tuple(options["scale"][a] for a in order),
        "roi": tuple(half[a] for half in (roi[:rank], roi[rank:]) if half for a in order),
    }
    target = source.whole([size[a] for a in order])
    y = source.add(resize, source.transposed(x, order), target, **turned)
    return source.transposed(y, channels_first(rank - 2))


def _options(source: OnnxSource) -> dict[str, Any]:
    """Return the attributes of our operator; versions before 11 know one convention."""
    mode = source.attribute("mode", "nearest")
    source.require(mode in ("nearest", "linear", "cubic"), f"mode={mode}")
    if source.code == "Upsample" or source.version < 11:
        return {"mode": mode, "transformation": "asymmetric", "rounding": "floor"}
    where = source.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = source.attribute("nearest_mode", "round_prefer_floor")
    source.require(where in TRANSFORMATIONS, f"coordinate_transformation_mode={where}")
    source.require(rounding in ROUNDINGS, f"nearest_mode={rounding}")
    return {
        "mode": mode,
        "transformation": where,
        "rounding": rounding,
        "coefficient": source.attribute("cubic_coeff_a", -0.75),
        "exclude_outside": bool(source.attribute("exclude_outside", 0)),
        "antialias": bool(source.attribute("antialias", 0)),
        "extrapolation": source.attribute("extrapolation_value", 0.0),
    }


def _copied(source: OnnxSource, x: str, size: tuple[int, ...], options: dict[str, Any]) -> str:
    """Copy the nearest element, axis by axis."""
    source.require(options["mode"] == "nearest", f"mode={options['mode']} of whole numbers")
    options.pop("extrapolation", None)
    for axis, taps in enumerate(all_taps(source.shape(x), size, **_complete(options))):
        if taps is not None:
            source.require(not taps.outside.any(), "whole numbers outside of the source")
            x = source.add(gather, x, source.whole(taps.index[:, 0]), axis=axis)
    return x


def _complete(options: dict[str, Any]) -> dict[str, Any]:
    defaults = {n: v for n, v in resize.attributes.items() if n != "extrapolation"}
    return {**defaults, **options}


def _as_tflite(shape: Sequence[int], size: Sequence[int], options: dict[str, Any]) -> bool:
    """Whether TFLite's operators find the same places along the last two axes, in float32."""
    mode, where = options["mode"], options["transformation"]
    kinds = ("align_corners", "half_pixel", "pytorch_half_pixel", "asymmetric")
    bent = options.get("antialias") or options.get("exclude_outside")
    if mode == "cubic" or where not in kinds or bent or 0 in (*shape, *size):
        return False
    corners, half = where == "align_corners", "half_pixel" in where
    for n, m, scale in zip(shape, size, options["scale"][2:], strict=True):
        if mode == "linear":
            lower, upper, fraction = bilinear_axis(n, m, corners, half)
            ours = np.where(lower == upper, lower, lower + fraction)
        else:
            ours = nearest_axis(n, m, corners, half)
        found = [places(n, m, scale, where)]
        if scale * n == m:  # in float32, as other engines have it
            found.append(onnx_places(n, m, "half_pixel" if half else where).astype(np.float64))
        if mode == "nearest":
            found = [nearest_places(at, n, options["rounding"]).astype(np.float64) for at in found]
        theirs = [np.clip(at, 0, n - 1).astype(np.float32) for at in found]
        if not any(np.array_equal(at, ours) for at in theirs):
            return False
    return True


def _axes(source: OnnxSource, rank: int) -> list[int]:
    axes = source.attributes.get("axes", tuple(range(rank)))
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes):
        raise FormatError(f"axes {axes} of {rank}")
    return [a % rank for a in axes]


def _roi(source: OnnxSource, axes: Sequence[int], rank: int) -> tuple[float, ...]:
    """Return what is cropped, for all axes; none where nothing is."""
    given = source.optional(1) if source.version >= 11 and source.code == "Resize" else None
    if given is None or source.attribute("coordinate_transformation_mode", "") != (
        "tf_crop_and_resize"
    ):
        return ()
    values = [float(v) for v in source.value(given).ravel()]
    if len(values) != 2 * len(axes):
        raise FormatError(f"roi {values} for {len(axes)} axes")
    ends = [0.0] * rank + [1.0] * rank
    for i, axis in enumerate(axes):
        ends[axis], ends[rank + axis] = values[i], values[len(axes) + i]
    return tuple(ends)


def _factors(source: OnnxSource) -> list[float] | None:
    if source.version < 9 and source.code == "Upsample":
        return [float(v) for v in source.attribute("scales", None)]
    given = source.optional(1 if source.version < 11 else 2)
    if given is None:
        return None
    values = [float(v) for v in source.value(given).ravel()]
    return values or None  # an empty tensor stands for none before version 13


def _target(source: OnnxSource, x: str) -> tuple[tuple[int, ...], tuple[float, ...], Sequence[int]]:
    """Return the shape of the result, the factor of each axis, and the axes that the node speaks of."""
    shape = source.shape(x)
    size, scale, axes = list(shape), [1.0] * len(shape), _axes(source, len(shape))
    sizes, factors = source.optional(3) if source.version >= 11 else None, _factors(source)
    if sizes is None and factors is None:
        raise FormatError("neither sizes nor scales")
    wanted = factors if sizes is None else [float(n) for n in source.value(sizes).ravel()]
    if wanted is None or len(wanted) != len(axes) or min(wanted, default=1) <= 0:
        raise FormatError(f"sizes or scales {wanted} for {len(axes)} axes")
    if sizes is None:
        for axis, factor in zip(axes, wanted, strict=True):
            scale[axis] = factor
            size[axis] = int(np.floor(np.float32(factor) * np.float32(shape[axis])))
        return tuple(size), tuple(scale), axes
    if 0 in (shape[a] for a in axes):
        raise FormatError(f"sizes {wanted} of {shape}")
    ratios = [n / shape[a] for a, n in zip(axes, wanted, strict=True)]
    policy = source.attribute("keep_aspect_ratio_policy", "stretch")
    source.require(policy in ("stretch", "not_larger", "not_smaller"), policy)
    for axis, ratio, n in zip(axes, ratios, wanted, strict=True):
        one = ratio
        if policy != "stretch":
            one = min(ratios) if policy == "not_larger" else max(ratios)
            n = np.floor(one * shape[axis] + 0.5)
        scale[axis], size[axis] = one, int(n)
    return tuple(size), tuple(scale), axes
