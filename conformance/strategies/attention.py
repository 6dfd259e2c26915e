"""Cases of attention."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...ir import Array
from ...refimpl.attention import SCORES, attention
from ..case import Case
from ..tables import CASES
from .draw import floats, seeds

# Sizes D, E, S: distinct, of one, beyond a vector and its tail.
SIZES = ((4, 3, 5), (3, 5, 7), (5, 1, 3), (1, 2, 1), (17, 20, 6), (6, 35, 9), (2, 4, 21))


@st.composite
def masks(draw: st.DrawFn, whole: tuple[int, ...]) -> Array | None:
    """None, bools, numbers with minus infinity among them; of all ranks, with sizes of one."""
    kind = draw(st.sampled_from(("none", "bool", "numbers")))
    if kind == "none":
        return None
    ones = draw(st.tuples(*[st.sampled_from((False, False, True))] * 4))
    shape = tuple(1 if one else n for one, n in zip(ones, whole, strict=True))
    shape = shape[draw(st.integers(0, 4)) :]
    rng = np.random.default_rng(draw(seeds()))
    if kind == "bool":
        return np.asarray(rng.random(shape) < draw(st.sampled_from((0.7, 0.7, 0.1))))
    numbers = draw(floats(shape, kinds=("small integers", "uniform")))
    return np.where(rng.random(shape) < 0.2, np.float32(-np.inf), numbers)


@st.composite
def attention_cases(draw: st.DrawFn) -> Case:
    """Heads that share keys, windows, masks of all kinds, keys that are not in use, rows that see nothing."""
    (depth, width, keys), n = draw(st.sampled_from(SIZES)), draw(st.sampled_from((1, 2)))
    groups, shared = draw(st.sampled_from(((1, 1), (2, 1), (1, 3), (2, 2))))
    queries = draw(st.sampled_from((4, 2, 1, 6, 9, 31)))
    heads, kinds = groups * shared, ("small integers", "uniform")
    q = draw(floats((n, heads, queries, depth), kinds=kinds, scale=2.0))
    k = draw(floats((n, groups, keys, depth), kinds=kinds, scale=2.0))
    v = draw(floats((n, groups, keys, width)))
    lengths = None
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(seeds()))
        lengths = rng.integers(0, keys + 2, n)
    return Case(
        attention,
        (q, k, v, draw(masks((n, heads, queries, keys))), lengths),
        {
            "scale": draw(st.sampled_from((None, None, 0.125, 1.0))),
            "softcap": draw(st.sampled_from((0.0, 0.0, 2.0, 30.0))),
            "left": draw(st.sampled_from((-1, -1, 0, 2))),
            "right": draw(st.sampled_from((-1, -1, 0, 1))),
            "offset": draw(st.sampled_from((0, 0, 3))),
            "trailing": lengths is not None and draw(st.booleans()),
            "scores": draw(st.sampled_from(SCORES)),
        },
    )


CASES.of((attention, "f32"))(attention_cases())
