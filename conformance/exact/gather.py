"""Second oracles of the operators that address elements by values."""

from __future__ import annotations

from ...refimpl.gather import (
    gather,
    gather_elements,
    gather_nd,
    one_hot,
    reverse_sequence,
    scatter_nd,
    sparse_to_dense,
)
from ..cells import Cells
from ..tables import EXACT
from .reduce import total_of


@EXACT.of(gather)
def exact_gather(x: Cells, indices: Cells, *, axis: int, batch_dims: int) -> Cells:
    """One element at a time."""
    axis %= len(x.shape)
    batch = batch_dims + len(indices.shape) if batch_dims < 0 else batch_dims
    inner = len(indices.shape) - batch
    y = Cells.full((*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :]), 0)
    for i in y.indices():
        at = indices[(*i[:batch], *i[axis : axis + inner])]
        y[i] = x[(*i[:axis], at, *i[axis + inner :])]
    return y


@EXACT.of(gather_elements)
def exact_gather_elements(x: Cells, indices: Cells, *, axis: int, from_end: bool) -> Cells:
    """One element at a time."""
    axis %= len(x.shape)
    y = Cells.full(indices.shape, 0)
    for i in y.indices():
        at = indices[i] + (x.shape[axis] if from_end and indices[i] < 0 else 0)
        y[i] = x[(*i[:axis], at, *i[axis + 1 :])]
    return y


@EXACT.of(gather_nd)
def exact_gather_nd(x: Cells, indices: Cells) -> Cells:
    """One element at a time."""
    depth, outer = indices.shape[-1], len(indices.shape) - 1
    y = Cells.full((*indices.shape[:-1], *x.shape[depth:]), 0)
    for i in y.indices():
        y[i] = x[(*(indices[(*i[:outer], k)] for k in range(depth)), *i[outer:])]
    return y


@EXACT.of(reverse_sequence)
def exact_reverse_sequence(x: Cells, lengths: Cells, *, seq_axis: int, batch_axis: int) -> Cells:
    """An index below the length counts from there."""
    y = Cells.full(x.shape, 0)
    for i in x.indices():
        length, place = lengths[i[batch_axis]], list(i)
        if i[seq_axis] < length:
            place[seq_axis] = length - 1 - i[seq_axis]
        y[tuple(place)] = x[i]
    return y


@EXACT.of(one_hot)
def exact_one_hot(indices: Cells, depth: Cells, on: Cells, off: Cells, *, axis: int) -> Cells:
    """Off everywhere, then on where an index names a place."""
    axis %= len(indices.shape) + 1
    sizes = list(indices.shape)
    sizes.insert(axis, depth.values[0])
    y = Cells.full(sizes, off.values[0])
    for i in indices.indices():
        if 0 <= indices[i] < depth.values[0]:
            y[(*i[:axis], indices[i], *i[axis:])] = on.values[0]
    return y


@EXACT.of(sparse_to_dense)
def exact_sparse_to_dense(indices: Cells, shape: Cells, values: Cells, default: Cells) -> Cells:
    """The default everywhere, then one value after the other."""
    y = Cells.full(shape.values, default.values[0])
    depth = len(shape.values)
    for row in range(len(indices.values) // depth):
        place = tuple(indices.values[row * depth : (row + 1) * depth])
        y[place] = values.values[row if values.shape else 0]
    return y


@EXACT.of(scatter_nd)
def exact_scatter_nd(indices: Cells, updates: Cells, shape: Cells) -> Cells:
    """Collect what goes to each place, then add it up."""
    depth = indices.shape[-1]
    found = Cells(tuple(shape.values), [])
    found.values = [[] for _ in found.indices()]
    for i in updates.indices():
        outer = i[: len(indices.shape) - 1]
        place = tuple(indices[(*outer, k)] for k in range(depth))
        found[(*place, *i[len(outer) :])].append(updates[i])
    return Cells(found.shape, [total_of(values) for values in found.values])
