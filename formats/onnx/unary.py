"""Functions of one tensor."""

from __future__ import annotations

from ...refimpl import unary as ours
from .table import ONNX_WRITER, OnnxSite, alike

alike("Abs", ours.abs)
alike("Ceil", ours.ceil)
alike("Cos", ours.cos)
alike("Erf", ours.erf)
alike("Exp", ours.exp)
alike("Floor", ours.floor)
alike("Log", ours.log)
alike("Neg", ours.neg)
alike("Round", ours.round)
alike("Sin", ours.sin)
alike("Sqrt", ours.sqrt)


@ONNX_WRITER.of(ours.rsqrt)
def write_rsqrt(site: OnnxSite) -> str:
    """Write the reciprocal of the root."""
    return site.emit("Reciprocal", site.emit("Sqrt", site.input(0)))


@ONNX_WRITER.of(ours.square)
def write_square(site: OnnxSite) -> str:
    """Write a product."""
    return site.emit("Mul", site.input(0), site.input(0))
