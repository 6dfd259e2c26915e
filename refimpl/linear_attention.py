"""Linear attention: a matrix for each head remembers keys and values, and queries read it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require

F32 = NDArray[np.float32]


def _infer_linear_attention(
    q: TensorType,
    k: TensorType,
    v: TensorType,
    state: TensorType | None = None,
    decay: TensorType | None = None,
    beta: TensorType | None = None,
    *,
    scale: float | None = None,
) -> tuple[TensorType, TensorType]:
    require("C1", all(len(t.shape) == 4 for t in (q, k, v)), "not four axes each")
    (n, time, heads, depth), groups, width = q.shape, k.shape[2], v.shape[3]
    fits = k.shape == (n, time, groups, depth) and v.shape[:3] == k.shape[:3] and depth > 0
    require("C2", fits and q.dtype == k.dtype == v.dtype, f"q {q}, k {k}, v {v}")
    require("C3", groups > 0 and heads % groups == 0, f"{heads} heads share {groups}")
    whole = (n, groups, depth, width)
    require("C4", state is None or state.shape == whole, f"state {state}, not {whole}")
    allowed = [(n, time, groups, d) for d in (depth, 1)]
    require("C5", decay is None or decay.shape in allowed, f"decay {decay}, none of {allowed}")
    rates = [(n, time, g) for g in (groups, 1)]
    require("C6", beta is None or beta.shape in rates, f"beta {beta}, none of {rates}")
    given = [t for t in (state, decay, beta) if t is not None]
    require("C7", all(t.dtype == q.dtype for t in given), "other types")
    return q.like((n, time, heads, width)), q.like(whole)


@op(infer=_infer_linear_attention)
def linear_attention(
    q: F32,
    k: F32,
    v: F32,
    state: F32 | None = None,
    decay: F32 | None = None,
    beta: F32 | None = None,
    *,
    scale: float | None = None,
) -> tuple[F32, F32]:
    r"""Remember values under their keys, step by step, and read what is remembered with queries.

    At each step the state S (D, E) of a head first decays, $S_d \leftarrow e^{g_d} S_d$ (gated); then it takes in
    $S \leftarrow S + k \otimes v$, or by the delta rule what it does not know yet, $\beta (v - S^T k)$ in place of v
    (Yang et al., Gated Delta Networks, 2024). The output is $scale\, S^T q$.

    Inputs: `q` (N, T, H, D); `k` (N, T, G, D) and `v` (N, T, G, E), each of whose G heads H / G heads of `q` share;
    optional `state` (N, G, D, E), zeros if absent; optional `decay` g (N, T, G, D), or (N, T, G, 1) for all of D, whose
    presence makes it gated; optional `beta` (N, T, G), or (N, T, 1), whose presence makes the delta rule.
    Attributes: `scale`, rounded to float32; None for 1 / sqrt(D).
    Outputs: (N, T, H, E), and the last state.
    Constraints: (C1) Four axes. (C2) Sizes and types of `q`, `k`, `v` fit, and D > 0. (C3) G divides H. (C4) to (C6)
    State, decay and beta fit. (C7) All are of one type.

    >>> one = np.ones((1, 2, 1, 1), "f")
    >>> [a.ravel().tolist() for a in linear_attention(one, one, one * 3)]
    [[3.0, 6.0], [6.0]]
    """
    (n, time, heads, depth), groups, width = q.shape, k.shape[2], v.shape[3]
    s = np.zeros((n, groups, depth, width)) if state is None else state.astype(np.float64)
    wide = [np.moveaxis(a.astype(np.float64), 1, 0) for a in (q, k, v)]
    y = np.zeros((n, time, heads, width))
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for t, (query, key, value) in enumerate(zip(*wide, strict=True)):
            if decay is not None:
                s = s * np.exp(decay[:, t].astype(np.float64))[..., None]
            if beta is not None:
                known = np.einsum("ngde,ngd->nge", s, key)
                value = beta[:, t, :, None].astype(np.float64) * (value - known)
            s = s + key[..., None] * value[:, :, None]
            shared = query.reshape(n, groups, heads // groups, depth)
            y[:, t] = np.einsum("ngde,nghd->nghe", s, shared).reshape(n, heads, width)
        y *= read_scale(q, scale)
        return y.astype(q.dtype), s.astype(q.dtype)


def read_scale(q: F32, scale: float | None) -> float:
    """Return the factor of what is read."""
    return float(q.shape[3] ** -0.5) if scale is None else float(np.float32(scale))
