"""Cases of the operators that resize images."""

from __future__ import annotations

from hypothesis import strategies as st

from ...ir import ANY
from ...refimpl.resize import resize_bilinear, resize_nearest_neighbor
from ..case import Case
from ..tables import CASES
from .typed import moved, s32, typed


@st.composite
def resize_cases(draw: st.DrawFn, fmt: str, bilinear: bool) -> Case:
    """Larger, smaller and equal, each axis by itself."""
    n, c = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    h, w = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    x, quant = draw(typed(fmt, (n, h, w, c)))
    size = s32([draw(st.integers(1, 11)), draw(st.integers(1, 11))])
    modes = [(False, False), (True, False), (False, True), (True, True)]
    align, half = draw(st.sampled_from(modes[:3] if bilinear else modes))
    op = resize_bilinear if bilinear else resize_nearest_neighbor
    return moved(op, (x, size), quant, align_corners=align, half_pixel_centers=half)


for fmt in ("f32", "u8", "s8", "s16"):
    CASES.of((resize_bilinear, fmt))(resize_cases(fmt, True))
for fmt in ANY:
    CASES.of((resize_nearest_neighbor, fmt))(resize_cases(fmt, False))
