"""Operators that address elements by values. Every index is checked before it is used."""

from __future__ import annotations

import math

import numpy as np

from ..ir import ANY
from ..refimpl.gather import (
    gather,
    gather_elements,
    gather_nd,
    one_hot,
    reverse_sequence,
    scatter_nd,
    sparse_to_dense,
)
from .kernel import I64, INDEX_OUT_OF_RANGE, OK, S64, U8, R, T, inlined, kernel_family, share
from .lowering import Operand, Site, Step, lowers
from .patches import runs
from .simd import Value, Vectors, tile
from .strided import View, fill_with, operand, width


@inlined
def move(x, a, y, b, run):  # type: ignore[no-untyped-def]
    """Copy `run` bytes from x[a] to y[b]."""
    for j in range(run):
        y[b + j] = x[a + j]


@tile("copy_bytes", inline=True)
def copy_bytes(v: Vectors, to: I64, source: I64, count: I64) -> None:
    """Copy bytes, in vectors: a call of the system's function takes as long as short rows do."""

    def do(i: Value, width: int) -> None:
        v.store(v.load("s8", source, i, width), to, i)

    runs(v, count, (4 * v.lanes, 16) if v.lanes > 4 else (16,), do)


@kernel_family("s16", "s32", "s64")
def gather_rows(
    x: I64, index: T, y: I64, outer: I64, size: I64, count: I64, rows: I64, run: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """Row (b, o, i) of the result is row (b, o, index[b, i]) of `x`; a row has `run` bytes."""
    start, stop = share(rows, tid, threads)
    row = start
    while row < stop:  # a block at a time: divisions take longer than a row
        block = row // count
        here, first, end = block // outer * count - block * count, block * size, (block + 1) * count
        for i in range(row, min(end, stop)):
            at = np.int64(index[here + i])
            if at < 0 or at >= size:
                return INDEX_OUT_OF_RANGE
            copy_bytes(y + i * run, x + (first + at) * run, run)
        row = end
    return OK


@kernel_family("s16", "s32", "s64")
def gather_places(
    x: U8, index: T, y: U8, sizes: S64, depth: I64, rows: I64, run: I64, tid: I64, threads: I64
) -> I64:
    """Row i of the result is the row of `x` at the `depth` indices in row i of `index`."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        at = np.int64(0)
        for k in range(depth):
            i = np.int64(index[row * depth + k])
            if i < 0 or i >= sizes[k]:
                return INDEX_OUT_OF_RANGE
            at = at * sizes[k] + i
        move(x, at * run, y, row * run, run)
    return OK


@kernel_family(*((index, word) for index in ("s32", "s64") for word in ("u8", "u16", "u32", "u64")))
def gather_along(
    index: T, x: R, y: R, sizes: S64, rank: I64, rows: I64, last: I64, apart: I64, limit: I64, step: I64,
    from_end: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Take the element of `x` that each index names along an axis whose elements are `step` apart.

    `sizes`: those of the index, but for its last axis, then the strides of `x` there, 0 for the axis; along the last
    axis the elements of `x` are `apart`.
    """
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        base, left = np.int64(0), row
        for k in range(rank - 2, -1, -1):
            base += left % sizes[k] * sizes[rank - 1 + k]
            left //= sizes[k]
        for j in range(last):
            at = np.int64(index[row * last + j])
            at += limit if from_end and at < 0 else 0
            if at < 0 or at >= limit:
                return INDEX_OUT_OF_RANGE
            y[row * last + j] = x[base + j * apart + at * step]
    return OK


@kernel_family("s32", "s64")
def scatter_rows(
    index: T, values: U8, y: U8, sizes: S64, depth: I64, count: I64, step: I64, run: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """Put element i of `values` at the place in row i of `index`, one after the other."""
    for row in range(count):
        at = np.int64(0)
        for k in range(depth):
            i = np.int64(index[row * depth + k])
            if i < 0 or i >= sizes[k]:
                return INDEX_OUT_OF_RANGE
            at = at * sizes[k] + i
        move(values, row * step, y, at * run, run)
    return OK


@kernel_family("s32", "s64")
def mark_places(
    index: T, on: U8, y: U8, depth: I64, inner: I64, count: I64, run: I64, tid: I64, threads: I64
) -> I64:
    """Put `on` where an index names a place; the others hold the other value already."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        at = np.int64(index[i])
        if 0 <= at < depth:
            outer = i // inner
            move(on, 0, y, ((outer * depth + at) * inner + i - outer * inner) * run, run)
    return OK


@kernel_family("s32", "s64")
def reverse_rows(
    x: U8, lengths: T, y: U8, first: I64, middle: I64, second: I64, rows: I64, run: I64, batch_first: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Reverse rows (o, i, m, j): i is the batch and j the place in the sequence, or the other way round."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        j = row % second
        i = row // (second * middle) % first
        length = np.int64(lengths[i if batch_first else j])
        place = j if batch_first else i
        if length < 0 or length > (second if batch_first else first):
            return INDEX_OUT_OF_RANGE
        shift = length - 1 - 2 * place if place < length else 0
        to = row + shift * (1 if batch_first else second * middle)
        move(x, row * run, y, to * run, run)
    return OK


@lowers(*((gather, fmt) for fmt in ANY))
def lower_gather(site: Site) -> list[Step]:
    """Rows are what follows the axis."""
    (x, index), y = map(operand, site.inputs), site.outputs[0]
    sizes, rank = x.type.shape, len(index.type.shape)
    axis, batch = site.attributes["axis"] % len(sizes), site.attributes["batch_dims"]
    batch += rank if batch < 0 else 0
    outer, count = math.prod(sizes[batch:axis]), math.prod(index.type.shape[batch:])
    run = math.prod(sizes[axis + 1 :]) * x.type.dtype.itemsize
    rows = math.prod(sizes[:axis]) * count
    if rows == 0:
        return []
    arguments = (x, index, y, outer, sizes[axis], count, rows, run)
    return [Step(gather_rows[index.type.format], arguments)]


@lowers(*((gather_elements, fmt) for fmt in ANY))
def lower_gather_elements(site: Site) -> list[Step]:
    """Rows of the indices are shared out."""
    (x, index), y = map(operand, site.inputs), site.outputs[0]
    if y.type.size == 0:
        return []
    rank, axis = len(x.type.shape), site.attributes["axis"] % len(x.type.shape)
    strides = list(View.of(x.type.shape).strides)
    step, strides[axis] = strides[axis], 0
    sizes = site.constant(np.array([*index.type.shape[:-1], *strides[:-1], 0], np.int64))
    last = index.type.shape[-1]
    lengths = rank, y.type.size // last, last, strides[-1], x.type.shape[axis], step
    arguments = (index, x, y, sizes, *lengths, int(site.attributes["from_end"]))
    return [Step(gather_along[index.type.format, width(y)], arguments)]


def _places(site: Site, sizes: tuple[int, ...]) -> Operand:
    return site.constant(np.array([*sizes, 0], np.int64))


@lowers(*((gather_nd, fmt) for fmt in ANY))
def lower_gather_nd(site: Site) -> list[Step]:
    """Rows are what the indices leave."""
    (x, index), y = map(operand, site.inputs), site.outputs[0]
    depth = index.type.shape[-1]
    rows = math.prod(index.type.shape[:-1])
    run = math.prod(x.type.shape[depth:]) * x.type.dtype.itemsize
    if rows == 0:
        return []
    sizes = _places(site, x.type.shape[:depth])
    return [Step(gather_places[index.type.format], (x, index, y, sizes, depth, rows, run))]


@lowers(*((sparse_to_dense, fmt) for fmt in ANY))
def lower_sparse_to_dense(site: Site) -> list[Step]:
    """The default everywhere; then the values, in order, because the last one of several stays."""
    (index, _, values, default), y = map(operand, site.inputs), site.outputs[0]
    depth, run = len(y.type.shape), y.type.dtype.itemsize
    count = index.type.size // max(depth, 1)
    step = run if values.type.shape else 0
    sizes = _places(site, y.type.shape)
    arguments = (index, values, y, sizes, depth, count, step, run)
    put = Step(scatter_rows[index.type.format], arguments, serial=True)
    return [*fill_with(default, y, y.type.size), put]


@lowers(*((one_hot, fmt) for fmt in ANY))
def lower_one_hot(site: Site) -> list[Step]:
    """`off` everywhere; then `on` where an index names a place."""
    (index, _, on, off), y = map(operand, site.inputs), site.outputs[0]
    if y.type.size == 0:
        return []
    axis = site.attributes["axis"] % len(y.type.shape)
    inner = math.prod(y.type.shape[axis + 1 :])
    arguments = (index, on, y, y.type.shape[axis], inner, index.type.size, y.type.dtype.itemsize)
    mark = Step(mark_places[index.type.format], arguments)
    return [*fill_with(off, y, y.type.size), mark]


@lowers(*((reverse_sequence, fmt) for fmt in ANY))
def lower_reverse_sequence(site: Site) -> list[Step]:
    """Rows are what follows both axes."""
    (x, lengths), y = map(operand, site.inputs), site.outputs[0]
    if x.type.size == 0:
        return []
    sizes = x.type.shape
    seq, batch = site.attributes["seq_axis"], site.attributes["batch_axis"]
    low, high = min(seq, batch), max(seq, batch)
    rows, middle = math.prod(sizes[: high + 1]), math.prod(sizes[low + 1 : high])
    run = math.prod(sizes[high + 1 :]) * x.type.dtype.itemsize
    arguments = (x, lengths, y, sizes[low], middle, sizes[high], rows, run, int(batch < seq))
    return [Step(reverse_rows[lengths.type.format], arguments)]


SUMMED = ("f32", "s32", "s64")


@kernel_family(*((index, form) for index in ("s32", "s64") for form in SUMMED))
def add_rows(
    index: T, updates: R, y: R, sizes: S64, depth: I64, count: I64, run: I64, tid: I64, threads: I64
) -> I64:
    """Add row i of `updates` to the row of y at the place in row i of `index`, one after the other."""
    for row in range(count):
        at = np.int64(0)
        for k in range(depth):
            i = np.int64(index[row * depth + k])
            if i < 0 or i >= sizes[k]:
                return INDEX_OUT_OF_RANGE
            at = at * sizes[k] + i
        for j in range(run):
            y[at * run + j] += updates[row * run + j]
    return OK


@lowers(*((scatter_nd, form) for form in SUMMED))
def lower_scatter_nd(site: Site) -> list[Step]:
    """Zeros everywhere; then the sums, in order, so that their bits do not depend on threads."""
    (index, updates, _), y = map(operand, site.inputs), site.outputs[0]
    depth = index.type.shape[-1]
    count, run = math.prod(index.type.shape[:-1]), math.prod(y.type.shape[depth:])
    zero = site.constant(np.zeros(1, y.type.dtype))
    arguments = (index, updates, y, _places(site, y.type.shape[:depth]), depth, count, run)
    add = Step(add_rows[index.type.format, y.type.format], arguments, serial=True)
    return [*fill_with(zero, y, y.type.size), add]
