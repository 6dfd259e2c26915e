"""Cases of sums of products over named axes, and of determinants."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...refimpl.einsum import det, einsum
from ..case import Case
from ..tables import CASES
from .draw import arrays, floats, shapes

LETTERS = "ijkABn"


@st.composite
def einsum_cases(draw: st.DrawFn, fmt: str) -> Case:
    """One to three tensors over a few letters: traces, diagonals, outer products, sums, ellipses, spaces.

    The sizes of the letters are distinct; now and then an axis has 1 element in place of them.
    """
    sizes = dict(zip(LETTERS, draw(st.permutations((2, 3, 4, 5, 6, 7))), strict=True))
    hidden = draw(st.sampled_from(((), (), (2,), (3, 2))))
    count = draw(st.sampled_from((2, 2, 1, 3)))
    most = 3 if count < 3 else 2
    terms, tensors = [], []
    for _ in range(count):
        names = draw(st.lists(st.sampled_from(LETTERS[:4]), min_size=1, max_size=most))
        place = draw(st.integers(0, len(names)))
        dots = hidden[draw(st.integers(0, len(hidden))) :] if hidden else ()
        shape = [sizes[n] for n in names]
        if draw(st.integers(0, 7)) == 7:
            shape[0] = 1
        shape[place:place] = dots
        terms.append("".join((*names[:place], "..." if hidden else "", *names[place:])))
        tensors.append(draw(arrays(fmt, tuple(shape))))
    left = draw(st.sampled_from((",", " , "))).join(terms)
    letters = sorted({c for term in terms for c in term if c != "."})
    out = "".join(draw(st.permutations(letters)))[: draw(st.integers(1, 3))]
    right = "->" + ("..." if hidden else "") + out
    equation = left + draw(st.sampled_from((right, right, "")))
    return Case(einsum, tuple(tensors), {"equation": equation})


@st.composite
def det_cases(draw: st.DrawFn) -> Case:
    """Matrices of up to five rows; some are singular, or have a zero where the first pivot would be."""
    outer = draw(shapes(max_dims=2, max_elements=8))
    n = draw(st.sampled_from((3, 2, 4, 5, 1)))
    n = 0 if draw(st.integers(0, 15)) == 15 else n
    x = draw(floats((*outer, n, n), kinds=("uniform", "small integers", "wide exponents")))
    if n > 1 and draw(st.booleans()):
        x[..., 0, 0] = 0
    if n > 1 and draw(st.integers(0, 9)) == 9:
        x[..., 1, :] = x[..., 0, :] * np.float32(2)
    return Case(det, (x,))


for _fmt in ("f32", "f64", "s32", "s64"):
    CASES.of((einsum, _fmt))(einsum_cases(_fmt))
CASES.of((det, "f32"))(det_cases())
