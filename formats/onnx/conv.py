"""Convolutions: NHWC and OHWI here, channels second there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import FormatError
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from .source import ONNX, OnnxSource
from .table import NCHW, NHWC, ONNX_WRITER, OnnxSite

LAST_FIRST = (3, 0, 1, 2)


def onnx_pads(pad: tuple[int, int, int, int]) -> list[int]:
    """Return (top, bottom, left, right) as ONNX orders it: all beginnings, then all ends."""
    top, bottom, left, right = pad
    return [top, left, bottom, right]


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


def padding_of(
    source: OnnxSource,
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> tuple[int, int, int, int]:
    """Return the zeros (top, bottom, left, right), which ONNX may give by name."""
    auto = source.attribute("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        pads = source.attribute("pads", (0,) * 2 * len(sizes))
        source.require(len(pads) == 4 and min(pads) >= 0, f"pads={pads}")
        top, left, bottom, right = pads
        return top, bottom, left, right
    source.require(auto in ("SAME_UPPER", "SAME_LOWER", "VALID"), f"auto_pad={auto}")
    found: list[int] = []
    for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) if auto != "VALID" else 0
        less, more = total // 2, total - total // 2
        found += (less, more) if auto == "SAME_UPPER" else (more, less)
    return found[0], found[1], found[2], found[3]


def two(source: OnnxSource, name: str, default: tuple[int, int] | None = (1, 1)) -> tuple[int, int]:
    """Return an attribute of two positive whole numbers."""
    values = source.attribute(name, default)
    source.require(len(values) == 2, f"{name}={values}: only two axes of space are supported")
    if not all(0 < n < 2**31 for n in values):
        raise FormatError(f"attribute {name} is {values}")
    return values[0], values[1]


def space(source: OnnxSource, x: str) -> tuple[int, int]:
    """Return height and width; they need not be closed where nothing is padded by name."""
    source.require(
        source.rank(x) == 4, f"{source.rank(x)} axes: only two axes of space are supported"
    )
    if source.attribute("auto_pad", "NOTSET") in ("NOTSET", "", "VALID"):
        rows, columns = source.type(x).shape[2:]
        return rows, columns
    return source.size(x, 2), source.size(x, 3)


@ONNX.of("Conv")
def conv_of(source: OnnxSource) -> str:
    """Filters are (O, C / groups, P, Q); with a group a channel this is the depthwise convolution."""
    x, w, b = source.input(0), source.input(1), source.optional(2)
    sizes, filters = space(source, x), source.shape(w)
    source.require(len(filters) == 4, f"filters {filters}: only two axes of space are supported")
    groups, channels = source.attribute("group", 1), source.size(x, 1)
    stride, dilation = two(source, "strides"), two(source, "dilations")
    if filters[1] * groups != channels or groups < 1:
        raise FormatError(f"filters {filters} in {groups} groups over {channels} channels")
    pad = padding_of(source, sizes, filters[2:], stride, dilation)
    attributes = {"stride": stride, "dilation": dilation, "pad": pad}
    image = source.transposed(x, NHWC)
    if groups == channels > 1:
        w = source.transposed(w, (1, 2, 3, 0))
        multiplier = filters[0] // channels
        y = source.add(depthwise_conv2d, image, w, b, multiplier=multiplier, **attributes)
    else:
        y = source.add(conv2d, image, source.transposed(w, NHWC), b, **attributes)
    return source.transposed(y, NCHW)


@ONNX.of("ConvTranspose")
def conv_transpose_of(source: OnnxSource) -> str:
    """Filters are (C, O, P, Q); the size follows from stride, padding and what is added to the output."""
    x, w, b = source.input(0), source.input(1), source.optional(2)
    space(source, x)
    filters, stride = source.shape(w), two(source, "strides")
    plain = len(filters) == 4 and source.attribute("group", 1) == 1
    source.require(plain and two(source, "dilations") == (1, 1), "groups or dilations")
    source.require(source.attribute("auto_pad", "NOTSET") in ("NOTSET", ""), "auto_pad")
    source.require("output_shape" not in source.attributes, "output_shape")
    pad = padding_of(source, (0, 0), filters[2:], stride, (1, 1))
    extra = source.attribute("output_padding", (0, 0))
    source.require(len(extra) == 2, f"output_padding={extra}")
    rows, columns = (
        (source.size(x, 2 + i) - 1) * stride[i]
        + filters[2 + i]
        - pad[2 * i]
        - pad[2 * i + 1]
        + extra[i]
        for i in (0, 1)
    )
    shape = source.whole([source.size(x, 0), rows, columns, filters[1]])
    w, image = source.transposed(w, (1, 2, 3, 0)), source.transposed(x, NHWC)
    y = source.add(conv2d_transpose, image, w, shape, b, stride=stride, pad=pad)
    return source.transposed(y, NCHW)
