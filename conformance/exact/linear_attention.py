"""Second oracles of linear attention, step by step to 50 digits, and of the turning of vectors, in Fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...refimpl.linear_attention import linear_attention
from ...refimpl.rotary import rotary_embedding
from ..cells import Cells
from ..tables import EXACT
from .binary32 import f32

DIGITS = 50


def _row(x: Cells, *index: int) -> list[Any]:
    """Return the elements along the last axis, as mpf."""
    return [mpf(x[(*index, d)]) for d in range(x.shape[-1])]


@EXACT.of(linear_attention)
def exact_linear_attention(
    q: Cells,
    k: Cells,
    v: Cells,
    state: Cells | None = None,
    decay: Cells | None = None,
    beta: Cells | None = None,
    *,
    scale: float | None = None,
) -> tuple[Cells, Cells]:
    """One head after the other; a state is a list of rows."""
    (n, time, heads, depth), groups, width = q.shape, k.shape[2], v.shape[3]
    y, after = Cells.full((n, time, heads, width), 0), Cells.full((n, groups, depth, width), 0)
    with workdps(DIGITS):
        factor = 1 / mp.sqrt(depth) if scale is None else mpf(f32(scale))
        for b, g, _ in Cells.full((n, groups, 1), 0).indices():
            s = [_row(state, b, g, d) if state else [mpf(0)] * width for d in range(depth)]
            for t in range(time):
                key, value = _row(k, b, t, g), _row(v, b, t, g)
                if decay:
                    gates = [mp.exp(x) for x in _row(decay, b, t, g)]
                    gates = gates if len(gates) == depth else gates * depth
                    s = [[gate * x for x in row] for gate, row in zip(gates, s, strict=True)]
                if beta:
                    rate = mpf(beta[b, t, g if beta.shape[2] > 1 else 0])
                    known = [sum(key[d] * s[d][e] for d in range(depth)) for e in range(width)]
                    value = [rate * (x - old) for x, old in zip(value, known, strict=True)]
                s = [
                    [x + a * u for x, u in zip(row, value, strict=True)]
                    for a, row in zip(key, s, strict=True)
                ]
                for h in range(g * heads // groups, (g + 1) * heads // groups):
                    query = _row(q, b, t, h)
                    for e in range(width):
                        y[b, t, h, e] = factor * sum(query[d] * s[d][e] for d in range(depth))
            for d, e in Cells.full((depth, width), 0).indices():
                after[b, g, d, e] = s[d][e]
    return y, after


@EXACT.of(rotary_embedding)
def exact_rotary_embedding(x: Cells, cos: Cells, sin: Cells, *, interleaved: bool = False) -> Cells:
    """Each pair by itself."""
    y, pairs = Cells(x.shape, list(x.values)), cos.shape[2]
    for b, h, i, p in Cells.full((*x.shape[:3], pairs), 0).indices():
        first, second = (2 * p, 2 * p + 1) if interleaved else (p, pairs + p)
        a, z = Fraction(x[b, h, i, first]), Fraction(x[b, h, i, second])
        c, s = Fraction(cos[b, i, p]), Fraction(sin[b, i, p])
        y[b, h, i, first], y[b, h, i, second] = a * c - z * s, a * s + z * c
    return y
