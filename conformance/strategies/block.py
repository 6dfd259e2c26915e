"""Cases of the operators that move blocks of rows and columns."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from ...ir import ANY
from ...refimpl.block import batch_to_space_nd, depth_to_space, space_to_batch_nd, space_to_depth
from ..case import Case
from ..tables import CASES
from .typed import moved, s32, typed


@st.composite
def space_to_batch_nd_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One or two spatial axes, with other paddings on each side."""
    m = draw(st.integers(1, 2))
    block = [draw(st.integers(1, 3)) for _ in range(m)]
    paddings, sizes = [], []
    for k in block:
        before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        least = -(-(before + after + 1) // k)
        sizes.append(k * draw(st.integers(least, least + 2)) - before - after)
        paddings.append((before, after))
    x, quant = draw(typed(fmt, (draw(st.integers(1, 3)), *sizes, draw(st.integers(1, 5)))))
    return moved(space_to_batch_nd, (x, s32(block), s32(paddings)), quant)


@st.composite
def batch_to_space_nd_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One or two spatial axes, with other crops on each side."""
    m = draw(st.integers(1, 2))
    block = [draw(st.integers(1, 3)) for _ in range(m)]
    sizes = [draw(st.integers(1, 4)) for _ in range(m)]
    crops = []
    for n, k in zip(sizes, block, strict=True):
        before = draw(st.integers(0, min(3, n * k - 1)))
        crops.append((before, draw(st.integers(0, min(3, n * k - 1 - before)))))
    batch = math.prod(block) * draw(st.integers(1, 3))
    x, quant = draw(typed(fmt, (batch, *sizes, draw(st.integers(1, 5)))))
    return moved(batch_to_space_nd, (x, s32(block), s32(crops)), quant)


@st.composite
def space_to_depth_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Squares of up to three by three."""
    n, h, w, c, block = (draw(st.integers(1, 3)) for _ in range(5))
    x, quant = draw(typed(fmt, (n, h * block, w * block, c)))
    return moved(space_to_depth, (x,), quant, block=block)


@st.composite
def depth_to_space_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Squares of up to three by three."""
    n, h, w, c, block = (draw(st.integers(1, 3)) for _ in range(5))
    x, quant = draw(typed(fmt, (n, h, w, c * block * block)))
    return moved(depth_to_space, (x,), quant, block=block)


for fmt in ANY:
    CASES.of((space_to_batch_nd, fmt))(space_to_batch_nd_cases(fmt))
    CASES.of((batch_to_space_nd, fmt))(batch_to_space_nd_cases(fmt))
    CASES.of((space_to_depth, fmt))(space_to_depth_cases(fmt))
    CASES.of((depth_to_space, fmt))(depth_to_space_cases(fmt))
