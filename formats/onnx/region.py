"""Pooling of regions of images."""

from __future__ import annotations

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl.region import roi_align, roi_pool
from .source import ONNX, OnnxSource
from .space import in_channels_first
from .table import NCHW, NHWC, ONNX_WRITER, OnnxSite


def _scale(site: OnnxSite) -> float:
    scale = float(site.attribute("scale"))
    if float(np.float32(scale)) != scale:
        raise UnsupportedError("ONNX has float32 for the scale")
    return scale


@ONNX_WRITER.of(roi_align)
def write_roi_align(site: OnnxSite) -> str:
    """Write RoiAlign."""
    if not site.type(1).shape[0]:
        raise UnsupportedError("files that declare a size of 0 mean one that is open")
    size = site.attribute("size")
    half = "half_pixel" if site.attribute("half_pixel") else "output_half_pixel"
    return in_channels_first(
        site,
        "RoiAlign",
        site.input(1),
        site.cast(site.input(2), "s64"),
        mode="max" if site.attribute("mode") == "max" else "avg",
        output_height=size[0],
        output_width=size[1],
        sampling_ratio=site.attribute("sampling"),
        spatial_scale=_scale(site),
        coordinate_transformation_mode=half,
    )


@ONNX_WRITER.of(roi_pool)
def write_roi_pool(site: OnnxSite) -> str:
    """Write MaxRoiPool."""
    size, scale = list(site.attribute("size")), _scale(site)
    return in_channels_first(
        site, "MaxRoiPool", site.input(1), pooled_shape=size, spatial_scale=scale
    )


@ONNX.of("RoiAlign")
def roi_align_of(source: OnnxSource) -> str:
    """Half a pixel is taken off by default since version 16."""
    x, regions, image = (source.input(i) for i in range(3))
    usual = "half_pixel" if source.version >= 16 else "output_half_pixel"
    where = source.attribute("coordinate_transformation_mode", usual)
    mode = source.attribute("mode", "avg")
    source.require(where in ("half_pixel", "output_half_pixel"), where)
    source.require(mode in ("avg", "max"), f"mode={mode}")
    y = source.add(
        roi_align,
        source.transposed(x, NHWC),
        regions,
        image,
        size=(source.attribute("output_height", 1), source.attribute("output_width", 1)),
        sampling=source.attribute("sampling_ratio", 0),
        scale=source.attribute("spatial_scale", 1.0),
        half_pixel=where == "half_pixel",
        mode="max" if mode == "max" else "average",
    )
    return source.transposed(y, NCHW)


@ONNX.of("MaxRoiPool")
def roi_pool_of(source: OnnxSource) -> str:
    """The same, channels last."""
    x, size = source.input(0), source.attribute("pooled_shape")
    if len(size) != 2:
        raise FormatError(f"attribute pooled_shape is {size}")
    scale = source.attribute("spatial_scale", 1.0)
    image = source.transposed(x, NHWC)
    y = source.add(roi_pool, image, source.input(1), size=tuple(size), scale=scale)
    return source.transposed(y, NCHW)
