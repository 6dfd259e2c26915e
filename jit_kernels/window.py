"""Operators that cut out, surround, repeat, turn around and move blocks: copies between strided views."""

from __future__ import annotations

import math

import numpy as np

from ..ir import Array
from ..refimpl.axes import whole_numbers
from ..refimpl.block import batch_to_space_nd, depth_to_space, space_to_batch_nd, space_to_depth
from ..refimpl.fill import fill, zeros_like
from ..refimpl.window import broadcast_to, pad, reverse, slice, strided_ranges, strided_slice, tile
from .lowering import Operand, Site, Step, lowers
from .shape import any_format
from .strided import View, copy, fill_with, operand


def _to_whole(site: Site, x: Operand, source: View) -> list[Step]:
    """Copy a view of `x` to all of the first result."""
    y = site.outputs[0]
    return copy(site, x, source, y, View.of(source.sizes))


@lowers(*any_format(slice))
def lower_slice(site: Site) -> list[Step]:
    """A part along each axis."""
    x, begin = operand(site.inputs[0]), operand(site.inputs[1])
    view = View.of(x.type.shape)
    counts = site.outputs[0].type.shape
    for axis, (start, count) in enumerate(zip(whole_numbers(begin.type), counts, strict=True)):
        view = view.part(axis, start, count)
    return _to_whole(site, x, view)


@lowers(*any_format(strided_slice))
def lower_strided_slice(site: Site) -> list[Step]:
    """A part along each axis; axes of size 1 that come or go change no place."""
    x, *bounds = map(operand, site.inputs)
    spec = list(zip(*(whole_numbers(b.type) for b in bounds), strict=True))
    names = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    begin, end, dots, new, shrink = (site.attributes[f"{name}_mask"] for name in names)
    view = View.of(x.type.shape)
    for r in strided_ranges(x.type.shape, spec, (begin, end, dots, new, shrink)):
        if r.source is not None:
            view = view.part(r.source, r.start, r.count, r.step)
    return _to_whole(site, x, view)


@lowers(*any_format(reverse))
def lower_reverse(site: Site) -> list[Step]:
    """Axes are walked from the end."""
    x, axes = map(operand, site.inputs)
    view = View.of(x.type.shape)
    for axis in whole_numbers(axes.type):
        n = x.type.shape[axis]
        view = view.part(axis, n - 1, n, -1)
    return _to_whole(site, x, view)


@lowers(*any_format(tile))
def lower_tile(site: Site) -> list[Step]:
    """Each axis gets another one before it, along which nothing changes."""
    x, multiples = map(operand, site.inputs)
    view = View.of(x.type.shape)
    for axis, times in reversed([*enumerate(whole_numbers(multiples.type))]):
        view = view.repeated(axis, times)
    return _to_whole(site, x, view)


@lowers(*any_format(fill))
def lower_fill(site: Site) -> list[Step]:
    """One element everywhere."""
    y = site.outputs[0]
    return fill_with(operand(site.inputs[1]), y, y.type.size)


@lowers(*any_format(zeros_like))
def lower_zeros_like(site: Site) -> list[Step]:
    """One element everywhere."""
    y = site.outputs[0]
    return fill_with(site.constant(np.zeros(1, y.type.dtype)), y, y.type.size)


def spread(x: tuple[int, ...], shape: tuple[int, ...]) -> View:
    """Return the view of a dense array of shape `x` that broadcasts it to `shape`.

    >>> spread((3, 1), (2, 3, 4)).strides
    (0, 1, 0)
    """
    steps = (0 if n == 1 else step for n, step in zip(x, View.of(x).strides, strict=True))
    return View(shape, (*[0] * (len(shape) - len(x)), *steps))


@lowers(*any_format(broadcast_to))
def lower_broadcast_to(site: Site) -> list[Step]:
    """Along a repeated axis nothing changes."""
    x = operand(site.inputs[0])
    return _to_whole(site, x, spread(x.type.shape, site.outputs[0].type.shape))


def _zero(y: Operand) -> Array:
    """Return what stands for zero in the result: the zero point of eight-bit and s16 tensors."""
    quant = y.type.quant if y.type.format in ("s8", "u8", "s16") else None
    return np.array([quant.zero_point[0] if quant else 0], y.type.dtype)


