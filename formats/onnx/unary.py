"""Functions of one tensor."""

from __future__ import annotations

from ...refimpl import unary as ours
from ...refimpl.binary import div
from ...refimpl.logic import not_equal
from .source import ONNX, OnnxSource, same
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


for _code, _op in {
    "Abs": ours.abs,
    "Ceil": ours.ceil,
    "Cos": ours.cos,
    "Erf": ours.erf,
    "Exp": ours.exp,
    "Floor": ours.floor,
    "Log": ours.log,
    "Neg": ours.neg,
    "Round": ours.round,
    "Sin": ours.sin,
    "Sqrt": ours.sqrt,
}.items():
    same(_code, _op)


@ONNX.of("Reciprocal")
def reciprocal(source: OnnxSource) -> str:
    """One through x."""
    x = source.input(0)
    return source.add(div, source.scalar(1, x), x)


@ONNX.of("Identity", "Dropout")
def identity(source: OnnxSource) -> str:
    """The tensor itself: inference drops nothing out. Its mask is not to be had."""
    return source.input(0)


@ONNX.of("IsNaN")
def is_nan(source: OnnxSource) -> str:
    """What differs from itself."""
    return source.add(not_equal, source.input(0), source.input(0))
