"""Cases of the fully connected layer."""

from __future__ import annotations

from hypothesis import strategies as st

from ...refimpl.matmul import fully_connected
from ..case import Case
from ..tables import CASES
from .conv import BUDGET, product_case, some_channels


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
