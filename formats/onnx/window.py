"""Operators that cut a part out of a tensor, surround it, repeat it, turn it around or fill it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from ...ir import FORMAT_OF, Array, FormatError, UnsupportedError
from ...refimpl import fill as filling
from ...refimpl import window as ours
from ...refimpl.axes import whole_numbers
from ...refimpl.cast import cast
from ...refimpl.conv import window_count
from ...refimpl.gather import gather, scatter_nd
from .source import ONNX, OnnxSource
from .space import each_axis, padding_of
from .table import ONNX_WRITER, OnnxSite
from .tensors import MAX_BYTES, dtype_of

MOST_PADDED: Final = 1 << 24  # places that are found one by one
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
    """With one number, or with copies of the tensor's own elements. Negative amounts cut, and do so first."""
    x, mode = source.input(0), source.attribute("mode", "constant")
    source.require(mode in ("constant", *MIRRORS), f"mode={mode}")
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
    if sides.min(initial=0) < 0:
        begin, shape = np.maximum(-sides[:, 0], 0), source.shape(x)
        size = np.array(shape) - begin - np.maximum(-sides[:, 1], 0)
        x = source.add(ours.slice, x, source.whole(begin), source.whole(size))
    sides = np.maximum(sides, 0)
    if mode != "constant":
        return _mirrored(source, x, sides, mode)
    value = source.optional(2) if source.version >= 11 else None
    if source.version < 11 and source.attribute("value", 0.0):
        value = source.scalar(source.attribute("value", 0.0), x)
    return _surrounded(source, x, source.whole(sides), value)


def _surrounded(source: OnnxSource, x: str, sides: str, value: str | None) -> str:
    """Put one number around; bytes, which are quantized where they are padded, go through wider numbers."""
    form = source.type(x).format
    inputs = [x] if value is None else [x, source.reshaped(value, (1,))]
    if form in ("u8", "s8"):
        inputs = [source.add(cast, n, to="s32") for n in inputs]
    y = source.add(ours.pad, inputs[0], sides, *inputs[1:])
    return source.add(cast, y, to=form) if form in ("u8", "s8") else y


MIRRORS: dict[str, Callable[[Array, int], Array]] = {
    "edge": lambda i, n: np.clip(i, 0, n - 1),
    "reflect": lambda i, n: np.abs((i + n - 1) % max(2 * (n - 1), 1) - (n - 1)),
    "wrap": lambda i, n: i % n,
}


def _mirrored(source: OnnxSource, x: str, sides: Array, mode: str) -> str:
    """Gather along each axis that grows the element that stands for each place."""
    for axis in np.flatnonzero(sides.any(1)):
        size, (before, after) = source.size(x, int(axis)), sides[axis]
        if size == 0:
            raise FormatError(f"mode {mode} has nothing to copy along axis {axis}")
        source.require(before + after < MOST_PADDED, f"pads {before} and {after}")
        places = MIRRORS[mode](np.arange(-before, size + after), size)
        x = source.add(gather, x, source.whole(places), axis=int(axis))
    return x


@ONNX.of("CenterCropPad")
def center_crop_pad_of(source: OnnxSource) -> str:
    """Cut or surround with zeros evenly; what is odd is cut or put behind."""
    x, target = source.input(0), source.numbers(1, "shape", 18)
    rank = source.rank(x)
    axes = source.attributes.get("axes", tuple(range(rank)))
    if target is None or len(target) != len(axes) or any(not -rank <= a < rank for a in axes):
        raise FormatError(f"shape {target} for axes {axes} of {rank}")
    size = list(source.shape(x))
    begin, sides = [0] * rank, np.zeros((rank, 2), np.int64)
    for axis, n in zip(axes, target, strict=True):
        more = n - size[axis]
        if more < 0:
            begin[axis], size[axis] = -more // 2, n
        sides[axis] = max(more, 0) // 2, max(more, 0) - max(more, 0) // 2
    if any(begin) or tuple(size) != source.shape(x):
        x = source.add(ours.slice, x, source.whole(begin), source.whole(size))
    return source.add(ours.pad, x, source.whole(sides)) if sides.any() else x


@ONNX.of("Col2Im")
def col2im_of(source: OnnxSource) -> str:
    """Add each element of each block to its place in the image: a scatter to places that are known."""
    x = source.input(0)
    image, block = (source.numbers(i, "", 18) for i in (1, 2))
    shape = source.shape(x)
    if image is None or block is None or len(image) != len(block) or len(shape) != 3 or not block:
        raise FormatError(f"image {image}, block {block} of {shape}")
    axes, taps = len(image), math.prod(block)
    stride, dilation = each_axis(source, "strides", axes), each_axis(source, "dilations", axes)
    pad = padding_of(source, image, block, stride, dilation)
    counts = [
        window_count(*axis)
        for axis in zip(image, block, stride, dilation, pad[::2], pad[1::2], strict=True)
    ]
    if min(*counts, *block) < 1 or shape[1] % taps or math.prod(counts) != shape[2]:
        raise FormatError(f"image {image}, block {block} of {shape}: {counts} blocks")
    source.require(taps * shape[2] <= MOST_PADDED, f"{shape[2]} blocks of {taps} places")
    places, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), np.bool_)
    for a in range(axes):  # (block, window) of the axes so far
        at = np.arange(block[a])[:, None] * dilation[a] - pad[2 * a]
        at = at + np.arange(counts[a]) * stride[a]
        within = (at >= 0) & (at < image[a])
        places = (places[:, None, :, None] * image[a] + at[:, None]).reshape(
            len(places) * block[a], -1
        )
        inside = (inside[:, None, :, None] & within[:, None]).reshape(places.shape)
    channels = shape[1] // taps
    rows = source.reshaped(x, (shape[0] * channels, taps * shape[2]))
    kept = np.flatnonzero(inside)
    rows = source.add(gather, source.transposed(rows, (1, 0)), source.whole(kept), axis=0)
    size = source.whole([math.prod(image), shape[0] * channels])
    y = source.add(scatter_nd, source.whole(places.ravel()[kept][:, None]), rows, size)
    return source.reshaped(source.transposed(y, (1, 0)), (shape[0], channels, *image))


@ONNX.of("Tile")
def tile_of(source: OnnxSource) -> str:
    """The same."""
    return source.add(ours.tile, source.input(0), source.whole(source.value(source.input(1))))


@ONNX.of("Range")
def range_of(source: OnnxSource) -> str:
    """The same, where the number of elements is; what leads away from the limit is empty.

    Files have ends of one element where they should have scalars.
    """
    start, limit, delta = (source.reshaped(n, ()) for n in source.given)
    first, last, step = (source.value(n).item() for n in (start, limit, delta))
    return source.add(filling.range, start, start if (last - first) * step < 0 else limit, delta)


@ONNX.of("EyeLike")
def eye_like_of(source: OnnxSource) -> str:
    """Ones on a diagonal, of the size of a tensor, and of its type unless another is said."""
    x = source.input(0)
    source.require(source.rank(x) == 2, f"EyeLike of {source.rank(x)} axes")
    number, form = source.attribute("dtype", 0), source.type(x).format
    form = FORMAT_OF[dtype_of(number, "attribute dtype")] if number else form
    rows, columns = source.shape(x)
    source.require(8 * rows * columns <= MAX_BYTES, f"a matrix of {rows} x {columns}")
    return source.constant(cast(np.eye(rows, columns, source.attribute("k", 0)), to=form))
