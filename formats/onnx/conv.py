"""Convolutions: NHWC and OHWI here, channels second there."""

from __future__ import annotations

from typing import Any

from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from .table import NCHW, ONNX_WRITER, OnnxSite

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
