"""Cases of the operators whose elements come from a rule."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import ANY, FORMATS
from ...refimpl.fill import RANGED, fill, range, zeros_like
from ..case import Case
from ..tables import CASES
from .draw import shapes
from .typed import moved, s32, typed


@st.composite
def fill_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any shape and value."""
    value, quant = draw(typed(fmt, ()))
    dims = draw(shapes(min_dims=1, zero=True))
    return moved(fill, (s32(dims), value), quant, data=(1,))


@st.composite
def range_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Up and down, reaching the limit exactly, almost, and not at all."""
    if fmt in ("f32", "f64"):
        delta = draw(st.sampled_from((1.0, 0.25, 0.1, 1 / 3, 3e-5, 1e20)))
        start = draw(st.sampled_from((0.0, -0.0, 0.1, -7.5, 1e4))) * delta
        limit = start + delta * (draw(st.integers(1, 40)) + draw(st.sampled_from((0, 0.5, 1e-6))))
    else:
        delta = draw(st.integers(1, 9))
        far = {"s16": (-(2**15), 2**15 - 500), "bf16": (8, 200)}.get(fmt, (-(2**31), 2**31 - 500))
        start = draw(st.integers(-50, 50) | st.sampled_from(far))
        limit = start + draw(st.integers(1, 90))
    if draw(st.booleans()):
        start, limit, delta = limit, start, -delta
    dtype = FORMATS[fmt]
    args = tuple(np.array(v, dtype) for v in (start, limit, delta))
    return Case(range, args, constant=frozenset({0, 1, 2}))


@st.composite
def zeros_like_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any shape."""
    x, quant = draw(typed(fmt, draw(shapes(zero=True))))
    return moved(zeros_like, (x,), quant)


for fmt in ANY:
    CASES.of((fill, fmt))(fill_cases(fmt))
    CASES.of((zeros_like, fmt))(zeros_like_cases(fmt))
for fmt in RANGED:
    CASES.of((range, fmt))(range_cases(fmt))
