"""Pooling."""

from __future__ import annotations

from ...refimpl.pool import avg_pool2d, max_pool2d
from .conv import onnx_pads
from .table import ONNX_WRITER, OnnxSite

CODES = {avg_pool2d: "AveragePool", max_pool2d: "MaxPool"}


@ONNX_WRITER.of(*CODES)
def write_pool(site: OnnxSite) -> str:
    """Write AveragePool (whose default, too, is not to count padding) or MaxPool."""
    y = site.in_nchw(
        CODES[site.node.op],
        site.input(0),
        kernel_shape=list(site.attribute("kernel")),
        strides=list(site.attribute("stride")),
        pads=onnx_pads(site.attribute("pad")),
    )
    return site.clamped(y, site.attribute("activation"))
