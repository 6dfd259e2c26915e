"""Reductions over axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ...ir import UnsupportedError
from ...refimpl import reduce as ours
from ...refimpl.binary import sub
from ...refimpl.scan import cumprod, cumsum
from ...refimpl.shape import expand_dims
from ...refimpl.unary import log, sqrt
from ...refimpl.window import reverse
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
    if site.node.op in (ours.reduce_max, ours.reduce_min):
        site.require(lambda v: v == v, "ONNX leaves open where a NaN stands in the order")
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


# Our operator, and the version of the operator set since which the axes are an input.
READ = {
    "ReduceMean": (ours.mean, 18),
    "ReduceSum": (ours.sum, 13),
    "ReduceProd": (ours.reduce_prod, 18),
    "ReduceMax": (ours.reduce_max, 18),
    "ReduceMin": (ours.reduce_min, 18),
    "ReduceL1": (ours.reduce_sum_abs, 18),
    "ReduceL2": (ours.reduce_sum_square, 18),
    "ReduceLogSum": (ours.sum, 18),
    "ReduceLogSumExp": (ours.reduce_log_sum_exp, 18),
    "ReduceSumSquare": (ours.reduce_sum_square, 18),
}
OF_TRUTH = {ours.reduce_max: ours.reduce_any, ours.reduce_min: ours.reduce_all}
ENDS = {ours.reduce_max: -np.inf, ours.reduce_min: np.inf}
AFTER = {"ReduceL2": sqrt, "ReduceLogSum": log}


@ONNX.of(*READ)
def reduction_of(source: OnnxSource) -> str:
    """The axes are an input since some version, an attribute before; absent ones are all, or none on demand."""
    (op, since), x = READ[source.code], source.input(0)
    axes, rank = source.numbers(1, "axes", since), source.rank(x)
    if not axes and source.attribute("noop_with_empty_axes", 0):
        return x
    type, keep = source.type(x), bool(source.attribute("keepdims", 1))
    chosen = source.whole(axes or range(rank))
    if type.format == "bool" and op in OF_TRUTH:
        return source.add(OF_TRUTH[op], x, chosen, keep_dims=keep)
    y = source.add(op, x, chosen, keep_dims=keep)
    if op in ENDS and type.dtype.kind == "f" and not _some(type.shape, axes or range(rank)):
        return source.constant(np.full(source.shape(y), ENDS[op], type.dtype))
    return source.add(AFTER[source.code], y) if source.code in AFTER else y


def _some(shape: Sequence[int], axes: Iterable[int]) -> bool:
    """Whether there is something to reduce: of nothing, ONNX's extremes are infinities."""
    return all(shape[a] for a in axes)


@ONNX.of("ArgMax", "ArgMin")
def arg_of(source: OnnxSource) -> str:
    """The first of equal ones, or the last: the first from the end; the axis stays where that is wanted."""
    x, axis = source.input(0), source.attribute("axis", 0)
    op = ours.arg_max if source.code == "ArgMax" else ours.arg_min
    last = bool(source.attribute("select_last_index", 0))
    turned = source.add(reverse, x, source.whole([axis])) if last else x
    y = source.add(op, turned, source.whole(axis), to="s64")
    if last:
        y = source.add(sub, source.scalar(source.size(x, axis) - 1, y), y)
    rank = source.rank(x)
    keep = source.attribute("keepdims", 1)
    return source.add(expand_dims, y, source.whole(axis % max(rank, 1))) if keep else y


@ONNX.of("CumSum", "CumProd")
def scan_of(source: OnnxSource) -> str:
    """Along the axis that is the second input."""
    (axis,) = source.numbers(1, "axis", 0) or (0,)
    attributes = {name: bool(source.attribute(name, 0)) for name in ("exclusive", "reverse")}
    op = cumsum if source.code == "CumSum" else cumprod
    return source.add(op, source.input(0), source.whole(axis), **attributes)


@ONNX_WRITER.of(cumsum)
def write_cumsum(site: OnnxSite) -> str:
    """Write CumSum; CumProd is of version 26, which few engines run."""
    attributes = {name: int(site.attribute(name)) for name in ("exclusive", "reverse")}
    axis = site.constant(int(site.value(1).reshape(())), np.int32)
    return site.emit("CumSum", site.input(0), axis, **attributes)


@ONNX_WRITER.of(ours.reduce_sum_abs, ours.reduce_sum_square, ours.reduce_log_sum_exp)
def write_sum_of(site: OnnxSite) -> str:
    """Write the reduction; without axes what is left of it is done to each element."""
    codes = {
        ours.reduce_sum_abs: ("ReduceL1", "Abs"),
        ours.reduce_sum_square: ("ReduceSumSquare", ""),
        ours.reduce_log_sum_exp: ("ReduceLogSumExp", "Identity"),
    }
    (code, each), x, shape = codes[site.node.op], site.input(0), site.type().shape
    axes = ours.reduced_axes(len(shape), site.value(1))
    if not axes:
        return site.emit(each, x) if each else site.emit("Mul", x, x)
    if 0 in (shape[a] for a in axes):
        raise UnsupportedError("ONNX leaves open what a reduction of nothing is")
    if code == "ReduceLogSumExp":  # where there is an infinity as well, onnxruntime drops NaN
        site.require(lambda v: v == v, "engines differ in what NaN is among infinities")
    keep = int(site.attribute("keep_dims"))
    if site.type().format != "f32":
        raise UnsupportedError(f"{code} of {site.type().format}")
    return site.emit(code, x, site.whole(list(axes)), keepdims=keep)
