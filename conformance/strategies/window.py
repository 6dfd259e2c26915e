"""Cases of the operators that cut out, surround, repeat and turn around."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ...ir import ANY
from ...refimpl.window import broadcast_to, pad, reverse, slice, strided_slice, tile
from ..case import Case
from ..tables import CASES
from .draw import shapes
from .typed import moved, s32, typed


@st.composite
def slice_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any box; sometimes -1 for "up to the end"."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1))))
    begin = [draw(st.integers(0, n - 1)) for n in x.shape]
    size = [draw(st.just(-1) | st.integers(1, n - b)) for n, b in zip(x.shape, begin, strict=True)]
    return moved(slice, (x, s32(begin), s32(size)), quant)


# begin, end, stride, and the bits of an entry in begin_mask, end_mask, ellipsis_mask, ...
Entry = tuple[int, int, int, dict[str, bool]]


@st.composite
def _entry(draw: st.DrawFn, size: int) -> Entry:
    """How to index an axis of `size` elements; bounds lie up to two beyond the ends."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.integers(-size, size - 1)), 0, 1, {"shrink_axis_mask": True}
    bounds = st.integers(-size - 2, size + 2)
    stride = draw(st.sampled_from((1, 1, 2, 3, -1, -2)))
    bits = {m: draw(st.integers(0, 2)) == 0 for m in ("begin_mask", "end_mask")}
    if draw(st.integers(0, 9)) == 9:  # most of these are empty
        return draw(bounds), draw(bounds), stride, bits
    first = draw(st.integers(0, size - 1))
    count = draw(st.integers(1, size - first + 2))
    begin, end = first, first + count
    if stride < 0:
        begin, end = size - 1 - first, size - 1 - first - count
        end = end if end >= 0 else -size - 1
    return draw(st.sampled_from((begin, begin - size))), end, stride, bits


@st.composite
def strided_slice_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Every mask, alone and together: an ellipsis over some axes, new axes anywhere."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=4))))
    named = draw(st.integers(1, x.ndim))
    first = draw(st.integers(0, named))  # axes before the ellipsis, which stands for the rest
    dots = named < x.ndim and draw(st.booleans())
    axes = [*builtins.range(first), *builtins.range(x.ndim - named + first, x.ndim)]
    axes = axes if dots else [*builtins.range(named)]
    entries: list[Entry] = [draw(_entry(x.shape[a])) for a in axes]
    if dots:
        entries.insert(first, (0, 0, 1, {"ellipsis_mask": True}))
    if draw(st.integers(0, 3)) == 0 and x.ndim + 1 < 5:
        at = draw(st.integers(0, len(entries)))
        entries.insert(at, (0, 0, 1, {"new_axis_mask": True}))
    masks: dict[str, Any] = {}
    for i, entry in enumerate(entries):
        for mask, bit in entry[3].items():
            masks[mask] = masks.get(mask, 0) | bit << i
    begin, end, strides = (s32([e[k] for e in entries]) for k in builtins.range(3))
    return moved(strided_slice, (x, begin, end, strides), quant, **masks)


@st.composite
def pad_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Different amounts on every side; with and without a value."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=4, max_elements=150))))
    amounts = st.integers(0, 3)
    paddings = s32([[draw(amounts), draw(amounts)] for _ in x.shape])
    if draw(st.booleans()):
        return moved(pad, (x, paddings), quant)
    value = draw(typed(fmt, ()))[0]
    case = moved(pad, (x, paddings, value), quant, data=(0, 2))
    return replace(case, constant=frozenset({1, 2}))


@st.composite
def tile_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Up to three times along each axis, or none at all."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=4, max_elements=48))))
    multiples = s32([draw(st.integers(1, 3)) for _ in x.shape])
    if draw(st.integers(0, 15)) == 15:
        multiples[draw(st.integers(0, x.ndim - 1))] = 0
    return moved(tile, (x, multiples), quant)


@st.composite
def broadcast_to_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Ones in any place, and up to two axes more in front."""
    shape = draw(shapes(max_dims=4, max_elements=120))
    ones = [draw(st.integers(0, 2)) == 2 for _ in shape]
    x, quant = draw(typed(fmt, tuple(1 if one else n for one, n in zip(ones, shape, strict=True))))
    front = [draw(st.integers(1, 3)) for _ in builtins.range(draw(st.integers(0, 5 - len(shape))))]
    return moved(broadcast_to, (x, s32([*front, *shape])), quant)


@st.composite
def reverse_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Neighbouring axes in any order, as TFLite demands."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1))))
    first = draw(st.integers(0, x.ndim - 1))
    last = draw(st.integers(first, x.ndim - 1))
    axes = list(draw(st.permutations(builtins.range(first, last + 1))))
    if draw(st.booleans()):
        axes[0] -= x.ndim
    return moved(reverse, (x, s32(axes)), quant)


for fmt in ANY:
    CASES.of((slice, fmt))(slice_cases(fmt))
    CASES.of((strided_slice, fmt))(strided_slice_cases(fmt))
    CASES.of((pad, fmt))(pad_cases(fmt))
    CASES.of((tile, fmt))(tile_cases(fmt))
    CASES.of((reverse, fmt))(reverse_cases(fmt))
    CASES.of((broadcast_to, fmt))(broadcast_to_cases(fmt))
