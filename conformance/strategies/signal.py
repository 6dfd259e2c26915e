"""Cases of transforms and their tables."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS
from ...refimpl.signal import cosine_window, dft, mel_weight_matrix
from ..case import Case
from ..tables import CASES
from .draw import FINITE, SMALL, floats

WINDOWS = ((0.5, 0.5), (25 / 46, 21 / 46), (0.42, 0.5, 0.08), (0.75, 0.25), (0.25, -3.0, 0.0, 0.5))


@st.composite
def dft_cases(draw: st.DrawFn) -> Case:
    """Lines whose lengths are powers, primes and products; cut, filled up, or as they are."""
    rank = draw(st.integers(1, 3))
    shape = list(draw(st.permutations((1, 2, 3, 4)))[:rank])
    at = draw(st.integers(0, rank - 1))
    shape[at] = draw(st.sampled_from((2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 16)))
    parts = draw(st.sampled_from((1, 2)))
    x = draw(floats((*shape, parts), kinds=FINITE + FINITE + SMALL)).copy()
    if draw(st.integers(0, 7)) == 1:
        x[(0,) * x.ndim] = np.inf
    attributes = {
        "axis": draw(st.sampled_from((at, at - rank - 1))),
        "length": draw(st.sampled_from((0, 0, shape[at], 1, 6, 8, 15))),
        "inverse": draw(st.booleans()),
        "onesided": draw(st.booleans()),
    }
    return Case(dft, (x,), attributes)


@st.composite
def cosine_window_cases(draw: st.DrawFn, fmt: str) -> Case:
    """No, one and more elements."""
    size = np.array(draw(st.sampled_from((*range(2, 40), 1, 0))), FORMATS[fmt])
    attributes = {
        "coefficients": draw(st.sampled_from(WINDOWS)),
        "periodic": draw(st.booleans()),
    }
    return Case(cosine_window, (size,), attributes, constant=frozenset((0,)))


@st.composite
def mel_weight_matrix_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Narrow and wide bands, some of one element, from 0 or higher."""
    bands, length = draw(st.integers(1, 9)), draw(st.sampled_from((8, 16, 31, 64, 100)))
    rate = draw(st.sampled_from((1000, 8000, 16000)))
    low = np.float32(draw(st.sampled_from((0.0, 0.03, 0.1))) * rate)
    high = np.float32(draw(st.sampled_from((0.2, 0.35, 0.49))) * rate)
    whole = tuple(np.array(v, FORMATS[fmt]) for v in (bands, length, rate))
    args = (*whole, np.array(low), np.array(high))
    return Case(mel_weight_matrix, args, constant=frozenset(range(5)))


CASES.of((dft, "f32"))(dft_cases())
for _fmt in ("s32", "s64"):
    CASES.of((cosine_window, _fmt))(cosine_window_cases(_fmt))
    CASES.of((mel_weight_matrix, _fmt))(mel_weight_matrix_cases(_fmt))
