"""Stages of Fourier transforms: one factor each, of many lines at once, in loops over contiguous numbers.

A buffer holds the real parts of all points from `re` on and the imaginary ones from `im` on, each with one number a
line. What lies `run` numbers apart in the result is a point, or the block that earlier stages made of some; there are
m blocks before for each of the p of the factor. `w` is the circle, of which block q takes the place t q `step`.
"""

from __future__ import annotations

import numpy as np

from .kernel import inlined

HALF = np.float32(0.5)
ROOT_3_4 = np.float32(0.75**0.5)
COSINES = (
    np.float32(0.30901699437494745),
    np.float32(-0.8090169943749475),
)  # of 1/5 and 2/5 of a turn
SINES = np.float32(0.9510565162951535), np.float32(0.5877852522924731)


@inlined
def by_two(a, b, w, step, m, run, re, im):  # type: ignore[no-untyped-def]
    """Sum, and difference turned."""
    for q in range(m):
        c, d = w[2 * q * step], w[2 * q * step + 1]
        i, j, to = q * run, (q + m) * run, 2 * q * run
        for r in range(run):
            x0, y0, x1, y1 = a[re + i + r], a[im + i + r], a[re + j + r], a[im + j + r]
            x, y = x0 - x1, y0 - y1
            b[re + to + r] = x0 + x1
            b[im + to + r] = y0 + y1
            b[re + to + run + r] = x * c - y * d
            b[im + to + run + r] = x * d + y * c


@inlined
def by_three(a, b, w, step, m, run, re, im):  # type: ignore[no-untyped-def]
    """The middle of the two others, and a quarter turn of half their distance."""
    for q in range(m):
        t = 2 * q * step
        c1, d1, c2, d2 = w[t], w[t + 1], w[2 * t], w[2 * t + 1]
        i, j, k, to = q * run, (q + m) * run, (q + 2 * m) * run, 3 * q * run
        for r in range(run):
            x0, y0 = a[re + i + r], a[im + i + r]
            x1, y1 = a[re + j + r], a[im + j + r]
            x2, y2 = a[re + k + r], a[im + k + r]
            x, y = x1 + x2, y1 + y2
            u, v = ROOT_3_4 * (x1 - x2), ROOT_3_4 * (y1 - y2)
            b[re + to + r] = x0 + x
            b[im + to + r] = y0 + y
            x, y = x0 - HALF * x, y0 - HALF * y
            b[re + to + run + r] = (x + v) * c1 - (y - u) * d1
            b[im + to + run + r] = (x + v) * d1 + (y - u) * c1
            b[re + to + 2 * run + r] = (x - v) * c2 - (y + u) * d2
            b[im + to + 2 * run + r] = (x - v) * d2 + (y + u) * c2


@inlined
def by_four(a, b, w, step, m, run, re, im):  # type: ignore[no-untyped-def]
    """Two factors of 2: a quarter turn between them exchanges both parts."""
    for q in range(m):
        t = 2 * q * step
        c1, d1, c2, d2, c3, d3 = w[t], w[t + 1], w[2 * t], w[2 * t + 1], w[3 * t], w[3 * t + 1]
        i, j, k, h, to = q * run, (q + m) * run, (q + 2 * m) * run, (q + 3 * m) * run, 4 * q * run
        for r in range(run):
            x0, y0 = a[re + i + r], a[im + i + r]
            x1, y1 = a[re + j + r], a[im + j + r]
            x2, y2 = a[re + k + r], a[im + k + r]
            x3, y3 = a[re + h + r], a[im + h + r]
            sx, sy, dx, dy = x0 + x2, y0 + y2, x0 - x2, y0 - y2
            tx, ty, ex, ey = x1 + x3, y1 + y3, x1 - x3, y1 - y3
            b[re + to + r] = sx + tx
            b[im + to + r] = sy + ty
            b[re + to + run + r] = (dx + ey) * c1 - (dy - ex) * d1
            b[im + to + run + r] = (dx + ey) * d1 + (dy - ex) * c1
            b[re + to + 2 * run + r] = (sx - tx) * c2 - (sy - ty) * d2
            b[im + to + 2 * run + r] = (sx - tx) * d2 + (sy - ty) * c2
            b[re + to + 3 * run + r] = (dx - ey) * c3 - (dy + ex) * d3
            b[im + to + 3 * run + r] = (dx - ey) * d3 + (dy + ex) * c3


