"""Changes of the element type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import FLOAT8, FORMAT_OF, FORMATS, NARROW_INTS, is_float
from ...refimpl.cast import bit_cast, cast, dequantize
from ...refimpl.text import number_to_text, text_to_number
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite
from .tensors import dtype_of


@ONNX_WRITER.of(dequantize)
def write_dequantize(site: OnnxSite) -> str:
    """Widen float16; integers are quantized nodes, which do not come here."""
    return site.cast(site.input(0), "f32")


@ONNX_WRITER.of(bit_cast)
def write_bit_cast(site: OnnxSite) -> str:
    """Both have the same rule."""
    return site.emit("BitCast", site.input(0), to=FORMATS[site.attribute("to")])


@ONNX_WRITER.of(cast)
def write_cast(site: OnnxSite) -> str:
    """Write a cast; where floats saturate, for which ONNX has no word, the ends are chosen."""
    x, to, form = site.input(0), site.attribute("to"), site.type().format
    if not is_float(site.type().dtype) or is_float(FORMATS[to]) or to == "bool":
        return site.cast(x, to, **_saturation(site, to))
    if form not in ("f32", "f64"):
        x = site.cast(x, "f32")
    if to in NARROW_INTS:
        return site.cast(_whole(site, x, "s32"), to)
    return _whole(site, x, to)


def _saturation(site: OnnxSite, to: str) -> dict[str, Any]:
    """Return the attributes that float8 has."""
    found: dict[str, Any] = {"round_mode": site.attribute("round_mode")} if to == "f8e8m0" else {}
    if to in (*FLOAT8, "f8e8m0") and not site.attribute("saturate"):
        found["saturate"] = 0
    return found


def _whole(site: OnnxSite, x: str, to: str) -> str:
    """Cut towards zero, and saturate."""
    info, real = np.iinfo(FORMATS[to]), np.float64 if site.type().format == "f64" else np.float32
    between = "u64" if to == "u64" else "s64"
    high, low = site.constant(info.max + 1, real), site.constant(info.min, real)
    above = site.emit("Or", site.emit("IsNaN", x), site.emit("GreaterOrEqual", x, high))
    below = site.emit("Less", x, low)
    inside = site.chosen(site.emit("Or", above, below), site.constant(0, real), x)
    most, least = (site.constant(v, FORMATS[between]) for v in (info.max, info.min))
    y = site.chosen(below, least, site.cast(inside, between))
    return site.cast(site.chosen(above, most, y), to)


def _cast(source: OnnxSource, to: str) -> str | Sequence[str]:
    """Only where ONNX says what happens, both do the same."""
    x = source.input(0)
    here = source.type(x).format
    if to != here and to == "str":
        return source.host(number_to_text, x)
    if to != here and here == "str":
        return source.host(text_to_number, x, to=to)
    saturate, mode = source.attribute("saturate", 1), source.attribute("round_mode", "up")
    attributes: dict[str, Any] = {} if saturate else {"saturate": False}
    if to == "f8e8m0":
        attributes["round_mode"] = mode
    return x if here == to else source.add(cast, x, to=to, **attributes)


@ONNX.of("Cast")
def cast_of(source: OnnxSource) -> str | Sequence[str]:
    """To the type in an attribute."""
    return _cast(source, FORMAT_OF[dtype_of(source.attribute("to", 0), "attribute to")])


@ONNX.of("CastLike")
def cast_like_of(source: OnnxSource) -> str | Sequence[str]:
    """To the type of a tensor."""
    return _cast(source, source.type(source.input(1)).format)


@ONNX.of("BitCast")
def bit_cast_of(source: OnnxSource) -> str:
    """By bits."""
    x, to = source.input(0), FORMAT_OF[dtype_of(source.attribute("to", 0), "attribute to")]
    source.require("str" not in (to, source.type(x).format), "BitCast of texts")
    return x if source.type(x).format == to else source.add(bit_cast, x, to=to)
