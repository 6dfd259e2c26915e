"""Changes of the element type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir import FORMAT_OF, FORMATS
from ...refimpl.cast import cast, dequantize
from ...refimpl.text import number_to_text, text_to_number
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite
from .tensors import dtype_of


@ONNX_WRITER.of(dequantize)
def write_dequantize(site: OnnxSite) -> str:
    """Widen float16; integers are quantized nodes, which do not come here."""
    return site.cast(site.input(0), "f32")


@ONNX_WRITER.of(cast)
def write_cast(site: OnnxSite) -> str:
    """Write a cast; where floats saturate, for which ONNX has no word, the ends are chosen."""
    x, to = site.input(0), site.attribute("to")
    if site.type().dtype.kind != "f" or FORMATS[to].kind not in "iu":
        return site.cast(x, to)
    info = np.iinfo(FORMATS[to])
    above = site.emit("Or", site.emit("IsNaN", x), _beyond(site, "GreaterOrEqual", info.max + 1))
    below = _beyond(site, "Less", info.min)
    inside = site.chosen(site.emit("Or", above, below), site.constant(0, "f"), x)
    most, least = site.whole(info.max), site.whole(info.min)
    y = site.chosen(below, least, site.cast(inside, "s64"))
    return site.cast(site.chosen(above, most, y), to)


def _beyond(site: OnnxSite, code: str, limit: int) -> str:
    """Compare with a power of two, which float32 holds."""
    return site.emit(code, site.input(0), site.constant(limit, np.float32))


@ONNX.of("Cast")
def cast_of(source: OnnxSource) -> str | Sequence[str]:
    """Only where ONNX says what happens, both do the same."""
    to, x = source.attribute("to", 0), source.input(0)
    name = FORMAT_OF[dtype_of(to, "attribute to")]
    here = source.type(x).format
    if name != here and "str" in (name, here):
        if name == "str":
            return source.host(number_to_text, x)
        return source.host(text_to_number, x, to=name)
    return x if source.type(x).format == name else source.add(cast, x, to=name)
