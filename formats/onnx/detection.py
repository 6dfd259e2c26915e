"""Boxes that do not overlap much."""

from __future__ import annotations

from collections.abc import Sequence

from ...refimpl.detection import non_max_suppression
from ...refimpl.shape import leading
from .gather import padded
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(non_max_suppression)
def write_non_max_suppression(site: OnnxSite) -> tuple[str, str]:
    """Write the same; no limit means none."""
    site.require(lambda s: s == s, "ONNX leaves open where a NaN stands among scores", 1)
    inputs = [*site.inputs, *[""] * (5 - len(site.inputs))]
    limit = site.cast(inputs[2], "s64") if inputs[2] else ""
    inputs[2:] = [n and site.reshaped(n, (1,)) for n in (limit, *inputs[3:])]
    center = int(site.attribute("center_point_box"))
    found = site.emit("NonMaxSuppression", *inputs, center_point_box=center)
    return padded(site, found, site.out[0].shape[0])


@ONNX.of("NonMaxSuppression")
def non_max_suppression_of(source: OnnxSource) -> Sequence[str]:
    """The rows that are found, without what stands behind."""
    center, inputs = bool(source.attribute("center_point_box", 0)), list(source.inputs)
    if source.optional(2) is not None:
        inputs[2] = source.constant(source.value(source.input(2)))
    found = source.several(non_max_suppression, *inputs, center_point_box=center)
    return source.host(leading, *found)
