"""Softmax and its logarithm."""

from __future__ import annotations

import math

from ...ir import FormatError
from ...refimpl.gather import one_hot
from ...refimpl.reduce import arg_max
from ...refimpl.softmax import log_softmax, softmax
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(softmax)
def write_softmax(site: OnnxSite) -> str:
    """Write Softmax; with a `beta`, over the differences to the maximum times beta."""
    x, beta = site.input(0), site.attribute("beta")
    if beta != 1:
        centered = site.emit("Sub", x, site.emit("ReduceMax", x, site.whole([-1])))
        x = site.emit("Mul", centered, site.constant(beta, "f"))
    return site.emit("Softmax", x, axis=-1)


@ONNX_WRITER.of(log_softmax)
def write_log_softmax(site: OnnxSite) -> str:
    """Write LogSoftmax."""
    return site.emit("LogSoftmax", site.input(0), axis=-1)


@ONNX.of("Softmax", "LogSoftmax", "Hardmax")
def softmax_of(source: OnnxSource) -> str:
    """Along one axis since version 13; before, over all axes from one on."""
    x = source.input(0)
    rank = source.rank(x)
    if not rank:
        raise FormatError("x is a scalar")
    axis = source.attribute("axis", -1 if source.version >= 13 else 1)
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    axis %= rank
    if source.version < 13 and axis < rank - 1:
        shape = source.shape(x)
        flat = source.reshaped(x, (math.prod(shape[:axis]), math.prod(shape[axis:])))
        return source.reshaped(_along_last(source, flat), shape)
    order = [a for a in range(rank) if a != axis] + [axis]
    back = [order.index(a) for a in range(rank)]
    return source.transposed(_along_last(source, source.transposed(x, order)), back)


def _along_last(source: OnnxSource, x: str) -> str:
    """Hardmax is a one where the first largest element stands."""
    if source.code != "Hardmax":
        return source.add(softmax if source.code == "Softmax" else log_softmax, x)
    largest = source.add(arg_max, x, source.whole(-1), to="s64")
    on, off = source.scalar(1, x), source.scalar(0, x)
    return source.add(one_hot, largest, source.whole(source.size(x, -1)), on, off, axis=-1)
