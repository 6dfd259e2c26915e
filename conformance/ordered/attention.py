"""Attention, stage by stage."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...refimpl.attention import SCORES, allowed_keys, attention
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng, dense, exp, root, total
from .rnn import tanh


def _products(add: InOrder, a: F32, b: F32) -> F32:
    """Return the sums of products of rows of (N, H, L, K) and of (N, H, S, K), head by head."""
    heads = [
        dense(add, *of) for of in zip(*(v.reshape(-1, *v.shape[2:]) for v in (a, b)), strict=True)
    ]
    return np.stack(heads).reshape(*a.shape[:3], b.shape[2])


def _weights(add: InOrder, s: F32) -> F32:
    """Return the softmax along the keys; zeros where none may be seen."""
    most = s.max(axis=-1, keepdims=True)
    powers = exp(s - np.where(most == -np.inf, np.float32(0), most))
    whole = total(add, powers)
    return powers / np.where(whole == 0, ONE, whole)


@ORDERED.of((attention, ""))
def of_attention(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Queries of many elements, or many keys; masks of both kinds, a window, a cap; a scale before or after."""
    depth, keys = (terms, 6) if rng.integers(2) else (6, terms)
    queries = rows // 24 + 1
    q, k, v = (
        draw(rng, 1, 2, queries, depth),
        draw(rng, 1, 1, keys, depth),
        draw(rng, 1, 1, keys, 6),
    )
    mask: Any = [None, draw(rng, queries, keys), rng.integers(4, size=(queries, keys)) > 0][
        int(rng.integers(3))
    ]
    cap, left = float(rng.choice([0.0, 0.5, 8.0])), int(rng.choice([-1, 2]))
    scores, before = str(rng.choice(SCORES)), bool(rng.integers(2))
    attributes = {"softcap": cap, "left": left, "scores": scores}
    seen = allowed_keys((1, 2, queries, keys), mask, None, left, -1, 0, False)

    def compute(add: InOrder) -> F32 | tuple[F32, ...]:
        wide = np.repeat(k, 2, axis=1)
        factor = ONE / root(np.array([depth], np.float32))
        half, whole = (root(factor), ONE) if before else (ONE, factor)
        s = _products(add, q * half, wide * half) * whole
        stages = {"raw": s}
        if cap:
            s = np.float32(cap) * tanh(s / np.float32(cap))
        stages["capped"] = s
        if mask is not None and mask.dtype != np.bool_:
            s = s + mask
        stages["biased"] = s = np.where(seen, s, np.float32(-np.inf))
        stages["weights"] = s = _weights(add, s)
        y = _products(add, s, np.repeat(v, 2, axis=1).swapaxes(2, 3))
        return y if scores == "none" else (y, stages[scores])

    return Drawn(Case(attention, (q, k, v, mask), attributes), compute)