def _surround(
    site: Site, x: Operand, y: Operand, sizes: tuple[int, ...], before: list[int], value: Operand
) -> list[Step]:
    """Put `x` into `y`, which has the given sizes, with `value` around it."""
    target = View.of(sizes)
    for axis, (start, count) in enumerate(zip(before, x.type.shape, strict=True)):
        target = target.part(axis, start, count)
    filled = [] if x.type.shape == sizes else fill_with(value, y, math.prod(sizes))
    return filled + copy(site, x, View.of(x.type.shape), y, target)


@lowers(*any_format(pad), (pad, "s8-nnacl"))
def lower_pad(site: Site) -> list[Step]:
    """The value everywhere, then the input into the middle."""
    x, paddings, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    value = site.inputs[2] if len(site.inputs) > 2 else None
    value = site.constant(_zero(y)) if value is None else value
    return _surround(site, x, y, y.type.shape, whole_numbers(paddings.type)[::2], value)


def scratch_like(site: Site, y: Operand, sizes: tuple[int, ...]) -> Operand:
    """Reserve memory for elements like those of `y`."""
    place = site.scratch(math.prod(sizes) * y.type.dtype.itemsize)
    return Operand(place.name, y.type.like(sizes), place.offset)


@lowers(*any_format(space_to_batch_nd), (space_to_batch_nd, "s8-nnacl"))
def lower_space_to_batch_nd(site: Site) -> list[Step]:
    """Where there are paddings, pad into scratch memory; then read the blocks in another order."""
    x, block, paddings = map(operand, site.inputs)
    y, sizes = site.outputs[0], whole_numbers(block.type)
    m, edges = len(sizes), whole_numbers(paddings.type)
    steps: list[Step] = []
    if any(edges):
        before = [0, *edges[::2]] + [0] * (len(x.type.shape) - m - 1)
        rows = (n * k for n, k in zip(y.type.shape[1:], sizes, strict=False))
        padded = (x.type.shape[0], *rows, *x.type.shape[m + 1 :])
        place = scratch_like(site, y, padded)
        steps = _surround(site, x, place, padded, before, site.constant(_zero(y)))
        x = place
    view = View.of(x.type.shape)
    for axis in reversed(range(m)):
        view = view.split(axis + 1, sizes[axis])
    within, across = range(2, 2 * m + 1, 2), range(1, 2 * m + 1, 2)
    view = view.permuted([*within, 0, *across, *range(2 * m + 1, len(view.sizes))])
    return steps + _to_whole(site, x, view)


@lowers(*any_format(batch_to_space_nd))
def lower_batch_to_space_nd(site: Site) -> list[Step]:
    """Read the blocks in another order; where there are crops, into scratch memory first."""
    x, block, crops = map(operand, site.inputs)
    y, sizes, edges = site.outputs[0], whole_numbers(block.type), whole_numbers(crops.type)
    m = len(sizes)
    view = View.of(
        (*sizes, y.type.shape[0], *x.type.shape[1:])
    )  # the batch is the first m + 1 axes
    view = view.permuted(
        [m, *(a for i in range(m) for a in (m + 1 + i, i)), *range(2 * m + 1, len(view.sizes))]
    )
    if not any(edges):
        return _to_whole(site, x, view)
    rows = (n * k for n, k in zip(x.type.shape[1:], sizes, strict=False))
    whole = (y.type.shape[0], *rows, *x.type.shape[m + 1 :])
    place = scratch_like(site, y, whole)
    kept = View.of(whole)
    for axis in range(m):
        kept = kept.part(axis + 1, edges[2 * axis], y.type.shape[axis + 1])
    return copy(site, x, view, place, View.of(view.sizes)) + _to_whole(site, place, kept)


@lowers(*any_format(space_to_depth))
def lower_space_to_depth(site: Site) -> list[Step]:
    """Squares are read one after the other."""
    x, block = operand(site.inputs[0]), site.attributes["block"]
    view = View.of(x.type.shape).split(2, block).split(1, block)
    return _to_whole(site, x, view.permuted([0, 1, 3, 2, 4, 5]))


@lowers(*any_format(depth_to_space))
def lower_depth_to_space(site: Site) -> list[Step]:
    """Squares are read row by row."""
    x, block = operand(site.inputs[0]), site.attributes["block"]
    n, h, w, c = x.type.shape
    view = View.of((n, h, w, block, block, c // (block * block)))
    return _to_whole(site, x, view.permuted([0, 1, 3, 2, 4, 5]))
