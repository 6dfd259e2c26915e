"""Second oracle of attention, query by query to 50 digits."""

from __future__ import annotations

from typing import Any

from mpmath import mp, mpf, workdps

from ...refimpl.attention import attention
from ..cells import Cells
from ..tables import EXACT
from .binary32 import f32

DIGITS = 50


def _of_mask(mask: Cells, index: tuple[int, ...]) -> Any:
    """Return the element of a mask that broadcasts to an index."""
    mine = index[len(index) - len(mask.shape) :]
    return mask[tuple(0 if size == 1 else i for i, size in zip(mine, mask.shape, strict=True))]


def _visible(
    i: int, j: int, end: int, queries: int, left: int, right: int, offset: int, trailing: bool
) -> bool:
    """Whether the window of query i has key j."""
    place = end - queries + i if trailing else offset + i
    return (left == -1 or place - j <= left) and (right == -1 or j - place <= right)


def _softmax(row: list[Any]) -> list[Any]:
    most = max(row, default=-mp.inf)
    if most == -mp.inf:
        return [mpf(0)] * len(row)
    powers = [mp.exp(v - most) if v > -mp.inf else mpf(0) for v in row]
    total = mp.fsum(powers)
    return [p / total for p in powers]


@EXACT.of(attention)
def exact_attention(
    q: Cells,
    k: Cells,
    v: Cells,
    mask: Cells | None = None,
    lengths: Cells | None = None,
    *,
    scale: float | None = None,
    softcap: float = 0.0,
    left: int = -1,
    right: int = -1,
    offset: int = 0,
    trailing: bool = False,
    scores: str = "none",
) -> Cells | tuple[Cells, Cells]:
    """Follow the definition for each head and query; keys that are not seen weigh nothing."""
    (n, heads, queries, depth), groups, keys, width = q.shape, k.shape[1], k.shape[2], v.shape[3]
    y, kept = Cells.full((n, heads, queries, width), 0), Cells.full((n, heads, queries, keys), 0)
    cap = mpf(f32(softcap))
    with workdps(DIGITS):
        factor = 1 / mp.sqrt(depth) if scale is None else mpf(f32(scale))
        for b, h, i, _ in Cells.full((n, heads, queries, 1), 0).indices():
            g = h * groups // heads
            end = keys if lengths is None else min(lengths[b], keys)
            row: list[Any] = []
            for j in range(keys):
                s = factor * sum(mpf(q[b, h, i, d]) * mpf(k[b, g, j, d]) for d in range(depth))
                capped = cap * mp.tanh(s / cap) if cap else s
                seen = j < end and _visible(i, j, end, queries, left, right, offset, trailing)
                biased: Any = capped
                m = True if mask is None else _of_mask(mask, (b, h, i, j))
                if isinstance(m, bool):
                    seen = seen and m
                else:
                    biased = capped + mpf(m)
                row.append(biased if seen else -mp.inf)
                kept[b, h, i, j] = {"raw": s, "capped": capped}.get(scores, row[-1])
            weights = _softmax(row)
            if scores == "weights":
                for j, w in enumerate(weights):
                    kept[b, h, i, j] = w
            for e in range(width):
                y[b, h, i, e] = mp.fsum(w * mpf(v[b, g, j, e]) for j, w in enumerate(weights))
    return y if scores == "none" else (y, kept)
