"""Cases of linear attention, and of the turning of vectors."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ...refimpl.linear_attention import linear_attention
from ...refimpl.rotary import rotary_embedding
from ..case import Case
from ..tables import CASES
from .draw import floats, seeds

KINDS = ("small integers", "uniform")


@st.composite
def linear_attention_cases(draw: st.DrawFn) -> Case:
    """All four rules, from a state or none, heads that share one; keys of length 1 with the delta rule."""
    n, time = draw(st.sampled_from(((1, 1), (2, 3), (1, 5), (3, 2))))
    depth, width = draw(st.sampled_from(((3, 4), (4, 3), (1, 2), (2, 1), (5, 18))))
    groups, shared = draw(st.sampled_from(((1, 1), (2, 1), (1, 3), (3, 2))))
    frames = (n, time, groups)
    q = draw(floats((n, time, groups * shared, depth), kinds=KINDS))
    k = draw(floats((*frames, depth), kinds=KINDS))
    v = draw(floats((*frames, width), kinds=KINDS))
    state = draw(st.none() | floats((n, groups, depth, width), kinds=KINDS))
    decay, beta = None, None
    if draw(st.booleans()):
        decay = -np.abs(draw(floats((*frames, draw(st.sampled_from((1, depth)))), scale=2.0)))
    if draw(st.booleans()):
        length = np.sqrt(np.sum(k.astype(np.float64) ** 2, axis=-1, keepdims=True))
        k = (k / np.where(length == 0, 1, length)).astype(np.float32)
        rng = np.random.default_rng(draw(seeds()))
        beta = rng.random((n, time, draw(st.sampled_from((1, groups))))).astype(np.float32)
    scale = draw(st.sampled_from((None, None, 1.0, 0.3)))
    return Case(linear_attention, (q, k, v, state, decay, beta), {"scale": scale})


@st.composite
def rotary_embedding_cases(draw: st.DrawFn) -> Case:
    """All elements turned, some, or none."""
    n, heads, length = draw(st.sampled_from(((1, 2, 3), (2, 3, 4), (3, 1, 2))))
    pairs, rest = draw(st.sampled_from(((1, 0), (2, 0), (4, 3), (2, 1), (20, 0), (9, 5))))
    x = draw(floats((n, heads, length, 2 * pairs + rest)))
    rng = np.random.default_rng(draw(seeds()))
    angles = rng.uniform(-4, 4, (n, length, pairs))
    cos, sin = (f(angles).astype(np.float32) for f in (np.cos, np.sin))
    interleaved = draw(st.booleans())
    constant = draw(st.sampled_from((frozenset[int](), frozenset({1, 2}))))
    return Case(rotary_embedding, (x, cos, sin), {"interleaved": interleaved}, constant=constant)


CASES.of((linear_attention, "f32"))(linear_attention_cases())
CASES.of((rotary_embedding, "f32"))(rotary_embedding_cases())
