"""Comparisons and logical operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import Op
from ...refimpl import logic as ours
from ...refimpl.text import string_equal
from .source import ONNX, OnnxSource, same
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


_ALIKE: dict[str, Op[..., Any]] = {
    "Greater": ours.greater,
    "GreaterOrEqual": ours.greater_equal,
    "Less": ours.less,
    "LessOrEqual": ours.less_equal,
    "And": ours.logical_and,
    "Or": ours.logical_or,
    "Not": ours.logical_not,
    "Xor": ours.not_equal,
    "Where": ours.select,
}
for _code, _op in _ALIKE.items():
    same(_code, _op)


@ONNX.of("Equal")
def equal_of(source: OnnxSource) -> str | Sequence[str]:
    """Texts are compared in Python."""
    if source.type(source.input(0)).format == "str":
        return source.host(string_equal, *source.given)
    return source.add(ours.equal, *source.given)
