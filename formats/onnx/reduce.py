"""Reductions over axes."""

from __future__ import annotations

import math

import numpy as np

from ...ir import UnsupportedError
from ...refimpl import reduce as ours
from .table import ONNX_WRITER, OnnxSite

CODES = {
    ours.mean: "ReduceMean",
    ours.sum: "ReduceSum",
    ours.reduce_prod: "ReduceProd",
    ours.reduce_max: "ReduceMax",
    ours.reduce_min: "ReduceMin",
}


@ONNX_WRITER.of(*CODES)
def write_reduction(site: OnnxSite) -> str:
    """Write the reduction; without axes there is nothing to do. Means of integers are sums, divided."""
    x, shape = site.input(0), site.type().shape
    axes = ours.reduced_axes(len(shape), site.value(1))
    if not axes:
        return x
    if 0 in (shape[a] for a in axes):
        raise UnsupportedError("ONNX leaves open what a reduction of nothing is")
    _require_no_overflow(site, axes)
    places, keep = site.whole(list(axes)), int(site.attribute("keep_dims"))
    if site.node.op is not ours.mean or site.type().format == "f32":
        return site.emit(CODES[site.node.op], x, places, keepdims=keep)
    total = site.emit("ReduceSum", site.cast(x, "s64"), places, keepdims=keep)
    count = site.whole(math.prod(shape[a] for a in axes))
    return site.cast(site.emit("Div", total, count), site.type().format)


def _require_no_overflow(site: OnnxSite, axes: tuple[int, ...]) -> None:
    """Refuse sums and products of known integers that may wrap, for which ONNX has no rule."""
    type, op = site.type(), site.node.op
    if op in (ours.reduce_max, ours.reduce_min) or type.dtype.kind == "f" or type.value is None:
        return
    size = np.abs(type.value.astype(np.float64))
    most = np.prod(np.maximum(size, 1), axes) if op is ours.reduce_prod else np.sum(size, axes)
    if np.any(most > np.iinfo(np.int64 if op is ours.mean else type.dtype).max):
        raise UnsupportedError("ONNX leaves open what integers do that exceed their type")


@ONNX_WRITER.of(ours.arg_max, ours.arg_min)
def write_arg(site: OnnxSite) -> str:
    """Write ArgMax or ArgMin, and give the positions our type."""
    site.require(lambda x: x == x, "ONNX leaves open where a NaN stands in the order")
    code = "ArgMax" if site.node.op is ours.arg_max else "ArgMin"
    axis = int(site.value(1).reshape(()))
    y = site.emit(code, site.input(0), axis=axis, keepdims=0)
    return site.cast(y, site.attribute("to"))
