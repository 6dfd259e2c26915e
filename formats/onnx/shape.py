"""Operators that change the axes, or tell of them."""

from __future__ import annotations

from ...refimpl import shape as ours
from ...refimpl.axes import whole_numbers
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(ours.reshape)
def write_reshape(site: OnnxSite) -> str:
    """Write Reshape with the sizes that come out."""
    return site.reshaped(site.input(0), site.out[0].shape)


@ONNX_WRITER.of(ours.squeeze)
def write_squeeze(site: OnnxSite) -> str:
    """Write Squeeze; without axes all of size 1 go, as here."""
    axes = site.attribute("axes")
    return site.emit("Squeeze", site.input(0), *([site.whole(list(axes))] if axes else []))


@ONNX_WRITER.of(ours.expand_dims)
def write_expand_dims(site: OnnxSite) -> str:
    """Write Unsqueeze."""
    return site.emit("Unsqueeze", site.input(0), site.whole(site.value(1).reshape(1)))


@ONNX_WRITER.of(ours.transpose)
def write_transpose(site: OnnxSite) -> str:
    """Write Transpose."""
    rank = len(site.type().shape)
    return site.transposed(site.input(0), [a % rank for a in whole_numbers(site.value(1))])


@ONNX_WRITER.of(ours.shape)
def write_shape(site: OnnxSite) -> str:
    """Write Shape, and give the sizes our type."""
    return site.cast(site.emit("Shape", site.input(0)), site.attribute("to"))


@ONNX_WRITER.of(ours.rank)
def write_rank(site: OnnxSite) -> str:
    """Write the number of sizes."""
    return site.cast(site.emit("Size", site.emit("Shape", site.input(0))), "s32")
