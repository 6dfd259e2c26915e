"""Attention: mixtures of values, weighed by how well keys fit a query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, op, require

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

# What the second result may be, in the order in which the stages make it.
SCORES = ("none", "raw", "capped", "biased", "weights")


def _infer_attention(
    q: TensorType,
    k: TensorType,
    v: TensorType,
    mask: TensorType | None = None,
    lengths: TensorType | None = None,
    *,
    scale: float | None = None,
    softcap: float = 0.0,
    left: int = -1,
    right: int = -1,
    offset: int = 0,
    trailing: bool = False,
    scores: str = "none",
) -> TensorType | tuple[TensorType, TensorType]:
    require("C1", all(len(t.shape) == 4 for t in (q, k, v)), "not four axes each")
    (n, heads, queries, depth), (_, groups, keys, _) = q.shape, k.shape
    fits = k.shape == (n, groups, keys, depth) and v.shape[:3] == k.shape[:3]
    fits = fits and depth > 0
    require("C2", fits and q.dtype == k.dtype == v.dtype, f"q {q}, k {k}, v {v}")
    require("C3", groups > 0 and heads % groups == 0, f"{heads} heads share {groups}")
    whole = (n, heads, queries, keys)
    if mask is not None:
        wanted = whole[4 - len(mask.shape) :] if len(mask.shape) <= 4 else ()
        spread = len(mask.shape) == len(wanted) and all(
            a in (1, b) for a, b in zip(mask.shape, wanted, strict=True)
        )
        require("C4", spread, f"mask {mask.shape} for {whole}")
        require("C4", mask.format in ("bool", q.format), f"a mask of {mask.format}")
    if lengths is not None:
        require("C5", lengths.format == "s64" and lengths.shape == (n,), f"lengths {lengths}")
    require("C5", lengths is not None or not trailing, "no lengths for queries to end at")
    require("C6", min(left, right) >= -1, f"window {left}, {right}")
    require("C7", softcap >= 0 and scores in SCORES, f"softcap {softcap}, scores {scores!r}")
    y = q.like((n, heads, queries, v.shape[3]))
    return y if scores == "none" else (y, q.like(whole))


def allowed_keys(
    shape: tuple[int, ...],
    mask: Array | None,
    lengths: Array | None,
    left: int,
    right: int,
    offset: int,
    trailing: bool,
) -> Bool:
    """Return which keys each query may see, of the shape (N, heads, queries, keys)."""
    n, _, queries, keys = shape
    key = np.arange(keys)
    ends = np.full(n, keys) if lengths is None else np.minimum(lengths, keys)
    first = ends - queries if trailing else np.full(n, offset)
    place = (first[:, None] + np.arange(queries))[:, None, :, None]
    seen = np.broadcast_to(key < ends[:, None, None, None], shape)
    seen = seen if left < 0 else seen & (key >= place - left)
    seen = seen if right < 0 else seen & (key <= place + right)
    return seen & mask if mask is not None and mask.dtype == np.bool_ else seen


@op(infer=_infer_attention)
def attention(
    q: F32,
    k: F32,
    v: F32,
    mask: Array | None = None,
    lengths: NDArray[np.int64] | None = None,
    *,
    scale: float | None = None,
    softcap: float = 0.0,
    left: int = -1,
    right: int = -1,
    offset: int = 0,
    trailing: bool = False,
    scores: str = "none",
) -> F32 | tuple[F32, F32]:
    r"""Mix values by the softmax of scaled products of queries and keys.

    $s = scale\, q k^T$ (raw), $c \tanh(s / c)$ with a soft cap c (capped), plus a mask of numbers, minus infinity for
    keys that a query may not see (biased), softmax along the keys (weights), times v (Vaswani et al., Attention Is All
    You Need, 2017). A query that may see no key gets zeros.

    Inputs: `q` (N, H, L, D); `k` (N, G, S, D) and `v` (N, G, S, E), each of whose G heads H / G heads of `q` share;
    optional `mask`, which broadcasts to (N, H, L, S): bool, true where a query may see a key, or numbers to add;
    optional `lengths` (N,) s64: keys from there on are not looked at.
    Attributes: `scale`, None for 1 / sqrt(D), and `softcap`, 0 for none, rounded to float32; `left` and `right`, how
    far from its place a query sees keys, -1 for any; the place of the first query: `offset`, or where `trailing` that
    from which on all queries end at `lengths`; `scores`, which stage is the second result: "none" (there is no
    second), "raw", "capped", "biased" or "weights".
    Outputs: (N, H, L, E), and that stage (N, H, L, S). Numbers that are not finite may reach, from keys and values,
    queries that do not see them.
    Constraints: (C1) Four axes. (C2) Sizes and types of `q`, `k`, `v` fit, and D > 0. (C3) G divides H. (C4) The mask
    broadcasts, and is bool or of the type of `q`. (C5) `lengths` has an element for each of N, and is there where
    `trailing`. (C6) No window below -1. (C7) No negative soft cap; the stage is one of them.

    >>> one = np.ones((1, 1, 1, 1), "f")
    >>> attention(one, np.zeros((1, 1, 2, 1), "f"), np.float32([[[[1], [3]]]])).tolist()
    [[[[2.0]]]]
    """
    shared = q.shape[1] // k.shape[1]
    wide_k, wide_v = (np.repeat(a.astype(np.float64), shared, axis=1) for a in (k, v))
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        s = factor_of(q, scale) * (q.astype(np.float64) @ wide_k.swapaxes(2, 3))
        stages = {"raw": s}
        cap = float(np.float32(softcap))
        stages["capped"] = s = cap * np.tanh(s / cap) if cap > 0 else s
        seen = allowed_keys(s.shape, mask, lengths, left, right, offset, trailing)
        s = s if mask is None or mask.dtype == np.bool_ else s + mask.astype(np.float64)
        stages["biased"] = s = np.where(seen, s, -np.inf)
        stages["weights"] = s = softmax_or_zeros(s)
        y = s @ np.where(keys_in_use(k, lengths), wide_v, 0.0)
    return (
        y.astype(q.dtype)
        if scores == "none"
        else (
            y.astype(q.dtype),
            stages[scores].astype(q.dtype),
        )
    )


def factor_of(q: Array, scale: float | None) -> float:
    """Return the factor of the products."""
    return q.shape[3] ** -0.5 if scale is None else float(np.float32(scale))


def keys_in_use(k: Array, lengths: Array | None) -> Bool:
    """Return which keys are looked at, as (N, 1, S, 1)."""
    ends = np.full(len(k), k.shape[2]) if lengths is None else lengths
    return (np.arange(k.shape[2]) < ends[:, None])[:, None, :, None]


def softmax_or_zeros(s: F64) -> F64:
    """Return the softmax along the last axis; zeros where all elements are minus infinity."""
    most = np.max(s, axis=-1, keepdims=True, initial=-np.inf)
    powers = np.exp(s - np.where(most == -np.inf, 0.0, most))
    total = powers.sum(axis=-1, keepdims=True)
    return np.asarray(powers / np.where(total == 0, 1.0, total))
