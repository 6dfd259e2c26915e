"""Boxes that do not overlap much."""

from __future__ import annotations

from ...refimpl.detection import non_max_suppression
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(non_max_suppression)
def write_non_max_suppression(site: OnnxSite) -> str:
    """Write the same; no limit means none."""
    site.require(lambda s: s == s, "ONNX leaves open where a NaN stands among scores", 1)
    inputs = [*site.inputs, *[""] * (5 - len(site.inputs))]
    limit = site.cast(inputs[2], "s64") if inputs[2] else ""
    inputs[2:] = [n and site.reshaped(n, (1,)) for n in (limit, *inputs[3:])]
    center = int(site.attribute("center_point_box"))
    return site.emit("NonMaxSuppression", *inputs, center_point_box=center)


@ONNX.of("NonMaxSuppression")
def non_max_suppression_of(source: OnnxSource) -> str:
    """The same."""
    center = bool(source.attribute("center_point_box", 0))
    return source.add(non_max_suppression, *source.inputs, center_point_box=center)
