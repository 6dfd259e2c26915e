"""Operators that address elements by the values of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl import gather as ours
from ...refimpl.axes import one_whole_number
from ...refimpl.binary import add, maximum
from ...refimpl.cast import cast
from ...refimpl.join import concat, pack
from ...refimpl.logic import less, nonzero, select, where
from ...refimpl.shape import leading, reshape
from ...refimpl.shape import shape as sizes_of
from ...refimpl.window import slice as cut
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


@ONNX_WRITER.of(ours.gather_elements)
def write_gather_elements(site: OnnxSite) -> str:
    """Write GatherElements."""
    return site.emit(
        "GatherElements", site.input(0), _indices(site, 1), axis=site.attribute("axis")
    )


@ONNX_WRITER.of(ours.gather_nd)
def write_gather_nd(site: OnnxSite) -> str:
    """Write GatherND, which needs an index."""
    if not site.type(1).shape[-1]:
        raise UnsupportedError("GatherND needs positions of one number at least")
    return site.emit("GatherND", site.input(0), _indices(site, 1))


def padded(site: OnnxSite, rows: str, room: int) -> tuple[str, str]:
    """Return rows of which a run finds some, with as many of -1 behind as there is room for, and their number."""
    count = site.emit("Slice", site.emit("Shape", rows), site.whole([0]), site.whole([1]))
    missing = site.emit("Sub", site.whole([room]), count)
    pads = site.emit("Concat", site.whole([0, 0]), missing, site.whole([0]), axis=0)
    whole = site.emit("Pad", rows, pads, site.constant(-1, np.int64))
    return whole, site.emit("Squeeze", count, site.whole([0]))


@ONNX_WRITER.of(nonzero)
def write_nonzero(site: OnnxSite) -> tuple[str, str]:
    """Write NonZero, whose positions are columns."""
    rows = site.transposed(site.emit("NonZero", site.input(0)), (1, 0))
    return padded(site, rows, site.type().size)


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


WIDEST = 6  # axes that operators on two tensors take


def from_the_front(source: OnnxSource, indices: str, x: str, axes: range, *, rows: bool) -> str:
    """Return indices of which none counts from the end.

    They address `axes` of `x`: in `rows` of one for each axis, or else all the same axis.
    """
    value = source.known(indices)
    if value is not None and np.all(value >= 0):
        return indices
    form, shape = source.type(indices).format, source.type(indices).shape
    sizes = source.add(sizes_of, x, to=form)
    if len(axes) < source.rank(x):
        sizes = source.add(cut, sizes, source.whole([axes.start]), source.whole([len(axes)]))
    if not rows:
        sizes = source.add(reshape, sizes, source.whole(()))
    wide = len(shape) > WIDEST
    flat = source.reshaped(indices, (-1, len(axes)) if rows else (-1,)) if wide else indices
    behind = source.add(add, flat, sizes)
    found = source.add(select, source.add(less, flat, source.scalar(0, indices)), behind, flat)
    return source.reshaped(found, source.shape(indices)) if wide else found


def places_along(source: OnnxSource, indices: str, x: str, axis: int) -> str:
    """Return the whole position of each of `indices`, which name one along `axis` and stand where the rest is."""
    rank, shape = source.rank(x), source.shape(indices)
    if not -rank <= axis < rank or len(shape) != rank:
        raise FormatError(f"axis {axis} of {rank} axes, indices {shape}")
    axis %= rank
    along = from_the_front(source, indices, x, range(axis, axis + 1), rows=False)
    dtype = source.type(indices).dtype
    grid = np.meshgrid(*(np.arange(n, dtype=dtype) for n in shape), indexing="ij")
    places = [along if a == axis else source.constant(g) for a, g in enumerate(grid)]
    return source.add(pack, *places, axis=rank)


@ONNX.of("Gather")
def gather_of(source: OnnxSource) -> str:
    """Indices may count from the end."""
    x, axis = source.input(0), source.attribute("axis", 0)
    rank = source.rank(x)
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    at = axis % rank
    indices = from_the_front(source, source.input(1), x, range(at, at + 1), rows=False)
    return source.add(ours.gather, x, indices, axis=axis)


@ONNX.of("GatherElements")
def gather_elements_of(source: OnnxSource) -> str:
    """Indices may count from the end."""
    axis = source.attribute("axis", 0)
    return source.add(ours.gather_elements, *source.given, axis=axis, from_end=True)


@ONNX.of("GatherND")
def gather_nd_of(source: OnnxSource) -> str:
    """Positions may count from the end; batches are written out."""
    x, indices, batch = source.input(0), source.input(1), source.attribute("batch_dims", 0)
    shape, rank = source.type(indices).shape, source.rank(x)
    depth = shape[-1] if shape else 0
    if not 0 <= batch < len(shape) or not 0 < depth <= rank - batch:
        raise FormatError(f"batch_dims {batch}, indices {shape} into {rank} axes")
    indices = from_the_front(source, indices, x, range(batch, batch + depth), rows=True)
    if not batch:
        return source.add(ours.gather_nd, x, indices)
    dtype = source.type(indices).dtype
    sizes = source.shape(indices)[:-1]
    grid = np.meshgrid(*(np.arange(n, dtype=dtype) for n in sizes), indexing="ij")
    own = source.constant(np.stack(grid[:batch], -1))
    return source.add(ours.gather_nd, x, source.add(concat, own, indices, axis=-1))


@ONNX.of("OneHot")
def one_hot_of(source: OnnxSource) -> str:
    """Indices may count from the end of the new axis; numbers of any type name places."""
    indices, values = source.input(0), source.input(2)
    depth = int(source.value(source.input(1)).reshape(()))
    if source.type(indices).format not in ("s32", "s64"):
        indices = source.add(cast, indices, to="s64")
    negative = source.add(less, indices, source.scalar(0, indices))
    behind = source.add(add, indices, source.scalar(depth, indices))
    indices = source.add(select, negative, behind, indices)
    off, on = (source.add(cut, values, source.whole([i]), source.whole([1])) for i in (0, 1))
    axis = source.attribute("axis", -1)
    return source.add(ours.one_hot, indices, source.whole(depth), on, off, axis=axis)


@ONNX.of("NonZero")
def nonzero_of(source: OnnxSource) -> Sequence[str]:
    """A column for each; a scalar has no rows of positions."""
    x = source.input(0)
    if source.type(x).format not in nonzero.dtypes:
        x = source.add(cast, x, to="bool")
    scalar = not source.rank(x)
    rows, count = source.several(nonzero, source.reshaped(x, (1,)) if scalar else x)
    found = source.transposed(rows, [1, 0])
    if scalar:
        found = source.add(cut, found, source.whole([0, 0]), source.whole([0, -1]))
    return source.host(leading, found, count, axis=1)


@ONNX.of("Compress")
def compress_of(source: OnnxSource) -> str | Sequence[str]:
    """What stands where the condition holds; without an axis, of the elements in a row."""
    x, axis = source.input(0), source.attributes.get("axis")
    x = source.reshaped(x, (-1,)) if axis is None else x
    if source.known(source.input(1)) is not None:
        places = source.reshaped(source.add(where, source.input(1)), (-1,))
        return source.add(ours.gather, x, places, axis=axis or 0)
    rows, count = source.several(nonzero, source.input(1))
    places = source.add(maximum, source.reshaped(rows, (-1,)), source.scalar(0, rows))
    # the rows of -1 behind the places become the first slice, and are cut off
    return source.host(
        leading, source.add(ours.gather, x, places, axis=axis or 0), count, axis=axis or 0
    )


@ONNX.of("ReverseSequence")
def reverse_sequence_of(source: OnnxSource) -> str:
    """Time is the first axis where the file is silent."""
    time, batch = source.attribute("time_axis", 0), source.attribute("batch_axis", 1)
    return source.add(ours.reverse_sequence, *source.given, seq_axis=time, batch_axis=batch)
