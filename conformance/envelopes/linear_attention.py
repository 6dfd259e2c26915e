"""How far linear attention, and the turning of vectors, may be off. u = 2**-24, gamma(n) = n u / (1 - n u)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.linear_attention import linear_attention, read_scale
from ...refimpl.rotary import pairs_of, rotary_embedding
from ..tables import ENVELOPE
from .matmul import magnitude
from .reduce import LARGEST, SUBNORMAL, U, gamma
from .softmax import LIBRARY

F64 = NDArray[np.float64]


def _taken_in(s: F64, off: F64, key: F64, value: F64, rate: F64 | None) -> tuple[F64, F64, F64]:
    """Return the state after a step, how far it may be off, and the largest number on its way (N, G).

    Without a rate, products and a sum round. With one, S goes to (I - beta k k^T) S + beta k v^T: an error of S goes
    through the magnitudes of that matrix. What is known, S^T k, is a sum of D products, off by gamma(D + 1); it is
    subtracted from v, multiplied by beta and by k, and added to S.
    """
    size = np.abs(s) + off
    if rate is None:
        new = np.abs(key[..., None] * value[:, :, None])
        after = s + key[..., None] * value[:, :, None]
        off = off + gamma(2) * new + U * (size + new) + 3 * SUBNORMAL
        return after, off, (size + new).max((2, 3), initial=0)
    depth = key.shape[-1]
    known = np.einsum("ngde,ngd->nge", s, key)
    terms = np.einsum("ngde,ngd->nge", size, np.abs(key))
    turn = np.eye(depth) - rate[..., None] * key[..., None] * key[:, :, None]
    after = s + key[..., None] * (rate * (value - known))[:, :, None]
    reach = np.abs(value) + terms
    own = np.abs(rate) * (gamma(depth + 1) * terms + gamma(4) * reach) + depth * SUBNORMAL
    moved = np.abs(key)[..., None] * (np.abs(rate) * reach)[:, :, None]
    local = np.abs(key)[..., None] * own[:, :, None] + U * (size + moved) + 3 * SUBNORMAL
    most = np.maximum((size + moved).max((2, 3), initial=0), reach.max(2, initial=0))
    most = np.maximum(most, (np.abs(rate) * reach).max(2, initial=0))
    return after, np.abs(turn) @ off + local, most


@ENVELOPE.of(linear_attention)
def linear_attention_envelope(
    q: Array,
    k: Array,
    v: Array,
    state: Array | None = None,
    decay: Array | None = None,
    beta: Array | None = None,
    *,
    scale: float | None = None,
) -> tuple[F64, F64]:
    """Carry the error of the state from step to step.

    A decay is off by that of an exp, and rounds with the product; see `_taken_in` for what follows. An output is a sum
    of D products and a scale, gamma(D + 3), besides |q| times the error of the state. From where numbers may exceed
    half of the largest float32 anything is right.
    """
    (n, time, heads, depth), groups, width = q.shape, k.shape[2], v.shape[3]
    s = np.zeros((n, groups, depth, width)) if state is None else state.astype(np.float64)
    off, y = np.zeros_like(s), np.zeros((n, time, heads, width))
    factor, beyond = abs(read_scale(q, scale)), np.zeros((n, groups), bool)
    for t in range(time):
        query, key, value = (a[:, t].astype(np.float64) for a in (q, k, v))
        if decay is not None:
            gate, drift = np.exp(decay[:, t].astype(np.float64))[..., None], LIBRARY + 2 * U
            off = gate * (off * (1 + drift) + drift * np.abs(s)) + SUBNORMAL
            s = s * gate
            beyond = beyond | np.any(
                (gate > LARGEST / 2) & np.isfinite(decay[:, t, ..., None]), axis=(2, 3)
            )
        rate = None if beta is None else beta[:, t, :, None].astype(np.float64)
        s, off, most = _taken_in(s, off, key, value, rate)
        beyond = beyond | ((most > LARGEST / 2) & np.isfinite(most))
        shared = np.abs(query).reshape(n, groups, heads // groups, depth)
        carried, size = (np.einsum("ngde,nghd->nghe", a, shared) for a in (off, np.abs(s) + off))
        error = factor * (carried + gamma(depth + 3) * size) + (depth + 2) * SUBNORMAL
        size = size.max(3, initial=0)
        wild = beyond[..., None] | ((size * max(1.0, factor) > LARGEST / 2) & np.isfinite(size))
        y[:, t] = np.where(wild[..., None], np.inf, error).reshape(n, heads, width)
    return y, np.where(beyond[..., None, None], np.inf, off + U * np.abs(s))


@ENVELOPE.of(rotary_embedding)
def rotary_embedding_envelope(
    x: Array, cos: Array, sin: Array, *, interleaved: bool = False
) -> F64:
    """Allow gamma(3) (|a cos| + |b sin|) and two subnormals: products, a sum, the reference. The rest is moved."""
    y = np.zeros(x.shape)
    c, s = (magnitude(a)[:, None] for a in (cos, sin))
    a, b = pairs_of(magnitude(x), cos.shape[2], interleaved)
    to_a, to_b = pairs_of(y, cos.shape[2], interleaved)
    for target, total in ((to_a, a * c + b * s), (to_b, a * s + b * c)):
        bound = gamma(3) * total + 2 * SUBNORMAL
        target[...] = np.where(total > LARGEST / 2, np.inf, bound)
    return y
