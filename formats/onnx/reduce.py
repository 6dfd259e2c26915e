"""Reductions over axes."""

from __future__ import annotations

import math

import numpy as np

from ...ir import UnsupportedError
from ...refimpl import reduce as ours
from ...refimpl.binary import mul
from ...refimpl.shape import expand_dims
from ...refimpl.unary import sqrt
from .source import ONNX, OnnxSource
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
    with np.errstate(over="ignore"):
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


READ = {
    "ReduceMean": (ours.mean, 18),
    "ReduceSum": (ours.sum, 13),
    "ReduceProd": (ours.reduce_prod, 18),
    "ReduceMax": (ours.reduce_max, 18),
    "ReduceMin": (ours.reduce_min, 18),
    "ReduceL2": (ours.sum, 18),
    "ReduceSumSquare": (ours.sum, 18),
}


@ONNX.of(*READ)
def reduction_of(source: OnnxSource) -> str:
    """The axes are an input since some version, an attribute before; absent ones are all, or none on demand."""
    (op, since), x = READ[source.code], source.input(0)
    axes, rank = source.numbers(1, "axes", since), source.rank(x)
    if not axes and source.attribute("noop_with_empty_axes", 0):
        return x
    keep = bool(source.attribute("keepdims", 1))
    x = source.add(mul, x, x) if source.code in ("ReduceL2", "ReduceSumSquare") else x
    y = source.add(op, x, source.whole(axes or range(rank)), keep_dims=keep)
    return source.add(sqrt, y) if source.code == "ReduceL2" else y


@ONNX.of("ArgMax", "ArgMin")
def arg_of(source: OnnxSource) -> str:
    """The first of equal ones; the axis stays where that is wanted."""
    x, axis = source.input(0), source.attribute("axis", 0)
    source.require(not source.attribute("select_last_index", 0), "select_last_index")
    op = ours.arg_max if source.code == "ArgMax" else ours.arg_min
    y = source.add(op, x, source.whole(axis), to="s64")
    rank = source.rank(x)
    keep = source.attribute("keepdims", 1)
    return source.add(expand_dims, y, source.whole(axis % max(rank, 1))) if keep else y
