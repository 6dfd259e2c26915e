"""Operators that cut a part out of a tensor, surround it, repeat it or turn it around.

`slice` and `range` are operators here and in the neighbouring modules: Python's own are `builtins.slice` ...
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass

import numpy as np

from ..ir import ANY, Array, TensorType, op, require
from .axes import resolve_axis, sizes_of, whole_numbers


def _box(x: TensorType, begin: TensorType, size: TensorType) -> tuple[list[int], list[int]]:
    rank = len(x.shape)
    both = begin.shape == size.shape == (rank,)
    require("C1", both, f"begin {begin.shape} and size {size.shape} for {rank} axes")
    starts, counts = whole_numbers(begin), whole_numbers(size)
    counts = [n - b if c == -1 else c for n, b, c in zip(x.shape, starts, counts, strict=True)]
    inside = all(
        b >= 0 and c >= 0 and b + c <= n for n, b, c in zip(x.shape, starts, counts, strict=True)
    )
    require("C2", inside, f"begin {starts}, size {counts} of {x.shape}")
    return starts, counts


def _infer_slice(x: TensorType, begin: TensorType, size: TensorType) -> TensorType:
    return x.like(tuple(_box(x, begin, size)[1]))


@op(infer=_infer_slice, dtypes=ANY, moves=True, static=("begin", "size"))
def slice(x: Array, begin: Array, size: Array) -> Array:
    """Return the box of `x` that starts at `begin` and has the given size.

    Inputs: `x` of any type; `begin` integers (R,); `size` integers (R,), -1: up to the end.
    Constraints: (C1) Both have an entry for each axis. (C2) The box lies inside of `x`.

    >>> slice(np.arange(5), np.array([1]), np.array([3])).tolist()
    [1, 2, 3]
    """
    starts, counts = _box(*map(TensorType.of, (x, begin, size)))
    return x[tuple(builtins.slice(b, b + c) for b, c in zip(starts, counts, strict=True))].copy()


@dataclass(frozen=True)
class AxisRange:
    """What strided_slice takes of one axis: `count` elements from `start` on, `step` apart.

    `drops`: the axis does not survive. An axis that is new has no `source`.
    """

    start: int
    count: int
    step: int
    drops: bool = False
    source: int | None = None


def _axis_range(size: int, spec: tuple[int, int, int], masks: tuple[bool, bool, bool]) -> AxisRange:
    """Resolve begin, end and stride on an axis of `size` elements under (begin, end, shrink) masks."""
    begin, end, step = spec
    open_begin, open_end, shrink = masks
    require("C3", step != 0, "a stride is 0")
    if shrink:
        require(
            "C4", step > 0 and not open_begin, "an axis that is shrunk has a start and stride > 0"
        )
        require("C4", -size <= begin < size, f"index {begin} of an axis with {size} elements")
        return AxisRange(begin % size, 1, 1, drops=True)
    low, high = (0, size) if step > 0 else (-1, size - 1)
    start = min(max(begin + size if begin < 0 else begin, low), high)
    stop = min(max(end + size if end < 0 else end, low), high)
    start = (low if step > 0 else high) if open_begin else start
    stop = (high if step > 0 else low) if open_end else stop
    return AxisRange(start, len(builtins.range(start, stop, step)), step)


def strided_ranges(
    sizes: tuple[int, ...], spec: list[tuple[int, int, int]], masks: tuple[int, int, int, int, int]
) -> list[AxisRange]:
    """Return what strided_slice takes of each axis, new ones included.

    `spec` holds (begin, end, stride) an entry; `masks` are begin, end, ellipsis, new axis, shrink axis.
    """

    def bit(mask: int, i: int) -> bool:
        return bool(masks[mask] >> i & 1)

    dots = [i for i in builtins.range(len(spec)) if bit(2, i)]
    require("C5", len(dots) <= 1, "two ellipses")
    named = sum(not bit(2, i) and not bit(3, i) for i in builtins.range(len(spec)))
    left = len(sizes) - named
    require("C6", left >= len(dots), f"{named} entries for {len(sizes)} axes")
    found: list[AxisRange] = []
    axis = 0
    for i, entry in enumerate([*spec, None]):
        if entry is None or i in dots:
            whole = left if (entry is None) != bool(dots) else 0
            found += [
                AxisRange(0, n, 1, source=axis + j) for j, n in enumerate(sizes[axis:][:whole])
            ]
            axis += whole
        elif bit(3, i):
            found.append(AxisRange(0, 1, 1))
        else:
            r = _axis_range(sizes[axis], entry, (bit(0, i), bit(1, i), bit(4, i)))
            found.append(AxisRange(r.start, r.count, r.step, r.drops, source=axis))
            axis += 1
    return found


def _infer_strided_slice(
    x: TensorType,
    begin: TensorType,
    end: TensorType,
    strides: TensorType,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> TensorType:
    shapes = {t.shape for t in (begin, end, strides)}
    one = len(shapes) == 1 and len(begin.shape) == 1
    require("C1", one, f"begin, end and strides are vectors of one size, got {shapes}")
    require("C2", begin.shape[0] < 32, f"{begin.shape[0]} entries")
    spec = list(zip(*map(whole_numbers, (begin, end, strides)), strict=True))
    masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return x.like(tuple(r.count for r in strided_ranges(x.shape, spec, masks) if not r.drops))


@op(infer=_infer_strided_slice, dtypes=ANY, moves=True, static=("begin", "end", "strides"))
def strided_slice(
    x: Array,
    begin: Array,
    end: Array,
    strides: Array,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Array:
    """Index `x` as NumPy does: entry i takes `begin[i]:end[i]:strides[i]` of the next axis.

    Positions outside of the axis are clamped. The entries and masks are those of TensorFlow.

    Inputs: `x` of any type; `begin`, `end`, `strides` integers (K,).
    Attributes: masks of entries (bit i: entry i) `begin_mask`, `end_mask` (no bound: from or to the
    end), `ellipsis_mask` (all axes that no entry names), `new_axis_mask` (insert an axis of size 1; beats
    `shrink_axis_mask`), `shrink_axis_mask` (one element, drop the axis).
    Constraints: (C1) `begin`, `end`, `strides` are vectors of one size. (C2) Below 32. (C3) No stride
    is 0. (C4) A shrunk axis has a start inside of it and a stride > 0. (C5) One ellipsis at most.
    (C6) Entries name no more axes than there are, and an ellipsis stands for one at least (for none,
    TensorFlow and TFLite disagree).

    >>> strided_slice(np.arange(5), *np.array([[-1], [0], [-2]]), end_mask=1).tolist()
    [4, 2, 0]
    """
    spec = list(zip(*map(whole_numbers, (begin, end, strides)), strict=True))
    masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    ranges = strided_ranges(x.shape, spec, masks)
    taken = [r for r in ranges if r.source is not None]
    y = x[np.ix_(*(r.start + r.step * np.arange(r.count) for r in taken))] if taken else x
    return y.reshape([r.count for r in ranges if not r.drops]).copy()


def _infer_pad(x: TensorType, paddings: TensorType, value: TensorType | None = None) -> TensorType:
    rank = len(x.shape)
    require("C1", paddings.shape == (rank, 2), f"paddings {paddings.shape} for {rank} axes")
    amounts = sizes_of("C2", whole_numbers(paddings))
    if value is not None:
        one = value.size == 1 and value.dtype == x.dtype
        require("C3", one, f"value is {value.dtype} {value.shape}, x is {x.dtype}")
    sums = zip(x.shape, amounts[::2], amounts[1::2], strict=True)
    return x.like(tuple(n + before + after for n, before, after in sums))


@op(
    infer=_infer_pad,
    dtypes=tuple(t for t in ANY if t not in ("s8", "u8", "s16")),
    moves=True,
    static=("paddings",),
)
def pad(x: Array, paddings: Array, value: Array | None = None) -> Array:
    """Surround `x` with `paddings[a]` = (before, after) elements along each axis a.

    Inputs: `x` of any type; `paddings` integers (R, 2); `value` to put there (one element), 0 if absent.
    Constraints: (C1) `paddings` has two columns and a row for each axis. (C2) It is not negative.
    (C3) `value` is one element of the type of `x`.

    >>> pad(np.array([1, 2]), np.array([[1, 2]])).tolist()
    [0, 1, 2, 0, 0]
    """
    constant = 0 if value is None else value.reshape(())
    return np.pad(x, paddings.reshape(-1, 2), constant_values=constant) if x.ndim else x.copy()


def _infer_tile(x: TensorType, multiples: TensorType) -> TensorType:
    rank = len(x.shape)
    require("C1", multiples.shape == (rank,), f"multiples {multiples.shape} for {rank} axes")
    times = sizes_of("C2", whole_numbers(multiples))
    return x.like(tuple(n * m for n, m in zip(x.shape, times, strict=True)))


@op(infer=_infer_tile, dtypes=ANY, moves=True, static=("multiples",))
def tile(x: Array, multiples: Array) -> Array:
    """Repeat `x` as a whole `multiples[a]` times along each axis a.

    Inputs: `x` of any type; `multiples` integers (R,).
    Constraints: (C1) `multiples` has an entry for each axis. (C2) It is not negative.

    >>> tile(np.array([1, 2]), np.array([2])).tolist()
    [1, 2, 1, 2]
    """
    return np.tile(x, whole_numbers(multiples))


def _infer_reverse(x: TensorType, axes: TensorType) -> TensorType:
    require("C1", len(axes.shape) == 1, f"axes is a vector, got {axes.shape}")
    named = [resolve_axis("C2", a, len(x.shape)) for a in whole_numbers(axes)]
    require("C2", len(set(named)) == len(named), f"axes {named} are distinct")
    return x.like(x.shape)


@op(infer=_infer_reverse, dtypes=ANY, moves=True, static=("axes",))
def reverse(x: Array, axes: Array) -> Array:
    """Turn the order of the elements around along each of `axes`.

    Inputs: `x` of any type; `axes` integers (K,), negative ones from the end.
    Constraints: (C1) `axes` is a vector. (C2) The axes exist and are distinct.

    >>> reverse(np.array([[1, 2], [3, 4]]), np.array([1])).tolist()
    [[2, 1], [4, 3]]
    """
    return np.flip(x, tuple(whole_numbers(axes))).copy()


def _infer_broadcast_to(x: TensorType, shape: TensorType) -> TensorType:
    require("C1", len(shape.shape) == 1, f"shape is a vector, got {shape.shape}")
    sizes = sizes_of("C2", whole_numbers(shape))
    missing = len(sizes) - len(x.shape)
    require("C3", missing >= 0, f"{x.shape} has more axes than {sizes}")
    fits = all(n in (1, m) for n, m in zip(x.shape, sizes[missing:], strict=True))
    require("C4", fits, f"{x.shape} does not broadcast to {sizes}")
    return x.like(sizes)


@op(infer=_infer_broadcast_to, dtypes=ANY, moves=True, static=("shape",))
def broadcast_to(x: Array, shape: Array) -> Array:
    """Repeat `x` along axes of size 1 and along new axes in front, until it has `shape`.

    Inputs: `x` of any type; `shape` integers (R,).
    Constraints: (C1) `shape` is a vector. (C2) It is not negative. (C3) It has at least the axes of `x`.
    (C4) From the last axis on, sizes are equal, or that of `x` is 1.

    >>> broadcast_to(np.array([[1], [2]]), np.array([2, 3])).tolist()
    [[1, 1, 1], [2, 2, 2]]
    """
    return np.broadcast_to(x, whole_numbers(shape)).copy()
