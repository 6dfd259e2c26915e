"""Cases of the operators that join and cut along an axis."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from ...ir import ANY
from ...refimpl.join import concat, pack, split, split_v, unpack
from ..case import Case
from ..tables import CASES
from .draw import quant_params, shapes
from .typed import moved, s32, stored_quant, typed


@st.composite
def concat_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One to four tensors that differ along the axis; u8 ones in their quantization, too."""
    sizes = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(sizes), len(sizes) - 1))
    lengths = draw(st.lists(st.integers(0, 7), min_size=1, max_size=4))
    lengths[0] = max(lengths[0], 1)
    quant = draw(stored_quant(fmt))
    xs = []
    for n in lengths:
        other = list(sizes)
        other[axis] = n
        xs.append(draw(typed(fmt, tuple(other)))[0])
    case = moved(concat, xs, quant, data=range(len(xs)), axis=axis)
    if fmt == "u8":
        own = [draw(st.just(quant) | quant_params("u8")) for _ in xs]
        case = replace(case, quant=tuple(own))
    return case


@st.composite
def pack_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One to four tensors."""
    sizes = draw(shapes(max_dims=3))
    axis = draw(st.integers(-len(sizes) - 1, len(sizes)))
    x, quant = draw(typed(fmt, sizes))
    more = [draw(typed(fmt, sizes))[0] for _ in range(draw(st.integers(0, 3)))]
    return moved(pack, (x, *more), quant, data=range(1 + len(more)), axis=axis)


@st.composite
def unpack_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any axis."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1))))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    return moved(unpack, (x,), quant, axis=axis, count=x.shape[axis])


@st.composite
def split_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One to four equal parts."""
    sizes = list(draw(shapes(min_dims=1)))
    axis = draw(st.integers(-len(sizes), len(sizes) - 1))
    count = draw(st.integers(1, 4))
    sizes[axis] = draw(st.integers(1, 4)) * count
    x, quant = draw(typed(fmt, tuple(sizes)))
    return moved(split, (s32(axis), x), quant, data=(1,), count=count)


@st.composite
def split_v_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One to four parts of any sizes; sometimes -1 for one of them."""
    sizes = list(draw(shapes(min_dims=1)))
    axis = draw(st.integers(-len(sizes), len(sizes) - 1))
    parts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    sizes[axis] = sum(parts)
    if draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = -1
    x, quant = draw(typed(fmt, tuple(sizes)))
    return moved(split_v, (x, s32(parts), s32(axis)), quant)


for fmt in ANY:
    CASES.of((concat, fmt))(concat_cases(fmt))
    CASES.of((pack, fmt))(pack_cases(fmt))
    CASES.of((unpack, fmt))(unpack_cases(fmt))
    CASES.of((split, fmt))(split_cases(fmt))
    CASES.of((split_v, fmt))(split_v_cases(fmt))
