"""Comparisons and logical operators."""

from __future__ import annotations

from ...refimpl import logic as ours
from .table import ONNX_WRITER, OnnxSite, alike

alike("Equal", ours.equal)
alike("Greater", ours.greater)
alike("GreaterOrEqual", ours.greater_equal)
alike("Less", ours.less)
alike("LessOrEqual", ours.less_equal)
alike("And", ours.logical_and)
alike("Or", ours.logical_or)
alike("Not", ours.logical_not)


@ONNX_WRITER.of(ours.not_equal)
def write_not_equal(site: OnnxSite) -> str:
    """Write the opposite of equal."""
    return site.emit("Not", site.emit("Equal", *site.inputs))
