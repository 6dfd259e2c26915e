"""Linear attention, step by step, and the turning of vectors."""

from __future__ import annotations

import numpy as np

from ...refimpl.linear_attention import linear_attention
from ...refimpl.rotary import pairs_of, rotary_embedding
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng, exp, root


def _two(add: InOrder, a: F32, b: F32, c: F32, d: F32) -> F32:
    """Return a b + c d, with as many roundings as the order of a sum has."""
    whole = np.broadcast_arrays(a, b, c, d)
    p, q, r, s = (np.ascontiguousarray(v).ravel() for v in whole)
    return add(np.stack([p, r], 1), np.stack([q, s], 1)).reshape(whole[0].shape)


def _read(add: InOrder, state: F32, by: F32) -> F32:
    """Return the sums over D of (N, D, E) times (N, D)."""
    rows = np.ascontiguousarray(state.swapaxes(1, 2))
    each = np.broadcast_to(by[:, None], rows.shape)
    n, width, depth = rows.shape
    return add(rows.reshape(-1, depth), each.reshape(-1, depth)).reshape(n, width)


@ORDERED.of((linear_attention, ""))
def of_linear_attention(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """One head of `terms` elements; with or without a decay, adding or by the delta rule."""
    time, width, depth = (*(int(v) for v in rng.integers(1, 6, 2)), min(terms, 31))
    n = rows // (width * (time + depth)) + 1
    q, k, v = (draw(rng, n, time, 1, size) for size in (depth, depth, width))
    state = draw(rng, n, 1, depth, width)
    decay = -np.abs(draw(rng, n, time, 1, depth)) if rng.integers(2) else None
    beta = draw(rng, n, time, 1) if rng.integers(2) else None

    def compute(add: InOrder) -> tuple[F32, ...]:
        s, y = state[:, 0], []
        for t in range(time):
            query, key, value = q[:, t, 0], k[:, t, 0], v[:, t, 0]
            if decay is not None:
                s = s * exp(decay[:, t, 0])[..., None]
            if beta is not None:
                value = beta[:, t] * (value - _read(add, s, key))
            s = _two(add, s, ONE, key[..., None], value[:, None])
            y.append(_read(add, s, query) * (ONE / root(np.array([depth], np.float32))))
        return np.stack(y, axis=1)[:, :, None], s[:, None]

    return Drawn(Case(linear_attention, (q, k, v, state, decay, beta)), compute)


@ORDERED.of((rotary_embedding, ""))
def of_rotary(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Pairs that are neighbours, or in two halves; some elements stay."""
    length = rows // (2 * (2 * terms + 1)) + 1
    x = draw(rng, 1, 2, length, 2 * terms + 1)
    cos, sin = draw(rng, 1, length, terms), draw(rng, 1, length, terms)
    interleaved = bool(rng.integers(2))

    def compute(add: InOrder) -> F32:
        y = x.copy()
        (a, b), (to_a, to_b) = (pairs_of(v, terms, interleaved) for v in (x, y))
        to_a[...] = _two(add, a, cos[:, None], -b, sin[:, None])
        to_b[...] = _two(add, a, sin[:, None], b, cos[:, None])
        return y

    return Drawn(Case(rotary_embedding, (x, cos, sin), {"interleaved": interleaved}), compute)
