"""Convolutions: NHWC and OHWI here, channels second there."""

from __future__ import annotations

from typing import Any

from ...ir import FormatError, UnsupportedError
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d, window_count
from ...refimpl.conv_nd import conv, conv_transpose
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
from .table import NCHW, ONNX_WRITER, OnnxSite

LAST_FIRST = (3, 0, 1, 2)


def _convolution(site: OnnxSite, code: str, w: str, b: str, **attributes: Any) -> str:
    y = site.in_nchw(
        code,
        site.input(0),
        w,
        *([b] if b else []),
        strides=list(site.attribute("stride")),
        pads=onnx_pads(site.attribute("pad")),
        **attributes,
    )
    return site.clamped(y, site.attribute("activation"))


@ONNX_WRITER.of(conv2d)
def write_conv2d(site: OnnxSite) -> str:
    """Write Conv over (O, D, P, Q) filters."""
    w, dilation = site.transposed(site.input(1), NCHW), list(site.attribute("dilation"))
    groups = site.type().shape[3] // site.type(1).shape[3]
    return _convolution(site, "Conv", w, site.input(2), group=groups, dilations=dilation)


@ONNX_WRITER.of(depthwise_conv2d)
def write_depthwise_conv2d(site: OnnxSite) -> str:
    """Write Conv with a group a channel: (1, P, Q, C M) becomes (C M, 1, P, Q)."""
    w, dilation = site.transposed(site.input(1), LAST_FIRST), list(site.attribute("dilation"))
    groups = site.type().shape[3]
    return _convolution(site, "Conv", w, site.input(2), group=groups, dilations=dilation)


@ONNX_WRITER.of(conv2d_transpose)
def write_conv2d_transpose(site: OnnxSite) -> str:
    """Write ConvTranspose over (C, O, P, Q) filters; what its size lacks is padding of the output."""
    w = site.transposed(site.input(1), LAST_FIRST)
    pad, stride, kernel = site.attribute("pad"), site.attribute("stride"), site.type(1).shape[1:3]
    extra = [
        site.out[0].shape[1 + i]
        - (site.type().shape[1 + i] - 1) * stride[i]
        - kernel[i]
        + pad[2 * i]
        + pad[2 * i + 1]
        for i in (0, 1)
    ]
    return _convolution(site, "ConvTranspose", w, site.input(3), output_padding=extra)


def _said(site: OnnxSite, name: str, default: int) -> Sizes:
    """Return an attribute of a number an axis (padding has two), where none at all stand for the default."""
    axes = len(site.type().shape) - 2
    return site.attribute(name) or (default,) * (2 * axes if name == "pad" else axes)


@ONNX_WRITER.of(conv)
def write_conv(site: OnnxSite) -> str:
    """Write Conv over (O, D, *K) filters."""
    axes = len(site.type().shape) - 2
    w, b = site.transposed(site.input(1), channels_first(axes)), site.input(2)
    return in_channels_first(
        site,
        "Conv",
        w,
        *([b] if b else []),
        group=site.type().shape[-1] // site.type(1).shape[-1],
        strides=list(_said(site, "stride", 1)),
        dilations=list(_said(site, "dilation", 1)),
        pads=onnx_pads(_said(site, "pad", 0)),
    )


