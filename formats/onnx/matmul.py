"""Products of matrices."""

from __future__ import annotations

from ...refimpl.matmul import fully_connected
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(fully_connected)
def write_fully_connected(site: OnnxSite) -> str:
    """Write Gemm over the rows of x."""
    inputs = site.type(1).shape[1]
    rows = site.reshaped(site.input(0), (site.type().size // inputs, inputs))
    bias = [site.input(2)] if site.input(2) else []
    y = site.emit("Gemm", rows, site.input(1), *bias, transB=1)
    return site.clamped(site.reshaped(y, site.out[0].shape), site.attribute("activation"))
