"""Cases of the operators that change axes."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from ...ir import ANY
from ...refimpl.shape import expand_dims, rank, reshape, shape, squeeze, transpose
from ..case import Case
from ..tables import CASES
from .draw import shapes
from .typed import moved, s32, typed


def _factors(n: int) -> list[int]:
    """Return the prime factors of a positive number."""
    found, divisor = [], 2
    while n > 1:
        while n % divisor == 0:
            found.append(divisor)
            n //= divisor
        divisor += 1
    return found


@st.composite
def reshape_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any factorization of the size; sometimes -1 for one of them."""
    x, quant = draw(typed(fmt, draw(shapes())))
    dims = draw(st.integers(0 if x.size == 1 else 1, 5))
    sizes = [1] * dims
    for prime in _factors(x.size):
        sizes[draw(st.integers(0, dims - 1))] *= prime
    assert math.prod(sizes) == x.size
    if dims and draw(st.booleans()):
        sizes[draw(st.integers(0, dims - 1))] = -1
    return moved(reshape, (x, s32(sizes)), quant)


@st.composite
def squeeze_cases(draw: st.DrawFn, fmt: str) -> Case:
    """All axes of size 1, or some by number from either end."""
    sizes = list(draw(shapes(max_dims=3)))
    for _ in range(draw(st.integers(0, 3))):
        sizes.insert(draw(st.integers(0, len(sizes))), 1)
    ones = [a for a, n in enumerate(sizes) if n == 1]
    some = draw(st.lists(st.sampled_from(ones), unique=True)) if ones else []
    axes = tuple(a - len(sizes) if draw(st.booleans()) else a for a in some)
    x, quant = draw(typed(fmt, tuple(sizes)))
    return moved(squeeze, (x,), quant, axes=axes)


@st.composite
def expand_dims_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any place for the new axis."""
    x, quant = draw(typed(fmt, draw(shapes(zero=True))))
    axis = draw(st.integers(-x.ndim - 1, x.ndim))
    return moved(expand_dims, (x, s32(axis)), quant)


@st.composite
def transpose_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Any permutation of up to six axes."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=6, max_elements=400))))
    perm = list(draw(st.permutations(range(x.ndim))))
    if draw(st.booleans()):
        perm[0] -= x.ndim
    return moved(transpose, (x, s32(perm)), quant)


@st.composite
def shape_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Both types of the result, which has an element at least."""
    x, quant = draw(typed(fmt, draw(shapes(min_dims=1, max_dims=5, zero=True))))
    return Case(shape, (x,), {"to": draw(st.sampled_from(("s32", "s64")))}, (quant,))


@st.composite
def rank_cases(draw: st.DrawFn, fmt: str) -> Case:
    """Up to five axes."""
    x, quant = draw(typed(fmt, draw(shapes(max_dims=5, zero=True))))
    return Case(rank, (x,), {}, (quant,))


for fmt in ANY:
    CASES.of((reshape, fmt))(reshape_cases(fmt))
    CASES.of((squeeze, fmt))(squeeze_cases(fmt))
    CASES.of((expand_dims, fmt))(expand_dims_cases(fmt))
    CASES.of((transpose, fmt))(transpose_cases(fmt))
    CASES.of((shape, fmt))(shape_cases(fmt))
    CASES.of((rank, fmt))(rank_cases(fmt))
