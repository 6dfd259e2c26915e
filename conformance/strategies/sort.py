"""Cases of the operators that order or compare elements: many are equal."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...refimpl.sort import KEYS, ORDERED, topk, unique, unique_rows
from ..case import Case
from ..tables import CASES
from .draw import FINITE, arrays, seeds, shapes
from .typed import moved, s32, stored_quant, typed

LONG = (50, 150, 600)  # elements that are not all sorted by comparing
SOME = (1, 11, 51)


@st.composite
def topk_cases(draw: st.DrawFn, fmt: str) -> Case:
    """From none to all, largest or smallest; half of the rows have few distinct elements; some rows are long."""
    long = draw(st.integers(0, 5)) == 1
    shape = (2, draw(st.sampled_from(LONG))) if long else draw(shapes(min_dims=1, zero=True))
    x, quant = draw(typed(fmt, shape))
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(seeds()))
        x = rng.choice(x.ravel()[:3], x.shape) if x.size else x
    n = x.shape[-1]
    count = min(n, draw(st.sampled_from(SOME))) if long else n - draw(st.integers(0, n))
    largest = draw(st.integers(0, 3)) != 3
    return moved(topk, (x, s32(count)), quant, largest=largest)


@st.composite
def unique_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Vectors with many equal elements. No NaN: TFLite's order of keys is undefined there."""
    count = draw(st.integers(1, 40))
    options = {"kinds": FINITE} if fmt == "f32" else {}
    pool = draw(arrays(fmt, (draw(st.integers(1, 9)),), **options))
    x = np.random.default_rng(draw(seeds())).choice(pool, count)
    return moved(unique, (x,), draw(stored_quant(fmt)), to=draw(st.sampled_from(("s32", "s64"))))


@st.composite
def unique_rows_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Rows that repeat; up to five columns; with NaN, of which each is a row of its own."""
    count, width = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    pool, quant = draw(typed(fmt, (draw(st.integers(1, 6)), width)))
    x = pool[np.random.default_rng(draw(seeds())).integers(0, len(pool), count)]
    return moved(unique_rows, (x,), quant, ordered=draw(st.booleans()))


for fmt in ORDERED:
    CASES.of((topk, fmt))(topk_cases(fmt))
    CASES.of((unique_rows, fmt))(unique_rows_cases(fmt))
for fmt in KEYS:
    CASES.of((unique, fmt))(unique_cases(fmt))
