"""Softmax and its logarithm."""

from __future__ import annotations

from ...refimpl.softmax import log_softmax, softmax
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
