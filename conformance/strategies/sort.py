"""Cases of the operators that order or compare elements: many are equal."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...refimpl.sort import ORDERED, topk, unique
from ..case import Case
from ..tables import CASES
from .draw import FINITE, arrays, seeds, shapes
from .typed import moved, s32, stored_quant, typed


@st.composite
def topk_cases(draw: st.DrawFn, fmt: str) -> Case:
    """From none to all; half of the rows have few distinct elements."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1))))
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(seeds()))
        x = rng.choice(x.ravel()[:3], x.shape) if x.size else x
    return moved(topk, (x, s32(draw(st.integers(0, x.shape[-1])))), quant)


@st.composite
def unique_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Vectors with many equal elements. No NaN: TFLite's order of keys is undefined there."""
    count = draw(st.integers(1, 40))
    options = {"kinds": FINITE} if fmt == "f32" else {}
    pool = draw(arrays(fmt, (draw(st.integers(1, 9)),), **options))
    x = np.random.default_rng(draw(seeds())).choice(pool, count)
    return moved(unique, (x,), draw(stored_quant(fmt)), to=draw(st.sampled_from(("s32", "s64"))))


for fmt in ORDERED:
    CASES.of((topk, fmt))(topk_cases(fmt))
    CASES.of((unique, fmt))(unique_cases(fmt))
