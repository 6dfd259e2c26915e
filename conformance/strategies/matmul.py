"""Cases of the fully connected layer."""

from __future__ import annotations

from hypothesis import strategies as st

from ...refimpl.matmul import fully_connected, matmul
from ..case import Case
from ..tables import CASES
from .conv import BUDGET, product_case, some_channels
from .draw import floats


@st.composite
def fully_connected_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Rows that are given as such, or as pieces of an array of higher rank; one row is common."""
    rows, inputs = draw(st.sampled_from((1, 1, 2, 3, 7, 13))), draw(some_channels(33))
    split = draw(st.sampled_from((1, 2, 3)))
    outputs = draw(some_channels(BUDGET // (rows * inputs * split)))
    keep_dims = draw(st.booleans())
    shape: tuple[int, ...]
    if keep_dims:
        shape = (rows, split, inputs) if split > 1 else (rows, inputs)
    else:
        shape = (rows, split, inputs) if split > 1 else (rows * inputs,)
        inputs *= split
    attributes = {"keep_dims": keep_dims}
    shapes = (shape, (outputs, inputs))
    return draw(product_case(fully_connected, fmt, shapes, 0, inputs, attributes))


for _fmt in ("f32", "s8", "u8", "hybrid"):
    CASES.of((fully_connected, _fmt))(fully_connected_cases(_fmt))


@st.composite
def matmul_cases(draw: st.DrawFn) -> Case:
    """Matrices, and stacks of them that are shared on either side; past a tile in rows, columns and depth."""
    turned = {"transpose_x": draw(st.booleans()), "transpose_y": draw(st.booleans())}
    batch = draw(st.sampled_from(((), (), (2,), (3, 2), (1, 4), (2, 1, 3))))
    m, k = draw(st.sampled_from((1, 2, 3, 7, 17))), draw(some_channels(37))
    n = draw(some_channels(max(1, BUDGET // (m * k * max(1, len(batch) * 3)))))
    sides = []
    for _ in (0, 1):
        ones = draw(st.tuples(*[st.integers(0, 3)] * len(batch)))
        own = tuple(1 if o == 1 else b for o, b in zip(ones, batch, strict=True))
        sides.append(own[draw(st.integers(0, len(own))) :] if draw(st.booleans()) else own)
    x = draw(floats((*sides[0], *((k, m) if turned["transpose_x"] else (m, k)))))
    y = draw(floats((*sides[1], *((n, k) if turned["transpose_y"] else (k, n)))))
    constant = draw(st.sampled_from((frozenset[int](), frozenset({1}), frozenset({0}))))
    return Case(matmul, (x, y), turned, constant=constant)


CASES.of((matmul, "f32"))(matmul_cases())
