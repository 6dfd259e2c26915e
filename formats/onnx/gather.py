"""Operators that address elements by the values of a tensor, or order them."""

from __future__ import annotations

import numpy as np

from ...ir import UnsupportedError
from ...refimpl import gather as ours
from ...refimpl.axes import one_whole_number
from ...refimpl.sort import topk, unique
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
