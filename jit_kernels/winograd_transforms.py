"""The transforms of Winograd's convolution F(m x m, 3 x 3): matrices by Cook and Toom, and how they are applied.

y = A' [(G w G') . (B' x B)] A for a patch of t x t, t = m + 2, in the notation of Lavin and Gray (2016). The points
are 0, pairs p and -p, and infinity; every entry of A and B is a dyadic rational, which float32 holds exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..ir import Array
from .simd import Value, Vectors

Matrix = tuple[tuple[Fraction, ...], ...]
KERNEL = 3

# m -> the points p of the pairs; the rest of the polynomial's points are 0 and infinity.
POINTS = {2: (1,), 4: (1, 2), 6: (1, 2, Fraction(1, 2))}


@dataclass(frozen=True)
class Winograd:
    """The matrices of F(m, 3): A' is m x t, B' t x t, G t x 3. Rows of G and B' go by points, and columns of A'."""

    m: int
    at: Matrix
    bt: Matrix
    g: Matrix

    @property
    def t(self) -> int:
        """Rows and columns of an input patch."""
        return self.m + KERNEL - 1

    @property
    def depths(self) -> tuple[int, int]:
        """Roundings that a term may pass through in one pass of `input` and of `output`, products included."""
        return self.t // 2, self.t // 2 + 1

    def weights(self, w: Array) -> Array:
        """Return G w G' in float64: (t, t, O, C) of filters (O, 3, 3, C)."""
        g = real(self.g)
        made: Array = np.einsum("ip,opqc,jq->ijoc", g, w.astype(np.float64), g, optimize=True)
        return made

    def input(self, v: Vectors, x: Sequence[Value]) -> list[Value]:
        """Return B' x of t vectors."""
        out = [_sum(v, self.bt[0], x)]
        for k in range(1, self.t - 1, 2):
            # The rows of p and -p agree in the even terms and differ in the sign of the odd ones.
            even = _sum(v, [c if j % 2 == 0 else Fraction(0) for j, c in enumerate(self.bt[k])], x)
            odd = _sum(v, [c if j % 2 else Fraction(0) for j, c in enumerate(self.bt[k])], x)
            out += [v.b.fadd(even, odd), v.b.fsub(even, odd)]
        return [*out, _sum(v, self.bt[-1], x)]

    def output(self, v: Vectors, x: Sequence[Value]) -> list[Value]:
        """Return A' x of t vectors."""
        pairs = range(1, self.t - 1, 2)
        sums = [v.b.fadd(x[k], x[k + 1]) for k in pairs]
        differences = [v.b.fsub(x[k], x[k + 1]) for k in pairs]
        out = []
        for i, row in enumerate(self.at):
            terms = [x[0], *(differences if i % 2 else sums), x[-1]]
            out.append(_sum(v, [row[0], *row[1:-1:2], row[-1]], terms))
        return out


def _sum(v: Vectors, row: Sequence[Fraction], x: Sequence[Value]) -> Value:
    """Return the sum of row[i] x[i], the terms that need no product first."""
    terms = sorted(((c, y) for c, y in zip(row, x, strict=True) if c), key=lambda t: abs(t[0]) != 1)
    terms.sort(key=lambda t: t[0] != 1)
    total = None
    for c, y in terms:
        factor = v.full("f32", float(c))
        if total is None:
            total = y if c == 1 else v.b.fmul(y, factor)
        elif abs(c) == 1:
            total = v.b.fadd(total, y) if c == 1 else v.b.fsub(total, y)
        else:
            total = v.fma(y, factor, total)
    return total


def real(matrix: Matrix) -> Array:
    """Return a matrix in float64."""
    return np.array([[float(c) for c in row] for row in matrix])


def _product(roots: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of (x - root), the constant first."""
    out = [Fraction(1)]
    for root in roots:
        out = [a - root * b for a, b in zip([Fraction(0), *out], [*out, Fraction(0)], strict=True)]
    return out


def cook_toom(m: int) -> Winograd:
    """Return F(m, 3): interpolation of the product polynomial at the points, transposed.

    >>> [[str(c) for c in row] for row in cook_toom(2).at]
    [['1', '1', '1', '0'], ['0', '1', '-1', '1']]
    """
    points = [Fraction(0), *(s * Fraction(p) for p in POINTS[m] for s in (1, -1))]
    others = [[q for q in points if q != p] for p in points]
    scales = [Fraction(1)] * len(points)
    for k, p in enumerate(points):
        for q in others[k]:
            scales[k] *= p - q
    zero, one = Fraction(0), Fraction(1)
    at = [[*(p**i for p in points), one if i == m - 1 else zero] for i in range(m)]
    bt = [[*_product(others[k]), zero] for k in range(len(points))] + [_product(points)]
    g = [[p**j / f for j in range(KERNEL)] for p, f in zip(points, scales, strict=True)]
    g.append([zero, zero, one])
    rows = (tuple(tuple(row) for row in matrix) for matrix in (at, bt, g))
    return Winograd(m, *rows)


F = {m: cook_toom(m) for m in POINTS}
