"""Functions of float32 vectors in float32 alone, within 2 units in the last place.

They count on products that are fused with sums: a rest after a multiple of a constant is taken away is exact, or
rounded once. The polynomials interpolate; with coefficients in float32 their relative errors are below 2**-27.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .exponential import MAGIC, reduced
from .float_parts import bits_of, from_bits, magnitude, polynomial, real, root, signed_as, whole
from .simd_base import Value
from .wide_math import library_where

if TYPE_CHECKING:  # simd.py has functions that take constants from modules like this one
    from .simd import Vectors

Function = Callable[["Vectors", Value], Value]

FUSED = frozenset({"fma", "neon"})
TINY = 2.0**-126  # below it the exponent is not in the bits
HUGE = 2.0**30  # the square root of 1 + x x is x, and 1 + x is
LN2 = (0.6931471824645996, -1.9046542121259336e-09)
# pi / 2 in three float32 numbers: of a multiple of the first, what is near leaves no more than 24 bits.
HALF_PI = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
NEAR = 2.0**16  # up to here the rest by pi / 2 has been found for every number
ROOT_HALF_BITS, ONE_BITS, MANTISSA = 0x3F3504F3, 0x3F800000, 0x007FFFFF

# ln(1 + f) = f - f f / 2 + f f f (L0 + L1 f + ...) for sqrt(1/2) <= 1 + f < sqrt(2)
LOG = (
    *(0.333333313, -0.250008196, 0.200012445, -0.166234136, 0.14201501, -0.131594718, 0.127627313),
    -0.0763747096,
)
# sin(r) = r + r z (S0 + S1 z + ...), cos(r) = 1 - z / 2 + z z (C0 + C1 z + ...), tan(r) = r + r z (T0 + T1 z + ...),
# z = r r, for |r| <= pi / 4
SIN = (-0.166666672, 0.00833337288, -0.000198502952, 2.80437712e-06)
COS = (0.0416666456, -0.00138873106, 2.44325656e-05)
TAN = (
    *(0.333333492, 0.133326769, 0.0540586784, 0.0212875791, 0.0108236726, 0.000103186212),
    0.00437021023,
)
# asin(s) = s + s z (A0 + A1 z + ...), z = s s <= 0.36
ASIN = (
    *(0.166666776, 0.0749924555, 0.0448166355, 0.0285132509, 0.032861717, -0.0135187609),
    0.0556799546,
)
BEND = 0.6  # beyond it asin(x) = pi / 2 - 2 asin(sqrt((1 - x) / 2))
# atan(t) = t + t z (B0 + B1 z + ...), z = t t, for t <= 1
ATAN = (
    *(-0.333333284, 0.199997172, -0.142803714, 0.110614479, -0.0882232487, 0.0676568896),
    *(-0.0450125933, 0.0228028689, -0.00743732974, 0.00113692402),
)


def fuses(v: Vectors) -> bool:
    """Whether the target rounds a product and a sum once."""
    return bool(v.isa & FUSED)


def bent(v: Vectors, x: Value, z: Value, coefficients: Sequence[float]) -> Value:
    """Return x + x z (c[0] + c[1] z + ...)."""
    return v.fma(v.b.fmul(x, z), polynomial(v, z, coefficients), x)


# --- logarithms


def _parts(v: Vectors, x: Value) -> tuple[Value, Value]:
    """Return for a normal x = 2**e m, sqrt(1/2) <= m < sqrt(2): e + 127 as integer, and m."""
    moved = v.b.add(bits_of(v, x), whole(v, x, ONE_BITS - ROOT_HALF_BITS))
    mantissa = v.b.and_(moved, whole(v, x, MANTISSA))
    return v.b.lshr(moved, whole(v, x, 23)), from_bits(
        v, v.b.add(mantissa, whole(v, x, ROOT_HALF_BITS))
    )


def _series(v: Vectors, f: Value, e: Value) -> Value:
    """Return ln(1 + f) + e ln 2."""
    z = v.b.fmul(f, f)
    tail = v.b.fmul(z, v.fma(polynomial(v, f, LOG), f, real(v, f, -0.5)))
    near = v.b.fadd(f, v.fma(e, real(v, f, LN2[1]), tail))
    return v.fma(e, real(v, f, LN2[0]), near)


def log_of(v: Vectors, x: Value) -> Value:
    """Return ln x; of 0 it is -inf, of a negative number NaN."""
    small = v.b.fcmp_ordered("<", x, real(v, x, TINY))
    biased, m = _parts(v, v.b.select(small, v.b.fmul(x, real(v, x, 2.0**24)), x))
    bias = v.b.select(small, whole(v, x, 127 + 24), whole(v, x, 127))
    e = v.b.sitofp(v.b.sub(biased, bias), x.type)
    y = _series(v, v.b.fsub(m, real(v, x, 1)), e)
    y = v.b.select(v.b.fcmp_ordered("<", x, real(v, x, math.inf)), y, x)
    bad = v.b.select(
        v.b.fcmp_ordered("==", x, real(v, x, 0)), real(v, x, -math.inf), real(v, x, math.nan)
    )
    return v.b.select(v.b.fcmp_ordered("<=", x, real(v, x, 0)), bad, y)


def log1p_of(v: Vectors, u: Value, huge: Value | None = None) -> Value:
    """Return ln(1 + u) for u >= 0, but where it is `huge` ln 2 u: 2**-e (1 + u) - 1 loses nothing near 0."""
    one = real(v, u, 1)
    if huge is None:
        huge = v.ir.Constant(v.ir.VectorType(v.ir.IntType(1), u.type.count), None)
    biased, m = _parts(v, v.b.select(huge, u, v.b.fadd(u, one)))
    s = from_bits(v, v.b.shl(v.b.sub(whole(v, u, 254), biased), whole(v, u, 23)))
    f = v.b.select(huge, v.b.fsub(m, one), v.fma(u, s, v.b.fsub(s, one)))
    bias = v.b.select(huge, whole(v, u, 126), whole(v, u, 127))
    y = _series(v, f, v.b.sitofp(v.b.sub(biased, bias), u.type))
    return v.b.select(v.b.fcmp_ordered("<", u, real(v, u, math.inf)), y, u)


def asinh_of(v: Vectors, x: Value) -> Value:
    """Return ln(1 + u) with u = |x| + x x / (1 + sqrt(1 + x x))."""
    size, one = magnitude(v, x), real(v, x, 1)
    huge = v.b.fcmp_ordered(">=", size, real(v, x, HUGE))
    rest = v.b.fdiv(v.b.fmul(x, x), v.b.fadd(one, root(v, v.fma(x, x, one))))
    u = v.b.select(huge, size, v.b.fadd(size, rest))
    return signed_as(v, log1p_of(v, u, huge), x)


def acosh_of(v: Vectors, x: Value) -> Value:
    """Return ln(1 + u) with u = d + sqrt(d d + 2 d), d = x - 1; below 1 it is NaN."""
    huge = v.b.fcmp_ordered(">=", x, real(v, x, HUGE))
    d = v.b.fsub(x, real(v, x, 1))
    u = v.b.fadd(d, root(v, v.fma(d, d, v.b.fadd(d, d))))
    y = log1p_of(v, v.b.select(huge, x, u), huge)
    return v.b.select(v.b.fcmp_ordered("<", d, real(v, x, 0)), real(v, x, math.nan), y)


def atanh_of(v: Vectors, x: Value) -> Value:
    """Half of ln(1 + u) with u = 2 |x| / (1 - |x|); beyond 1 it is NaN."""
    size, one = magnitude(v, x), real(v, x, 1)
    u = v.b.fdiv(v.b.fadd(size, size), v.b.fsub(one, size))
    y = v.b.fmul(log1p_of(v, u), real(v, x, 0.5))
    far = v.b.fcmp_ordered(">", size, one)
    return signed_as(v, v.b.select(far, real(v, x, math.nan), y), x)


# --- circular functions


def _turns(v: Vectors, x: Value) -> tuple[Value, Value, Value]:
    """Return n, the whole number nearest to x / (pi / 2): as bits, in the last places, and as float32; then x - n c.

    c is the first part of pi / 2. That rest is exact.
    """
    bits = v.fma(x, real(v, x, 2 / math.pi), real(v, x, MAGIC))
    n = v.b.fsub(bits, real(v, x, MAGIC))
    return bits_of(v, bits), n, v.fma(n, real(v, x, -HALF_PI[0]), x)


def _rest(v: Vectors, x: Value) -> tuple[Value, Value]:
    """Return the bits of n and x - n pi / 2, in two roundings."""
    bits, n, r = _turns(v, x)
    for part in HALF_PI[1:]:
        r = v.fma(n, real(v, x, -part), r)
    return bits, r


def _fine_rest(v: Vectors, x: Value) -> tuple[Value, Value, Value]:
    """Return the bits of n, and x - n pi / 2 as a sum of two numbers."""
    bits, n, r = _turns(v, x)
    second = real(v, x, HALF_PI[1])
    away = v.b.fmul(n, second)
    high = v.b.fsub(r, away)
    low = v.b.fsub(v.b.fsub(v.b.fsub(r, high), away), v.fma(n, second, v.b.fneg(away)))
    return bits, high, v.fma(n, real(v, x, -HALF_PI[2]), low)


def _odd(v: Vectors, n: Value) -> Value:
    one = whole(v, n, 1)
    return v.b.icmp_signed("==", v.b.and_(n, one), one)


def _turned(v: Vectors, y: Value, n: Value, places: int) -> Value:
    """Turn the sign where the bit of n that `places` move to the top is set."""
    sign = v.b.and_(v.b.shl(n, whole(v, n, places)), whole(v, n, -(2**31)))
    return from_bits(v, v.b.xor(bits_of(v, y), sign))


def _sine_and_cosine(v: Vectors, r: Value) -> tuple[Value, Value]:
    z = v.b.fmul(r, r)
    near = v.fma(z, real(v, z, -0.5), real(v, z, 1))
    return bent(v, r, z, SIN), v.fma(v.b.fmul(z, z), polynomial(v, z, COS), near)


def _or_far(v: Vectors, x: Value, near: Callable[[], Value], far: Function) -> Value:
    """Return `near`, and what `far` makes of numbers that are far out."""
    out = v.b.fcmp_ordered(">=", magnitude(v, x), real(v, x, NEAR))
    return library_where(v, out, near, lambda: far(v, x))


def _kept(v: Vectors, x: Value, y: Value) -> Value:
    """Return y, but x where it is 0, whose sign stays, or NaN."""
    return v.b.select(v.b.fcmp_unordered("==", x, real(v, x, 0)), x, y)


def sin_of(v: Vectors, x: Value, far: Function) -> Value:
    """Return the sine."""

    def near() -> Value:
        n, r = _rest(v, x)
        sine, cosine = _sine_and_cosine(v, r)
        return _kept(v, x, _turned(v, v.b.select(_odd(v, n), cosine, sine), n, 30))

    return _or_far(v, x, near, far)


def cos_of(v: Vectors, x: Value, far: Function) -> Value:
    """Return the cosine."""

    def near() -> Value:
        n, r = _rest(v, x)
        sine, cosine = _sine_and_cosine(v, r)
        y = v.b.select(_odd(v, n), sine, cosine)
        y = _turned(v, y, v.b.add(n, whole(v, n, 1)), 30)
        return v.b.select(v.b.fcmp_unordered("uno", x, x), x, y)

    return _or_far(v, x, near, far)


def tan_of(v: Vectors, x: Value, far: Function) -> Value:
    """Return the tangent, or the negative inverse of that of the rest."""

    def near() -> Value:
        n, high, low = _fine_rest(v, x)
        z = v.b.fmul(high, high)
        more = v.fma(low, z, low)  # its slope is 1 + tan^2
        t = v.b.fadd(high, v.fma(v.b.fmul(high, z), polynomial(v, z, TAN), more))
        inverse = v.b.fdiv(real(v, x, -1), t)
        return _kept(v, x, v.b.select(_odd(v, n), inverse, t))

    return _or_far(v, x, near, far)


# --- and their inverses


def _half_angle(v: Vectors, size: Value) -> tuple[Value, Value]:
    """Return whether `size` is beyond BEND, and the angle whose sine is `size` or there sqrt((1 - size) / 2)."""
    beyond = v.b.fcmp_ordered(">", size, real(v, size, BEND))
    half = v.fma(size, real(v, size, -0.5), real(v, size, 0.5))
    s = v.b.select(beyond, root(v, half), size)
    z = v.b.select(beyond, half, v.b.fmul(size, size))
    return beyond, bent(v, s, z, ASIN)


def asin_of(v: Vectors, x: Value) -> Value:
    """Beyond BEND, what is left of pi / 2."""
    beyond, a = _half_angle(v, magnitude(v, x))
    rest = v.b.fadd(v.fma(a, real(v, x, -2), real(v, x, HALF_PI[0])), real(v, x, HALF_PI[1]))
    return signed_as(v, v.b.select(beyond, rest, a), x)


def acos_of(v: Vectors, x: Value) -> Value:
    """Pi / 2 - asin(x); beyond BEND twice the angle, from the other side where x is negative."""
    beyond, a = _half_angle(v, magnitude(v, x))
    twice = v.b.fadd(a, a)
    left = v.b.fcmp_ordered("<", x, real(v, x, 0))
    base = v.b.select(beyond, real(v, x, 2 * HALF_PI[0]), real(v, x, HALF_PI[0]))
    more = v.b.select(beyond, real(v, x, 2 * HALF_PI[1]), real(v, x, HALF_PI[1]))
    size = v.b.select(beyond, twice, a)
    toward = v.b.select(left, size, v.b.fneg(size))
    toward = v.b.select(beyond, v.b.fneg(size), toward)
    turned = v.b.fadd(base, v.b.fadd(toward, more))
    right = v.b.and_(beyond, v.b.not_(left))
    return v.b.select(right, twice, turned)


def atan_of(v: Vectors, x: Value) -> Value:
    """The angle of |x|, or pi / 2 less that of its inverse."""
    size = magnitude(v, x)
    steep = v.b.fcmp_ordered(">", size, real(v, x, 1))
    t = v.b.select(steep, v.b.fdiv(real(v, x, 1), size), size)
    a = bent(v, t, v.b.fmul(t, t), ATAN)
    rest = v.b.fadd(v.b.fsub(real(v, x, HALF_PI[0]), a), real(v, x, HALF_PI[1]))
    return signed_as(v, v.b.select(steep, rest, a), x)


# --- hyperbolic functions


def _quarters(v: Vectors, size: Value) -> tuple[Value, Value]:
    """Return p and s with e**size / 4 = s (1 + p); beyond the bound it overflows anyway."""
    marked, _, p = reduced(v, v.at_most(size, real(v, size, 89.5)))
    bits = v.b.shl(bits_of(v, marked), whole(v, size, 23))
    return p, from_bits(v, v.b.add(bits, whole(v, size, 125 << 23)))


def sinh_of(v: Vectors, x: Value) -> Value:
    """Half of m + m / (m + 1) with m = e**|x| - 1, by way of m / 4."""
    size, one = magnitude(v, x), real(v, x, 1)
    p, s = _quarters(v, size)
    m = v.fma(s, p, v.b.fsub(s, real(v, x, 0.25)))
    y = v.b.fadd(m, v.b.fdiv(m, v.fma(m, real(v, x, 4), one)))
    small = v.b.fcmp_ordered("<", size, real(v, x, 2.0**-13))  # a quarter may be subnormal
    return signed_as(v, v.b.select(small, size, v.b.fadd(y, y)), x)


def cosh_of(v: Vectors, x: Value) -> Value:
    """Half of p + 1 / p with p = e**|x|, by way of p / 4."""
    p, s = _quarters(v, magnitude(v, x))
    q = v.fma(s, p, s)
    y = v.b.fadd(q, v.b.fdiv(real(v, x, 0.0625), q))
    return v.b.fadd(y, y)
