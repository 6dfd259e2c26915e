"""Operators that cut a part out of a tensor, surround it, repeat it, turn it around or fill it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ...ir import FormatError, UnsupportedError
from ...refimpl import fill as filling
from ...refimpl import window as ours
from ...refimpl.axes import whole_numbers
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite

BEFORE_THE_FIRST: Final = np.iinfo(np.int64).min  # -1 would be the last element


def sliced(site: OnnxSite, x: str, ranges: Sequence[ours.AxisRange]) -> str:
    """Write a Slice of all axes."""
    stops = [r.start + r.count * r.step for r in ranges]
    return site.emit(
        "Slice",
        x,
        site.whole([r.start for r in ranges]),
        site.whole([BEFORE_THE_FIRST if n < 0 else n for n in stops]),
        site.whole([*range(len(ranges))]),
        site.whole([r.step for r in ranges]),
    )


@ONNX_WRITER.of(ours.slice)
def write_slice(site: OnnxSite) -> str:
    """Write Slice."""
    starts, sizes = whole_numbers(site.value(1)), site.out[0].shape
    if not starts:
        return site.input(0)
    ranges = [ours.AxisRange(b, n, 1) for b, n in zip(starts, sizes, strict=True)]
    return sliced(site, site.input(0), ranges)


@ONNX_WRITER.of(ours.strided_slice)
def write_strided_slice(site: OnnxSite) -> str:
    """Write Slice with the positions that the masks stand for, and drop or insert axes."""
    spec = list(zip(*(whole_numbers(site.value(i)) for i in (1, 2, 3)), strict=True))
    kinds = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    begin, end, dots, new, shrink = (site.attribute(f"{kind}_mask") for kind in kinds)
    found = ours.strided_ranges(site.type().shape, spec, (begin, end, dots, new, shrink))
    taken = [r if r.count else ours.AxisRange(0, 0, 1) for r in found if r.source is not None]
    y = sliced(site, site.input(0), taken) if taken else site.input(0)
    return site.reshaped(y, site.out[0].shape)


@ONNX_WRITER.of(ours.pad)
def write_pad(site: OnnxSite) -> str:
    """Write Pad: all amounts before, then all after."""
    amounts = site.whole(site.value(1).reshape(-1, 2).T.reshape(-1))
    value = [site.reshaped(site.input(2), ())] if site.input(2) else []
    return site.emit("Pad", site.input(0), amounts, *value)


@ONNX_WRITER.of(ours.tile)
def write_tile(site: OnnxSite) -> str:
    """Write Tile."""
    return site.emit("Tile", site.input(0), site.whole(site.value(1)))


@ONNX_WRITER.of(ours.reverse)
def write_reverse(site: OnnxSite) -> str:
    """Write a Slice from the last element back to the first."""
    shape = site.type().shape
    turned = {a % len(shape) for a in whole_numbers(site.value(1))}
    ranges = [
        ours.AxisRange(n - 1, n, -1) if a in turned and n else ours.AxisRange(0, n, 1)
        for a, n in enumerate(shape)
    ]
    return sliced(site, site.input(0), ranges) if shape else site.input(0)


@ONNX_WRITER.of(filling.fill)
def write_fill(site: OnnxSite) -> str:
    """Write Expand."""
    return site.emit("Expand", site.input(1), site.whole(list(site.out[0].shape)))


@ONNX_WRITER.of(filling.range)
def write_range(site: OnnxSite) -> str:
    """Write Range, where its number of elements, found in float64, is ours, found in float32."""
    start, limit, delta = (float(site.value(i)) for i in (0, 1, 2))
    if np.ceil((limit - start) / delta) != site.out[0].size:
        raise UnsupportedError("ONNX finds another number of elements, in float64")
    return site.emit("Range", *site.inputs)


@ONNX.of("Slice")
def slice_of(source: OnnxSource) -> str:
    """Positions count from the end where negative, and are clamped; inputs since version 10."""
    x = source.input(0)
    starts, ends = source.numbers(1, "starts", 10), source.numbers(2, "ends", 10)
    if starts is None or ends is None or len(starts) != len(ends):
        raise FormatError(f"starts {starts}, ends {ends}")
    axes = source.numbers(3, "axes", 10) or tuple(range(len(starts)))
    steps = source.numbers(4, "steps", 10) or (1,) * len(starts)
    rank = source.rank(x)
    if not len(axes) == len(steps) == len(starts) or any(not -rank <= a < rank for a in axes):
        raise FormatError(f"axes {axes}, steps {steps}, starts {starts}")
    spec, ended = [(0, 0, 1)] * rank, (1 << rank) - 1
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        a = axis % rank
        low, high = -(2**31) + 1, 2**31 - 1
        backwards_to_the_first = step < 0 and end < -high // 2
        spec[a] = tuple(min(max(v, low), high) for v in (start, end, step))  # type: ignore[assignment]
        ended &= ~(0 if backwards_to_the_first else 1 << a)
    begin, end_at, strides = (source.whole([s[i] for s in spec]) for i in (0, 1, 2))
    return source.add(ours.strided_slice, x, begin, end_at, strides, end_mask=ended)


@ONNX.of("Pad")
def pad_of(source: OnnxSource) -> str:
    """With one number; the amounts are an input since version 11. Negative ones cut."""
    x, mode = source.input(0), source.attribute("mode", "constant")
    source.require(mode == "constant", f"mode={mode}")
    amounts, rank = (
        source.numbers(1, "pads" if source.version >= 2 else "paddings", 11),
        source.rank(x),
    )
    axes = (source.numbers(3, "", 11) if source.version >= 18 else None) or tuple(range(rank))
    if amounts is None or len(amounts) != 2 * len(axes) or any(not -rank <= a < rank for a in axes):
        raise FormatError(f"pads {amounts} of {rank} axes")
    sides = np.zeros((rank, 2), np.int64)
    for i, axis in enumerate(axes):
        sides[axis] = amounts[i], amounts[len(axes) + i]
    value = source.optional(2) if source.version >= 11 else None
    if source.version < 11 and source.attribute("value", 0.0):
        value = source.scalar(source.attribute("value", 0.0), x)
    if sides.min(initial=0) < 0:
        begin, shape = np.maximum(-sides[:, 0], 0), source.shape(x)
        size = np.array(shape) - begin - np.maximum(-sides[:, 1], 0)
        x = source.add(ours.slice, x, source.whole(begin), source.whole(size))
    around = source.whole(np.maximum(sides, 0))
    if value is None:
        return source.add(ours.pad, x, around)
    return source.add(ours.pad, x, around, source.reshaped(value, (1,)))


@ONNX.of("Tile")
def tile_of(source: OnnxSource) -> str:
    """The same."""
    return source.add(ours.tile, source.input(0), source.whole(source.value(source.input(1))))


@ONNX.of("Range")
def range_of(source: OnnxSource) -> str:
    """The same, where the number of elements is."""
    return source.add(filling.range, *source.given)
