"""Cases of products of bytes less their zero points."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from ...ir import Array
from ...refimpl.integer_products import BYTES, conv_integer, matmul_integer
from ..case import Case
from ..tables import CASES
from .conv import some_channels
from .conv_nd import BUDGET, window_nd
from .draw import ints


def zeros(fmt: str, shapes: tuple[tuple[int, ...], ...]) -> st.SearchStrategy[Array | None]:
    """Zero points of one of the shapes, or none."""
    return st.sampled_from((None, *shapes)).flatmap(
        lambda shape: st.none() if shape is None else ints(fmt, shape)
    )


@st.composite
def matmul_integer_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Matrices, and stacks of them that are shared on either side."""
    other = draw(st.sampled_from(BYTES))
    batch: tuple[int, ...] = draw(st.sampled_from(((), (), (2,), (3, 2), (1, 4))))
    m, k = draw(st.sampled_from((1, 2, 3, 7))), draw(some_channels(37))
    n = draw(some_channels(max(1, BUDGET // (m * k * max(1, math.prod(batch))))))
    sides: list[tuple[int, ...]] = [batch, batch]
    if draw(st.booleans()) and batch:
        side, ones = draw(st.integers(0, 1)), draw(st.booleans())
        sides[side] = (1,) * len(batch) if ones else ()
    x, y = draw(ints(fmt, (*sides[0], m, k))), draw(ints(other, (*sides[1], k, n)))
    x_zero = draw(zeros(fmt, ((), (m, 1), (*sides[0], m, 1))))
    y_zero = draw(zeros(other, ((), (1, n), (*sides[1], 1, n))))
    constant = draw(st.sampled_from((frozenset[int](), frozenset({1, 3}))))
    return Case(matmul_integer, (x, y, x_zero, y_zero), {}, constant=constant)


@st.composite
def conv_integer_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One, two and three axes; groups; zero points of the filters one an output."""
    other = draw(st.sampled_from(BYTES))
    window, kernel, size = draw(window_nd(2, 3))
    step = window.get("stride", (1,) * len(kernel))
    work = math.prod(kernel) * math.prod(math.ceil(s / t) for s, t in zip(size, step, strict=True))
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    c = draw(some_channels(BUDGET // (work * groups)))
    o = draw(some_channels(BUDGET // (work * groups * c)))
    x = draw(ints(fmt, (draw(st.sampled_from((1, 2))), *size, c * groups)))
    w = draw(ints(other, (o * groups, *kernel, c)))
    x_zero, w_zero = draw(zeros(fmt, ((),))), draw(zeros(other, ((), (o * groups,))))
    constant = draw(st.sampled_from((frozenset[int](), frozenset({1, 3}))))
    return Case(conv_integer, (x, w, x_zero, w_zero), window, constant=constant)


for _fmt in BYTES:
    CASES.of((matmul_integer, _fmt))(matmul_integer_cases(_fmt))
    CASES.of((conv_integer, _fmt))(conv_integer_cases(_fmt))
