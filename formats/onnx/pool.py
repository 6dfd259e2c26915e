"""Pooling."""

from __future__ import annotations

from typing import Any

from ...refimpl.pool import avg_pool2d, max_pool2d
from ...refimpl.reduce import mean, reduce_max
from ...refimpl.window import pad as pad_op
from .conv import onnx_pads, padding_of, space, two
from .source import ONNX, OnnxSource
from .table import NCHW, NHWC, ONNX_WRITER, OnnxSite

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


def _behind(source: OnnxSource, sizes: tuple[int, int], kernel: Any, stride: Any, pad: Any) -> Any:
    """Return the padding with so much at the ends that windows which begin inside are whole."""
    if not source.attribute("ceil_mode", 0):
        return pad
    found: list[int] = []
    for i in (0, 1):
        n, before, after = source.size(source.input(0), 2 + i), pad[2 * i], pad[2 * i + 1]
        count = -(-(n + before + after - kernel[i]) // stride[i]) + 1
        if (count - 1) * stride[i] >= n + before:  # it would begin in the padding behind
            count -= 1
        found += (before, max(after, (count - 1) * stride[i] + kernel[i] - n - before))
    return tuple(found)


@ONNX.of("MaxPool", "AveragePool")
def pool_of(source: OnnxSource) -> str:
    """Padding adds nothing to ours; an average that counts it is one over an image with zeros around it."""
    x = source.input(0)
    sizes = space(source, x)
    kernel, stride = two(source, "kernel_shape", None), two(source, "strides")
    source.require(two(source, "dilations") == (1, 1), "dilations")
    source.require(not source.attribute("storage_order", 0), "storage_order")
    pad = padding_of(source, sizes, kernel, stride, (1, 1))
    image = source.transposed(x, NHWC)
    if source.attribute("count_include_pad", 0) and any(pad):
        source.require(not source.attribute("ceil_mode", 0), "ceil_mode with count_include_pad")
        around = source.whole([(0, 0), pad[:2], pad[2:], (0, 0)])
        image, pad = source.add(pad_op, image, around), (0, 0, 0, 0)
    pad = _behind(source, sizes, kernel, stride, pad)
    op = max_pool2d if source.code == "MaxPool" else avg_pool2d
    y = source.add(op, image, kernel=kernel, stride=stride, pad=pad)
    return source.transposed(y, NCHW)


@ONNX.of("GlobalAveragePool", "GlobalMaxPool")
def global_pool_of(source: OnnxSource) -> str:
    """Over all axes of space, which stay with size 1."""
    x = source.input(0)
    op = mean if source.code == "GlobalAveragePool" else reduce_max
    return source.add(op, x, source.whole(range(2, source.rank(x))), keep_dims=True)
