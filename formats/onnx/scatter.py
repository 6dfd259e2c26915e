"""Operators that change a tensor at the places that indices name."""

from __future__ import annotations

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl.binary import add, floor_mod
from ...refimpl.join import pack
from ...refimpl.scatter import scatter_nd_update
from ...refimpl.window import broadcast_to
from .gather import from_the_front, moved, places_along
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(scatter_nd_update)
def write_scatter_nd_update(site: OnnxSite) -> str:
    """Write ScatterND; what is put may not meet, and of numbers compared, some are left open."""
    reduction, rows = site.attribute("reduction"), site.type(1).value
    if reduction == "none" and rows is not None:
        flat = rows.reshape(-1, rows.shape[-1])
        if len(np.unique(flat, axis=0)) < len(flat):
            raise UnsupportedError("ScatterND leaves open which value stays where several are put")
    if reduction in ("min", "max"):
        for position in (0, 2):
            site.require(
                lambda x: (x == x) & ~((x == 0) & np.signbit(x)),
                "ONNX leaves open the least of NaN, and of zeros",
                position,
            )
    indices = site.cast(site.input(1), "s64")
    return site.emit("ScatterND", site.input(0), indices, site.input(2), reduction=reduction)


@ONNX.of("ScatterND")
def scatter_nd_of(source: OnnxSource) -> str:
    """Positions may count from the end."""
    x, indices = source.input(0), source.input(1)
    shape = source.type(indices).shape
    if not shape or not 0 < shape[-1] <= source.rank(x):
        raise FormatError(f"indices {shape} into {source.rank(x)} axes")
    places = from_the_front(source, indices, x, range(shape[-1]), rows=True)
    reduction = source.attribute("reduction", "none")
    return source.add(scatter_nd_update, x, places, source.input(2), reduction=reduction)


@ONNX.of("ScatterElements", "Scatter")
def scatter_elements_of(source: OnnxSource) -> str:
    """ScatterND with all other positions spelled out."""
    x = source.input(0)
    places = places_along(source, source.input(1), x, source.attribute("axis", 0))
    reduction = source.attribute("reduction", "none")
    return source.add(scatter_nd_update, x, places, source.input(2), reduction=reduction)


@ONNX.of("TensorScatter")
def tensor_scatter_of(source: OnnxSource) -> str:
    """Put frames into a cache, from a place of each batch on, beyond the end or around it."""
    x, updates, axis = source.input(0), source.input(1), source.attribute("axis", -2)
    mode, rank = source.attribute("mode", "linear"), source.rank(x)
    if not -rank <= axis < rank or not axis % rank or mode not in ("linear", "circular"):
        raise FormatError(f"axis {axis} of {rank} axes, mode {mode!r}")
    axis %= rank
    frames, batch = source.size(updates, axis), source.size(x, 0)
    starts = source.optional(2) or source.constant(np.zeros(batch, np.int64))
    along = source.add(
        add,
        source.reshaped(starts, (batch, 1)),
        source.constant(np.arange(frames, dtype=source.type(starts).dtype)),
    )
    if mode == "circular":
        along = source.add(floor_mod, along, source.scalar(source.size(x, axis), along))
    own = np.arange(batch, dtype=source.type(starts).dtype).reshape(batch, 1)
    first = source.add(broadcast_to, source.constant(own), source.whole((batch, frames)))
    there = moved(rank, (axis,), (1,))
    put = source.add(
        scatter_nd_update,
        source.transposed(x, there),
        source.add(pack, first, along, axis=2),
        source.transposed(updates, there),
    )
    return source.transposed(put, moved(rank, (1,), (axis,)))
