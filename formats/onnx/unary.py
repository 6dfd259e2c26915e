"""Functions of one tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl import trigonometry
from ...refimpl import unary as ours
from ...refimpl.binary import div
from ...refimpl.logic import equal, less, not_equal
from .source import ONNX, OnnxSource, same
from .table import ONNX_WRITER, OnnxSite, alike


@ONNX_WRITER.of(ours.rsqrt)
def write_rsqrt(site: OnnxSite) -> str:
    """Write the reciprocal of the root."""
    return site.emit("Reciprocal", site.emit("Sqrt", site.input(0)))


@ONNX_WRITER.of(ours.square)
def write_square(site: OnnxSite) -> str:
    """Write a product."""
    return site.emit("Mul", site.input(0), site.input(0))


ALIKE: dict[str, Op[..., Any]] = {
    "Acos": trigonometry.acos,
    "Acosh": trigonometry.acosh,
    "Asin": trigonometry.asin,
    "Asinh": trigonometry.asinh,
    "Atan": trigonometry.atan,
    "Atanh": trigonometry.atanh,
    "Ceil": ours.ceil,
    "Cos": ours.cos,
    "Cosh": trigonometry.cosh,
    "Erf": ours.erf,
    "Exp": ours.exp,
    "Floor": ours.floor,
    "Log": ours.log,
    "Neg": ours.neg,
    "Round": ours.round,
    "Sign": ours.sign,
    "Sin": ours.sin,
    "Sinh": trigonometry.sinh,
    "Sqrt": ours.sqrt,
    "Tan": trigonometry.tan,
}
for _code, _op in ALIKE.items():
    same(_code, _op)
    alike(_code, _op)


alike("Abs", ours.abs)


@ONNX.of("Abs")
def abs_of(source: OnnxSource) -> str:
    """The magnitude; unsigned integers are theirs."""
    x = source.input(0)
    return x if source.type(x).dtype.kind == "u" else source.add(ours.abs, x)


@ONNX.of("Reciprocal")
def reciprocal(source: OnnxSource) -> str:
    """One through x."""
    x = source.input(0)
    return source.add(div, source.scalar(1, x), x)


@ONNX.of("Identity")
def identity(source: OnnxSource) -> str:
    """The tensor itself."""
    return source.input(0)


@ONNX.of("IsNaN")
def is_nan(source: OnnxSource) -> str:
    """What differs from itself."""
    return source.add(not_equal, source.input(0), source.input(0))


@ONNX.of("IsInf")
def is_inf(source: OnnxSource) -> str:
    """What equals an infinity of either sign, of one, or of none."""
    x = source.input(0)
    positive, negative = (
        source.attribute(f"detect_{sign}", 1) for sign in ("positive", "negative")
    )
    if positive and negative:
        return source.add(equal, source.add(ours.abs, x), source.scalar(np.inf, x))
    if positive or negative:
        return source.add(equal, x, source.scalar(np.inf if positive else -np.inf, x))
    return source.add(less, x, x)
