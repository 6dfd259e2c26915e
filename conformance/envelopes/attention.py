"""How far float32 attention may be off, stage by stage. u = 2**-24, gamma(n) = n u / (1 - n u)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.attention import (
    allowed_keys,
    attention,
    factor_of,
    keys_in_use,
    softmax_or_zeros,
)
from ..tables import ENVELOPE
from .recurrent import FUNCTION_ERROR
from .reduce import LARGEST, SUBNORMAL, U, gamma
from .softmax import LEAST_NORMAL, LIBRARY

F64 = NDArray[np.float64]


def _weights(s: F64, off: F64) -> tuple[F64, F64]:
    """Return the softmax of scores that are off by `off`, and how far its elements may be off.

    The greatest score is subtracted as it is, which cancels: a power's argument a = s - max has but the rounding of
    the difference, and of a product with log2(e), 2 u |a| in all. A power of it is off by e**(off + 2 u |a|) - 1, and
    the function's own error; the sum by the mean of that and a rounding for each term; then a quotient, or a
    reciprocal and a product, and the reference. No weight is ever off by more than 1.
    """
    p = softmax_or_zeros(s)
    most = np.max(s, axis=-1, keepdims=True, initial=-np.inf)
    highest = np.max(np.where(np.isfinite(s), off, 0.0), axis=-1, keepdims=True, initial=0.0)
    argument = np.where(np.isfinite(s), np.abs(s - most) + off + highest, 0.0)
    relative = np.where(p > 0, np.expm1(off + 2 * U * argument) + LIBRARY, 0.0)
    relative = np.where(np.isfinite(relative), relative, 1.0)
    total = (p * relative).sum(axis=-1, keepdims=True) + s.shape[-1] * (U + LEAST_NORMAL)
    error = relative + total + 3 * U
    bound = np.where(total < 0.5, p * error / (1 - np.minimum(total + 3 * U, 0.75)), 1.0)
    return p, np.where(np.isfinite(s), np.minimum(bound, 1.0) + LEAST_NORMAL, 0.0)


@ENVELOPE.of(attention)
def attention_envelope(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    lengths: Array | None = None,
    *,
    scale: float | None = None,
    softcap: float = 0.0,
    left: int = -1,
    right: int = -1,
    offset: int = 0,
    trailing: bool = False,
    scores: str = "none",
) -> tuple[F64, ...]:
    """Carry an error from stage to stage.

    raw: gamma(D + 6) of the magnitudes of the D products, whose factors may each be multiplied by a rounded root of the
    scale; where that underflows it is off by the least number, times the other factor. capped: tanh has no slope above
    1, so that error stays; its argument, its value (times c) and the product with c round. biased: a sum rounds.
    weights: see `_weights`. Values: the sum of the weights' errors times |v|, and gamma(S + 3) of the magnitudes of the
    S products. Each stage, as a result, has the reference's rounding. What is not finite may reach others of its head:
    anything is right there.
    """
    shared = q.shape[1] // k.shape[1]
    used = keys_in_use(k, lengths)
    keys, values = (np.repeat(a.astype(np.float64), shared, axis=1) for a in (k, v))
    factor, cap = factor_of(q, scale), float(np.float32(softcap))
    s = factor * (q.astype(np.float64) @ keys.swapaxes(2, 3))
    terms = abs(factor) * (np.abs(q.astype(np.float64)) @ np.abs(keys).swapaxes(2, 3))
    off = gamma(q.shape[3] + 6) * terms + (q.shape[3] + 2) * SUBNORMAL
    least = SUBNORMAL * abs(factor) ** 0.5
    off = off + least * (np.abs(q).sum(3, dtype="f8")[..., None] + np.abs(keys).sum(3)[:, :, None])
    off = np.where(terms > LARGEST / 2, np.inf, off)
    stages = {"raw": off + U * np.abs(s)}
    if cap > 0:
        s, argument = cap * np.tanh(s / cap), np.abs(s)
        off = np.minimum(off + U * argument + cap * FUNCTION_ERROR + U * np.abs(s), 2 * cap)
    stages["capped"] = off + U * np.abs(s)
    seen = allowed_keys(s.shape, mask, lengths, left, right, offset, trailing)
    if mask is not None and mask.dtype != np.bool_:
        s = s + mask.astype(np.float64)
        off = off + U * (np.abs(np.where(np.isfinite(s), s, 0.0)) + off)
    s = np.where(seen, s, -np.inf)
    stages["biased"] = np.where(np.isfinite(s), off + U * np.abs(s), 0.0)
    p, drift = _weights(s, off)
    stages["weights"] = drift
    size = np.abs(np.where(used, values, 0.0))
    y = drift @ size + gamma(v.shape[2] + 3) * ((p + drift) @ size)
    y += v.shape[2] * SUBNORMAL
    wild = [
        ~np.isfinite(np.where(used, a, 0.0)).all(axis=(2, 3), keepdims=True) for a in (keys, values)
    ]
    y = np.where(wild[0] | wild[1] | ~np.isfinite(y), np.inf, y)
    return (y,) if scores == "none" else (y, stages[scores])