@ONNX_WRITER.of(conv_transpose)
def write_conv_transpose(site: OnnxSite) -> str:
    """Write ConvTranspose over (C, O / groups, *K) filters; what its size lacks is padding of the output."""
    x, w, axes = site.type(), site.type(1).shape, len(site.type().shape) - 2
    stride, dilation, pad = (
        _said(site, name, default) for name, default in (("stride", 1), ("dilation", 1), ("pad", 0))
    )
    before, after, extra = pad[::2], [], []
    for a in range(axes):
        whole = (x.shape[1 + a] - 1) * stride[a] + (w[1 + a] - 1) * dilation[a] + 1
        rest = whole - before[a] - site.out[0].shape[1 + a]
        after.append(max(rest, 0))
        extra.append(max(-rest, 0))
        if extra[-1] >= stride[a]:
            raise UnsupportedError("ONNX pads an output by less than a step")
    groups = x.shape[-1] // w[-1]
    filters = site.reshaped(site.input(1), (groups, w[0] // groups, *w[1:]))
    filters = site.transposed(filters, (0, axes + 2, 1, *range(2, axes + 2)))
    filters = site.reshaped(filters, (x.shape[-1], w[0] // groups, *w[1:-1]))
    b = site.input(3)
    return in_channels_first(
        site,
        "ConvTranspose",
        filters,
        *([b] if b else []),
        group=groups,
        strides=list(stride),
        dilations=list(dilation),
        pads=[*before, *after],
        output_padding=extra,
    )


@ONNX.of("Conv")
def conv_of(source: OnnxSource) -> str:
    """Filters are (O, C / groups, *K); with a group a channel this is the depthwise convolution.

    An image of one axis is one of two with a single row.
    """
    x, w, b = source.input(0), source.input(1), source.optional(2)
    axes, filters = axes_of(source, x), source.shape(w)
    if len(filters) != axes + 2:
        raise FormatError(f"filters {filters} for {axes} axes of space")
    groups, channels = source.attribute("group", 1), source.size(x, 1)
    if filters[1] * groups != channels or groups < 1:
        raise FormatError(f"filters {filters} in {groups} groups over {channels} channels")
    stride, dilation = each_axis(source, "strides", axes), each_axis(source, "dilations", axes)
    pad = padding_of(source, sizes_of(source, x), filters[2:], stride, dilation)
    line = axes == 1
    if line:
        x, w, axes = as_image(source, x), as_image(source, w), 2
        stride, dilation, pad = (1, *stride), (1, *dilation), (0, 0, *pad)
    attributes = {"stride": stride, "dilation": dilation, "pad": pad}
    image = source.transposed(x, channels_last(axes))
    if groups == channels > 1 and axes == 2:
        w = source.transposed(w, (1, 2, 3, 0))
        multiplier = filters[0] // channels
        y = source.add(depthwise_conv2d, image, w, b, multiplier=multiplier, **attributes)
    else:
        w = source.transposed(w, channels_last(axes))
        y = source.add(conv2d if axes == 2 else conv, image, w, b, **attributes)
    y = source.transposed(y, channels_first(axes))
    return as_line(source, y) if line else y


def _cut(source: OnnxSource, whole: Sizes, sizes: Sizes, stride: Sizes) -> tuple[Sizes, Sizes]:
    """Return the size of a transposed convolution's output, `whole` before it is cut, and how much is cut in front."""
    auto, axes = source.attribute("auto_pad", "NOTSET"), len(sizes)
    target = source.attributes.get("output_shape")
    if target is None and auto in ("NOTSET", "", "VALID"):
        pad = padding_of(source, sizes, whole, stride, stride)
        return tuple(n - pad[2 * a] - pad[2 * a + 1] for a, n in enumerate(whole)), pad[::2]
    source.require(auto in ("SAME_UPPER", "SAME_LOWER", "NOTSET", "", "VALID"), f"auto_pad={auto}")
    if target is None:
        target = tuple(n * s for n, s in zip(sizes, stride, strict=True))
    target = tuple(int(n) for n in target[-axes:])
    if len(target) != axes:
        raise FormatError(f"attribute output_shape is {target}, for {axes} axes of space")
    total = [max(n - t, 0) for n, t in zip(whole, target, strict=True)]
    return target, tuple(t // 2 if auto == "SAME_UPPER" else t - t // 2 for t in total)


@ONNX.of("ConvTranspose")
def conv_transpose_of(source: OnnxSource) -> str:
    """Filters are (C, O / groups, *K); the size follows from stride, padding and what is added to the output."""
    x, w, b = source.input(0), source.input(1), source.optional(2)
    axes, filters = axes_of(source, x), source.shape(w)
    groups, channels = source.attribute("group", 1), source.size(x, 1)
    if len(filters) != axes + 2 or groups < 1 or channels % groups or filters[0] != channels:
        raise FormatError(f"filters {filters} in {groups} groups over {channels} channels")
    stride, dilation = each_axis(source, "strides", axes), each_axis(source, "dilations", axes)
    extra = source.attribute("output_padding", (0,) * axes)
    if len(extra) != axes or min(extra) < 0:
        raise FormatError(f"attribute output_padding is {extra}")
    sizes, kernel = tuple(source.size(x, 2 + a) for a in range(axes)), filters[2:]
    whole = tuple(
        (n - 1) * s + (k - 1) * d + 1 + e
        for n, s, k, d, e in zip(sizes, stride, kernel, dilation, extra, strict=True)
    )
    size, before = _cut(source, whole, sizes, stride)
    shape = source.whole([source.size(x, 0), *size, filters[1] * groups])
    # what is cut off behind, as a convolution over the output would be padded to have these windows
    after = tuple(
        max((n - 1) * s + (k - 1) * d + 1 - t - p, 0)
        for n, s, k, d, t, p in zip(sizes, stride, kernel, dilation, size, before, strict=True)
    )
    pad = tuple(n for pair in zip(before, after, strict=True) for n in pair)
    image = source.transposed(x, channels_last(axes))
    counts = tuple(
        window_count(*axis)
        for axis in zip(size, kernel, stride, dilation, before, after, strict=True)
    )
    if axes == 2 and groups == 1 and dilation == (1, 1) and counts == sizes:
        w = source.transposed(w, (1, 2, 3, 0))
        y = source.add(conv2d_transpose, image, w, shape, b, stride=stride, pad=pad)
        return source.transposed(y, NCHW)
    w = source.reshaped(w, (groups, channels // groups, *filters[1:]))
    w = source.transposed(w, (0, 2, *range(3, axes + 3), 1))
    w = source.reshaped(w, (groups * filters[1], *kernel, channels // groups))
    y = source.add(conv_transpose, image, w, shape, b, stride=stride, pad=pad, dilation=dilation)
    return source.transposed(y, channels_first(axes))
