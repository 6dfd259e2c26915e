"""Softmax and its logarithm."""

from __future__ import annotations

import math

from ...ir import FormatError
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


@ONNX.of("Softmax", "LogSoftmax")
def softmax_of(source: OnnxSource) -> str:
    """Along one axis since version 13; before, over all axes from one on."""
    op = softmax if source.code == "Softmax" else log_softmax
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
        return source.reshaped(source.add(op, flat), shape)
    order = [a for a in range(rank) if a != axis] + [axis]
    back = [order.index(a) for a in range(rank)]
    return source.transposed(source.add(op, source.transposed(x, order)), back)
