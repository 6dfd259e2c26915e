"""Operators that address elements by the values of a tensor, or order them."""

from __future__ import annotations

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl import gather as ours
from ...refimpl.axes import one_whole_number
from ...refimpl.binary import add
from ...refimpl.cast import cast
from ...refimpl.join import concat, pack
from ...refimpl.logic import less, select
from ...refimpl.sort import topk, unique
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


def moved(rank: int, source: tuple[int, ...], target: tuple[int, ...]) -> list[int]:
    """Return the permutation that moves axes as NumPy's `moveaxis` does.

    >>> moved(4, (3,), (1,))
    [0, 3, 1, 2]
    """
    return [int(a) for a in np.moveaxis(np.empty(range(rank)), source, target).shape]


def _indices(site: OnnxSite, position: int) -> str:
    return site.cast(site.input(position), "s64")


@ONNX_WRITER.of(ours.gather)
def write_gather(site: OnnxSite) -> str:
    """Write Gather; with batch axes GatherND, for which the axis stands behind them for a while."""
    x, indices = site.type(), site.type(1)
    rank, ranks = len(x.shape), len(indices.shape)
    axis, batch = site.attribute("axis") % rank, site.attribute("batch_dims")
    batch += ranks if batch < 0 else 0
    if not batch:
        return site.emit("Gather", site.input(0), _indices(site, 1), axis=axis)
    first = site.transposed(site.input(0), moved(rank, (axis,), (batch,)))
    rows = site.reshaped(_indices(site, 1), (*indices.shape, 1))
    y = site.emit("GatherND", first, rows, batch_dims=batch)
    here = tuple(range(batch, ranks))
    there = tuple(range(axis, axis + len(here)))
    return site.transposed(y, moved(len(site.out[0].shape), here, there))


@ONNX_WRITER.of(ours.gather_nd)
def write_gather_nd(site: OnnxSite) -> str:
    """Write GatherND, which needs an index."""
    if not site.type(1).shape[-1]:
        raise UnsupportedError("GatherND needs positions of one number at least")
    return site.emit("GatherND", site.input(0), _indices(site, 1))


@ONNX_WRITER.of(ours.one_hot)
def write_one_hot(site: OnnxSite) -> str:
    """Write a comparison with each position: in ONNX's OneHot, negative indices count from the end."""
    axis = site.attribute("axis") % len(site.out[0].shape)
    shape = [1] * len(site.out[0].shape)
    shape[axis] = one_whole_number("C4", site.value(1))
    places = site.whole(np.arange(shape[axis]).reshape(shape))
    hit = site.emit("Equal", site.emit("Unsqueeze", _indices(site, 0), site.whole([axis])), places)
    on, off = (site.reshaped(site.input(i), ()) for i in (2, 3))
    return site.chosen(hit, on, off)


@ONNX_WRITER.of(ours.sparse_to_dense)
def write_sparse_to_dense(site: OnnxSite) -> str:
    """Write ScatterND into a tensor full of the default; no position may be named twice."""
    shape = site.out[0].shape
    rows = site.value(0).reshape(-1, len(shape))
    if len(np.unique(rows, axis=0)) < len(rows):
        raise UnsupportedError("ScatterND leaves open which value stays where several are put")
    full = site.emit("Expand", site.reshaped(site.input(3), ()), site.whole(list(shape)))
    values = site.emit("Expand", site.input(2), site.whole([len(rows)]))
    return site.emit("ScatterND", full, site.reshaped(_indices(site, 0), rows.shape), values)


@ONNX_WRITER.of(ours.reverse_sequence)
def write_reverse_sequence(site: OnnxSite) -> str:
    """Write ReverseSequence, which wants the batch first and the sequence second."""
    rank, axes = len(site.type().shape), (site.attribute("batch_axis"), site.attribute("seq_axis"))
    x = site.transposed(site.input(0), moved(rank, axes, (0, 1)))
    y = site.emit("ReverseSequence", x, _indices(site, 1), batch_axis=0, time_axis=1)
    return site.transposed(y, moved(rank, (0, 1), axes))


@ONNX_WRITER.of(topk)
def write_topk(site: OnnxSite) -> tuple[str, str]:
    """Write TopK, whose positions are int64."""
    site.require(lambda x: x == x, "ONNX leaves open where TopK puts a NaN")
    values, places = site.several(
        "TopK", site.input(0), site.whole(site.value(1).reshape(1)), count=2
    )
    return values, site.cast(places, "s32")


@ONNX_WRITER.of(unique)
def write_unique(site: OnnxSite) -> tuple[str, str]:
    """Write Unique in the order of first occurrence."""
    values, _, places = site.several("Unique", site.input(0), count=3, sorted=0)
    return values, site.cast(places, site.attribute("to"))