@inlined
def by_five(a, b, w, step, m, run, re, im):  # type: ignore[no-untyped-def]
    """Sums and differences of the points on both sides."""
    e1, e2 = COSINES
    f1, f2 = SINES
    for q in range(m):
        t = 2 * q * step
        c1, d1, c2, d2 = w[t], w[t + 1], w[2 * t], w[2 * t + 1]
        c3, d3, c4, d4 = w[3 * t], w[3 * t + 1], w[4 * t], w[4 * t + 1]
        h, i, far, to = q * run, (q + m) * run, m * run, 5 * q * run
        for r in range(run):
            x0, y0 = a[re + h + r], a[im + h + r]
            x1, y1, x4, y4 = (
                a[re + i + r],
                a[im + i + r],
                a[re + i + 3 * far + r],
                a[im + i + 3 * far + r],
            )
            x2, y2 = a[re + i + far + r], a[im + i + far + r]
            x3, y3 = a[re + i + 2 * far + r], a[im + i + 2 * far + r]
            sx, sy, dx, dy = x1 + x4, y1 + y4, x1 - x4, y1 - y4
            tx, ty, ex, ey = x2 + x3, y2 + y3, x2 - x3, y2 - y3
            b[re + to + r] = x0 + (sx + tx)
            b[im + to + r] = y0 + (sy + ty)
            x, y = x0 + e1 * sx + e2 * tx, y0 + e1 * sy + e2 * ty
            u, v = f1 * dx + f2 * ex, f1 * dy + f2 * ey
            b[re + to + run + r] = (x + v) * c1 - (y - u) * d1
            b[im + to + run + r] = (x + v) * d1 + (y - u) * c1
            b[re + to + 4 * run + r] = (x - v) * c4 - (y + u) * d4
            b[im + to + 4 * run + r] = (x - v) * d4 + (y + u) * c4
            x, y = x0 + e2 * sx + e1 * tx, y0 + e2 * sy + e1 * ty
            u, v = f2 * dx - f1 * ex, f2 * dy - f1 * ey
            b[re + to + 2 * run + r] = (x + v) * c2 - (y - u) * d2
            b[im + to + 2 * run + r] = (x + v) * d2 + (y - u) * c2
            b[re + to + 3 * run + r] = (x - v) * c3 - (y + u) * d3
            b[im + to + 3 * run + r] = (x - v) * d3 + (y + u) * c3


@inlined
def turned_by(a, b, w, step, m, run, re, im, p):  # type: ignore[no-untyped-def]
    """Any factor, by its definition: result t of block q is turned by t q steps."""
    for q in range(m):
        for t in range(p):
            to = (p * q + t) * run
            for r in range(run):
                b[re + to + r] = np.float32(0)
                b[im + to + r] = np.float32(0)
            for k in range(p):
                turn = (k * t * m + q * t) % (p * m) * step
                c, d, i = w[2 * turn], w[2 * turn + 1], (q + k * m) * run
                for r in range(run):
                    x, y = a[re + i + r], a[im + i + r]
                    b[re + to + r] += x * c - y * d
                    b[im + to + r] += x * d + y * c


@inlined
def stage(a, b, w, p, step, m, run, re, im):  # type: ignore[no-untyped-def]
    """Do the factor `p`."""
    if p == 2:
        by_two(a, b, w, step, m, run, re, im)
    elif p == 3:
        by_three(a, b, w, step, m, run, re, im)
    elif p == 4:
        by_four(a, b, w, step, m, run, re, im)
    elif p == 5:
        by_five(a, b, w, step, m, run, re, im)
    else:
        turned_by(a, b, w, step, m, run, re, im, p)


def factors_of(n: int) -> list[int]:
    """Return factors of `n`: fours, then primes, the largest first.

    >>> factors_of(120)
    [5, 4, 3, 2]
    """
    found, p = [], 2
    while n % 4 == 0:
        found.append(4)
        n //= 4
    while p * p <= n:
        while n % p == 0:
            found.append(p)
            n //= p
        p += 1
    return sorted([*found, *([n] if n > 1 else [])], reverse=True)
