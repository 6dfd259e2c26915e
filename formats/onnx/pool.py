"""Pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl.binary import add
from ...refimpl.gather import sparse_to_dense
from ...refimpl.pool import avg_pool2d, max_pool2d
from ...refimpl.pool_nd import avg_pool, lp_pool, max_pool
from ...refimpl.reduce import mean, reduce_max
from ...refimpl.window import pad as pad_op
from .source import ONNX, OnnxSource
from .space import (
    Sizes,
    as_image,
    as_line,
    axes_of,
    channels_first,
    channels_last,
    each_axis,
    in_channels_first,
    onnx_pads,
    padding_of,
    sizes_of,
)
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


def _window(site: OnnxSite) -> dict[str, Any]:
    axes = len(site.type().shape) - 2
    pad = site.attribute("pad")
    if any(
        max(pad[2 * a : 2 * a + 2], default=0) >= k for a, k in enumerate(site.attribute("kernel"))
    ):
        raise UnsupportedError("ONNX pads by less than a window")
    return {
        "kernel_shape": list(site.attribute("kernel")),
        "strides": list(site.attribute("stride") or (1,) * axes),
        "dilations": list(site.attribute("dilation") or (1,) * axes),
        "pads": onnx_pads(site.attribute("pad") or (0,) * 2 * axes),
        "ceil_mode": int(site.attribute("ceil")),
    }


@ONNX_WRITER.of(avg_pool)
def write_avg_pool(site: OnnxSite) -> str:
    """Write AveragePool."""
    count = int(site.attribute("include_pad"))
    return in_channels_first(site, "AveragePool", count_include_pad=count, **_window(site))


@ONNX_WRITER.of(lp_pool)
def write_lp_pool(site: OnnxSite) -> str:
    """Write LpPool."""
    least, most = 2.0**-30, 2.0**30
    sane = lambda x: (x == 0) | ((np.abs(x) > least) & (np.abs(x) < most))  # noqa: E731
    site.require(sane, "ONNX leaves open how far powers reach")
    return in_channels_first(site, "LpPool", p=site.attribute("p"), **_window(site))


def _image_numbers(shape: Sizes) -> Any:
    """Return, for each image and channel of (N, C, *S), how many elements come before it: (N, C, 1, ...)."""
    first = np.arange(shape[0] * shape[1], dtype=np.int64) * math.prod(shape[2:])
    return first.reshape(*shape[:2], *(1,) * (len(shape) - 2))


@ONNX_WRITER.of(max_pool)
def write_max_pool(site: OnnxSite) -> tuple[str, str]:
    """Write MaxPool, whose places count from the first element of all."""
    site.require(lambda x: x == x, "ONNX leaves open where a NaN stands in the order")
    axes = len(site.type().shape) - 2
    x = site.transposed(site.input(0), channels_first(axes))
    order = int(site.attribute("column_major"))
    y, places = site.several("MaxPool", x, count=2, storage_order=order, **_window(site))
    shape = site.type().shape
    first = site.whole(_image_numbers((shape[0], shape[-1], *shape[1:-1])))
    places = site.emit("Sub", places, first)
    back = channels_last(axes)
    return site.transposed(y, back), site.transposed(places, back)


def _behind(source: OnnxSource, kernel: Sizes, stride: Sizes, pad: Sizes) -> Sizes:
    """Return the padding with so much at the ends that windows which begin inside are whole."""
    if not source.attribute("ceil_mode", 0):
        return pad
    found: list[int] = []
    for i in range(len(kernel)):
        n, before, after = source.size(source.input(0), 2 + i), pad[2 * i], pad[2 * i + 1]
        count = -(-(n + before + after - kernel[i]) // stride[i]) + 1
        if (count - 1) * stride[i] >= n + before:  # it would begin in the padding behind
            count -= 1
        found += (before, max(after, (count - 1) * stride[i] + kernel[i] - n - before))
    return tuple(found)


def _plain_pool(source: OnnxSource, kernel: Sizes, stride: Sizes, pad: Sizes) -> str:
    """Use the pools of images: padding adds nothing to these; where it counts, zeros are put around the image."""
    x, line = source.input(0), len(kernel) == 1
    if source.attribute("count_include_pad", 0) and any(pad):
        around = source.whole([(0, 0), (0, 0), *zip(pad[::2], pad[1::2], strict=True)])
        x, pad = source.add(pad_op, x, around), (0,) * len(pad)
    pad = _behind(source, kernel, stride, pad)
    if line:
        x, kernel, stride, pad = as_image(source, x), (1, *kernel), (1, *stride), (0, 0, *pad)
    op = max_pool2d if source.code == "MaxPool" else avg_pool2d
    image = source.transposed(x, NHWC)
    y = source.transposed(source.add(op, image, kernel=kernel, stride=stride, pad=pad), NCHW)
    return as_line(source, y) if line else y


def _is_plain(source: OnnxSource, kernel: Sizes, dilation: Sizes, pad: Sizes) -> bool:
    """Whether the pools of images can do it: no gaps, no places, and none that counts behind the padding."""
    counted = source.attribute("count_include_pad", 0) and any(pad)
    return (
        len(kernel) < 3
        and set(dilation) == {1}
        and not (counted and source.attribute("ceil_mode", 0))
        and len([n for n in source.outputs if n]) == 1
        and source.type(source.input(0)).dtype.kind == "f"
        and all(max(pad[2 * a : 2 * a + 2]) < k for a, k in enumerate(kernel))
    )


@ONNX.of("MaxPool", "AveragePool", "LpPool")
def pool_of(source: OnnxSource) -> str | tuple[str, ...]:
    """Those of images where they can do it, else those over any number of axes; windows may be cut short."""
    x = source.input(0)
    axes = axes_of(source, x)
    kernel, stride = (
        each_axis(source, "kernel_shape", axes, None),
        each_axis(source, "strides", axes),
    )
    dilation = each_axis(source, "dilations", axes)
    pad = padding_of(source, sizes_of(source, x), kernel, stride, dilation)
    if source.code != "LpPool" and _is_plain(source, kernel, dilation, pad):
        return _plain_pool(source, kernel, stride, pad)
    image, back = source.transposed(x, channels_last(axes)), channels_first(axes)
    window: dict[str, Any] = {"kernel": kernel, "stride": stride, "pad": pad, "dilation": dilation}
    window["ceil"] = bool(source.attribute("ceil_mode", 0))
    if source.code == "LpPool":
        return source.transposed(source.add(lp_pool, image, p=_power(source), **window), back)
    if source.code == "AveragePool":
        counted = bool(source.attribute("count_include_pad", 0))
        return source.transposed(source.add(avg_pool, image, include_pad=counted, **window), back)
    order = bool(source.attribute("storage_order", 0))
    y, places = source.several(max_pool, image, column_major=order, **window)
    y, places = source.transposed(y, back), source.transposed(places, back)
    if len([n for n in source.outputs if n]) == 1:
        return y
    return y, source.add(add, places, source.constant(_image_numbers(source.shape(x))))


def _power(source: OnnxSource) -> int:
    p = source.attributes.get("p", 2)  # a real number in version 1
    source.require(p == int(p) > 0, f"p={p}")
    return int(p)


@ONNX.of("GlobalAveragePool", "GlobalMaxPool")
def global_pool_of(source: OnnxSource) -> str:
    """Over all axes of space, which stay with size 1."""
    x = source.input(0)
    op = mean if source.code == "GlobalAveragePool" else reduce_max
    return source.add(op, x, source.whole(range(2, source.rank(x))), keep_dims=True)


@ONNX.of("GlobalLpPool")
def global_lp_pool_of(source: OnnxSource) -> str:
    """One window over all of it."""
    x, axes = source.input(0), axes_of(source, source.input(0))
    kernel = tuple(source.size(x, 2 + a) for a in range(axes))
    image = source.transposed(x, channels_last(axes))
    y = source.add(lp_pool, image, kernel=kernel, p=_power(source))
    return source.transposed(y, channels_first(axes))


@ONNX.of("MaxUnpool")
def max_unpool_of(source: OnnxSource) -> str:
    """Put each element to its place, which counts from the first element of all; zeros elsewhere.

    Another `output_shape` than that of the pool's input takes what is there to its front.
    """
    x, places = source.input(0), source.input(1)
    axes, shape = axes_of(source, x), source.shape(x)
    kernel, stride = (
        each_axis(source, "kernel_shape", axes, None),
        each_axis(source, "strides", axes),
    )
    pad = padding_of(source, shape[2:], kernel, stride, (1,) * axes)
    size = tuple(
        (n - 1) * s + k - pad[2 * a] - pad[2 * a + 1]
        for a, (n, s, k) in enumerate(zip(shape[2:], stride, kernel, strict=True))
    )
    wanted = source.optional(2)
    full = shape[:2] + size
    target = full if wanted is None else tuple(int(n) for n in source.value(wanted).ravel())
    if len(target) != len(full) or any(t < n for t, n in zip(target, full, strict=True)):
        raise FormatError(f"output_shape {target} of {full}")
    count = math.prod(full)
    rows = source.reshaped(places, (math.prod(shape), 1))
    flat = source.add(
        sparse_to_dense,
        rows,
        source.whole([count]),
        source.reshaped(x, (math.prod(shape),)),
        source.scalar(0, x),
    )
    y = source.reshaped(flat, full)
    if target == full:
        return y
    return source.add(
        pad_op, y, source.whole([(0, t - n) for t, n in zip(target, full, strict=True)])
    )