def _from_the_front(source: OnnxSource, indices: str, size: int) -> str:
    """Return indices of which none counts from the end, as far as that is known."""
    value = source.known(indices)
    if value is not None:
        return (
            indices
            if np.all(value >= 0)
            else source.constant(np.where(value < 0, value + size, value))
        )
    zero = source.scalar(0, indices)
    behind = source.add(add, indices, source.scalar(size, indices))
    return source.add(select, source.add(less, indices, zero), behind, indices)


@ONNX.of("Gather")
def gather_of(source: OnnxSource) -> str:
    """Indices may count from the end."""
    x, axis = source.input(0), source.attribute("axis", 0)
    rank = source.rank(x)
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    value = source.known(source.input(1))
    negative = value is None or bool(np.any(value < 0))
    size = source.size(x, axis) if negative else 0
    indices = _from_the_front(source, source.input(1), size)
    return source.add(ours.gather, x, indices, axis=axis)


@ONNX.of("GatherElements")
def gather_elements_of(source: OnnxSource) -> str:
    """GatherND with all other positions spelled out."""
    x, axis = source.input(0), source.attribute("axis", 0)
    rank, shape = source.rank(x), source.shape(source.input(1))
    if not -rank <= axis < rank or len(shape) != rank:
        raise FormatError(f"axis {axis} of {rank} axes, indices {shape}")
    indices = _from_the_front(source, source.input(1), source.size(x, axis))
    dtype = source.type(indices).dtype
    grid = np.meshgrid(*(np.arange(n, dtype=dtype) for n in shape), indexing="ij")
    places = [source.constant(g) for g in grid]
    places[axis % rank] = indices
    return source.add(ours.gather_nd, x, source.add(pack, *places, axis=rank))


@ONNX.of("GatherND")
def gather_nd_of(source: OnnxSource) -> str:
    """Positions count from the front; batches are written out."""
    x, indices, batch = source.input(0), source.input(1), source.attribute("batch_dims", 0)
    if not batch:
        return source.add(ours.gather_nd, x, indices)
    shape = source.shape(indices)
    if not 0 < batch < min(len(shape), source.rank(x)):
        raise FormatError(f"batch_dims {batch}")
    dtype = source.type(indices).dtype
    grid = np.meshgrid(*(np.arange(n, dtype=dtype) for n in shape[:-1]), indexing="ij")
    own = source.constant(np.stack(grid[:batch], -1))
    return source.add(ours.gather_nd, x, source.add(concat, own, indices, axis=-1))


@ONNX.of("ScatterND")
def scatter_nd_of(source: OnnxSource) -> str:
    """What is put to known places, each named once; elsewhere the tensor stays."""
    data, updates = source.input(0), source.input(2)
    places, shape = source.value(source.input(1)), source.shape(data)
    source.require(source.attribute("reduction", "none") == "none", "reduction")
    if not 0 < places.shape[-1] <= len(shape):
        raise FormatError(f"indices {places.shape} into {shape}")
    sizes = np.array(shape[: places.shape[-1]])
    rows = np.where(places < 0, places + sizes, places).reshape(-1, len(sizes))
    if rows.size and (rows.min() < 0 or np.any(rows >= sizes)):
        raise FormatError("indices leave the tensor")
    source.require(len(np.unique(rows, axis=0)) == len(rows), "to a place that is named twice")
    hit = np.zeros(shape, np.bool_)
    hit[tuple(rows.T)] = True
    indices = source.constant(rows.reshape(places.shape))
    put = source.add(ours.scatter_nd, indices, updates, source.whole(shape))
    return source.add(select, source.constant(hit), put, data)


@ONNX.of("ReverseSequence")
def reverse_sequence_of(source: OnnxSource) -> str:
    """Time is the first axis where the file is silent."""
    time, batch = source.attribute("time_axis", 0), source.attribute("batch_axis", 1)
    return source.add(ours.reverse_sequence, *source.given, seq_axis=time, batch_axis=batch)


@ONNX.of("TopK")
def topk_of(source: OnnxSource) -> tuple[str, ...]:
    """The largest along an axis, in order; their positions are int64."""
    x, axis = source.input(0), source.attribute("axis", -1)
    count = source.attribute("k", None) if source.version < 10 else source.value(source.input(1))
    source.require(
        source.attribute("largest", 1) == 1 and source.attribute("sorted", 1) == 1,
        "the least, or no order",
    )
    rank = source.rank(x)
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    order = [a for a in range(rank) if a != axis % rank] + [axis % rank]
    back = [order.index(a) for a in range(rank)]
    values, places = source.several(
        topk, source.transposed(x, order), source.whole(np.reshape(count, ()))
    )
    places = source.add(cast, places, to="s64")
    return source.transposed(values, back), source.transposed(places, back)
