"""Functions of float64 vectors for results in float32: relative errors below 2**-36, so that one rounding is left.

Arguments are widened float32 numbers, so that none is subnormal, and what is squared does not overflow. The
polynomials interpolate in Chebyshev's points; their relative errors are below 2**-43. NaN stays everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .float_parts import bits_of, from_bits, magnitude, polynomial, real, whole
from .simd_base import Value

if TYPE_CHECKING:  # simd.py has functions that take constants from modules like this one
    from .simd import Vectors

Function = Callable[["Vectors", Value], Value]

LOG2_E = 1.4426950408889634
# ln 2 in two parts, the first of 40 bits: times a whole number below 2**13 it is exact.
LN2 = (0.6931471805592082, 7.371002565167799e-13)
# pi / 2 in three parts of 33 bits: times a whole number below 2**20 the first two are exact.
HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
PI_2, PI_4, PI = 1.5707963267948966, 0.7853981633974483, 3.141592653589793
FAR = 2.0**20  # from here on the C library reduces by pi / 2
WHOLE = 1.5 * 2.0**52  # added to a small number, it leaves the nearest whole one in the last bits
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
ONE_BITS = 0x3FF0000000000000
MANTISSA = 0x000FFFFFFFFFFFFF

# e**r = 1 + r + r r (E0 + E1 r + ...) for |r| <= ln(2) / 2
EXP = (
    *(0.4999999999995507, 0.16666666666662583, 0.041666666786337556, 0.008333333344209506),
    *(0.001388883909064138, 1.9841224581544105e-4, 2.4867883453521802e-05, 2.761757684835413e-06),
)
# ln((1 + f) / (1 - f)) = f (2 + z (L0 + L1 z + ...)), z = f f, for |f| <= 0.1716
LOG = (
    *(0.6666666666737868, 0.3999999879244169, 0.28571755535033005, 0.2219133742806305),
    0.1936388498667449,
)
# atan(t) = t + t z (A0 + A1 z + ...), z = t t, for |t| <= sqrt(2) - 1
ATAN = (
    *(-0.33333333333265697, 0.1999999994953061, -0.14285708076608972, 0.11110818413358015),
    *(-0.0908407814166329, 0.0760457948685042, -0.06026298394694589, 0.03293875797459693),
)
# sin(r) = r + r z (S0 + S1 z + ...), cos(r) = 1 - z / 2 + z z (C0 + C1 z + ...), z = r r, for |r| <= pi / 4
SIN = (
    *(-0.1666666666666387, 0.00833333333107021, -1.9841266908224796e-4, 2.7555988280021408e-06),
    -2.4805390945765667e-08,
)
COS = (
    *(0.041666666666664666, -0.0013888888887270898, 2.480158520472523e-05, -2.7556367800799924e-07),
    2.0700425062189763e-09,
)


def marked(v: Vectors, x: Value, factor: float) -> tuple[Value, Value]:
    """Return the whole number nearest to x times `factor`, as bits (in the last places) and as float64."""
    whole_bits = v.fma(x, real(v, x, factor), real(v, x, WHOLE))
    return bits_of(v, whole_bits), v.b.fsub(whole_bits, real(v, x, WHOLE))


def _exp_parts(v: Vectors, x: Value) -> tuple[Value, Value]:
    """Return p and s, a power of two, with e**x = s (1 + p); |x| is held below 700."""
    x = v.clamp(x, real(v, x, -700), real(v, x, 700))
    bits, n = marked(v, x, LOG2_E)
    r = v.fma(n, real(v, x, -LN2[0]), x)
    r = v.fma(n, real(v, x, -LN2[1]), r)
    p = v.fma(v.b.fmul(r, r), polynomial(v, r, EXP), r)
    biased = v.b.add(bits, whole(v, x, 1023))
    return p, from_bits(v, v.b.shl(biased, whole(v, x, 52)))


def exp_wide(v: Vectors, x: Value) -> Value:
    """Return e**x."""
    p, s = _exp_parts(v, x)
    return v.fma(s, p, s)


def expm1_wide(v: Vectors, x: Value) -> Value:
    """Return e**x - 1: s p + (s - 1), of which the last is exact, and 0 near 0."""
    p, s = _exp_parts(v, x)
    return v.fma(s, p, v.b.fsub(s, real(v, x, 1)))


def _exponent(v: Vectors, x: Value) -> tuple[Value, Value, Value]:
    """Return for x = 2**e m, sqrt(1/2) <= m < sqrt(2): e + 1023 as integer, e as float64, and the bits of m."""
    moved = v.b.add(bits_of(v, x), whole(v, x, ONE_BITS - ROOT_HALF_BITS))
    biased = v.b.lshr(moved, whole(v, x, 52))
    mantissa = v.b.and_(moved, whole(v, x, MANTISSA))
    above = from_bits(v, v.b.or_(biased, bits_of(v, real(v, x, 2.0**52))))
    e = v.b.fsub(above, real(v, x, 2.0**52 + 1023))
    return biased, e, v.b.add(mantissa, whole(v, x, ROOT_HALF_BITS))


def _series(v: Vectors, top: Value, bottom: Value, e: Value) -> Value:
    """Return ln((bottom + top) / (bottom - top)) + e ln 2."""
    f = v.b.fdiv(top, bottom)
    z = v.b.fmul(f, f)
    tail = v.fma(z, polynomial(v, z, LOG), real(v, z, 2))
    near = v.fma(f, tail, v.b.fmul(e, real(v, z, LN2[1])))
    return v.fma(e, real(v, z, LN2[0]), near)


def _unless(v: Vectors, y: Value, x: Value, value: float) -> Value:
    """Return y, but x where x is `value`."""
    return v.b.select(v.b.fcmp_ordered("==", x, real(v, x, value)), x, y)


def log_wide(v: Vectors, x: Value) -> Value:
    """Return ln x; of 0 it is -inf, of a negative number NaN."""
    _, e, bits = _exponent(v, x)
    m = from_bits(v, bits)
    one = real(v, x, 1)
    y = _series(v, v.b.fsub(m, one), v.b.fadd(m, one), e)
    zero = v.b.fcmp_ordered("==", x, real(v, x, 0))
    bad = v.b.select(zero, real(v, x, float("-inf")), real(v, x, float("nan")))
    y = v.b.select(v.b.fcmp_ordered(">", x, real(v, x, 0)), y, bad)
    return _unless(v, y, x, float("inf"))


def log1p_wide(v: Vectors, u: Value) -> Value:
    """Return ln(1 + u) for u >= 0: 2**-e (1 + u) - 1 is taken from u, so that nothing is lost near 0."""
    one = real(v, u, 1)
    biased, e, _ = _exponent(v, v.b.fadd(u, one))
    s = from_bits(v, v.b.shl(v.b.sub(whole(v, u, 2046), biased), whole(v, u, 52)))
    top = v.fma(u, s, v.b.fsub(s, one))
    y = _series(v, top, v.b.fadd(top, real(v, u, 2)), e)
    y = v.b.select(v.b.fcmp_unordered("uno", u, u), u, y)
    return _unless(v, y, u, float("inf"))


def angle(v: Vectors, y: Value, x: Value) -> Value:
    """Return the angle of the point (x, y) of the first quadrant: one division, after a turn by pi/4 or pi/2."""
    steep = v.b.fcmp_ordered(">", y, v.b.fmul(x, real(v, x, 1 + 2**0.5)))
    middle = v.b.fcmp_ordered(">", y, v.b.fmul(x, real(v, x, 2**0.5 - 1)))
    top = v.b.select(middle, v.b.fsub(y, x), y)
    bottom = v.b.select(middle, v.b.fadd(y, x), x)
    top = v.b.select(steep, v.b.fneg(x), top)
    t = v.b.fdiv(top, v.b.select(steep, y, bottom))
    turn = v.b.select(middle, real(v, x, PI_4), real(v, x, 0))
    turn = v.b.select(steep, real(v, x, PI_2), turn)
    z = v.b.fmul(t, t)
    near = v.b.fmul(t, v.fma(z, polynomial(v, z, ATAN), real(v, z, 1)))
    return v.b.fadd(turn, near)


def _reduced(v: Vectors, x: Value) -> tuple[Value, Value, Value]:
    """Return sine and cosine of x - n pi / 2, and the bits of n."""
    bits, n = marked(v, x, 2 / PI)
    r = x
    for part in HALF_PI:
        r = v.fma(n, real(v, x, -part), r)
    z = v.b.fmul(r, r)
    sine = v.b.fmul(r, v.fma(z, polynomial(v, z, SIN), real(v, z, 1)))
    cosine = v.fma(z, real(v, z, -0.5), real(v, z, 1))
    return sine, v.fma(v.b.fmul(z, z), polynomial(v, z, COS), cosine), bits


def _odd_quarter(v: Vectors, n: Value) -> Value:
    one = whole(v, n, 1)
    return v.b.icmp_signed("==", v.b.and_(n, one), one)


def _turned(v: Vectors, y: Value, n: Value, places: int) -> Value:
    """Turn the sign where the bit of n that `places` move to the top is set."""
    sign = v.b.and_(v.b.shl(n, whole(v, n, places)), whole(v, n, -(2**63)))
    return from_bits(v, v.b.xor(bits_of(v, y), sign))


def library_where(
    v: Vectors, special: Value, near: Callable[[], Value], library: Callable[[], Value]
) -> Value:
    """Return `near`, but where `special` holds what the C library makes of the element.

    Each element has one of both whatever its neighbours are: bits do not depend on who shares a vector with whom.
    """
    kind = v.ir.IntType(special.type.count)
    some = v.b.icmp_unsigned("!=", v.b.bitcast(special, kind), v.ir.Constant(kind, 0))
    y = near()
    return v.maybe(some, [y], lambda y: [v.b.select(special, library(), y)])[0]


def _near_or_library(v: Vectors, x: Value, near: Function, library: Function) -> Value:
    """Return `near`, or what the C library makes of an element that is far out."""
    far = v.b.fcmp_ordered(">=", magnitude(v, x), real(v, x, FAR))
    return library_where(v, far, lambda: near(v, x), lambda: library(v, x))


def _library(name: str) -> Function:
    return lambda v, x: v.call(f"llvm.{name}.v{x.type.count}f64", x.type, x)


def sin_wide(v: Vectors, x: Value) -> Value:
    """Return the sine."""

    def near(v: Vectors, x: Value) -> Value:
        sine, cosine, n = _reduced(v, x)
        return _turned(v, v.b.select(_odd_quarter(v, n), cosine, sine), n, 62)

    return _near_or_library(v, x, near, _library("sin"))


def cos_wide(v: Vectors, x: Value) -> Value:
    """Return the cosine."""

    def near(v: Vectors, x: Value) -> Value:
        sine, cosine, n = _reduced(v, x)
        y = v.b.select(_odd_quarter(v, n), sine, cosine)
        return _turned(v, y, v.b.add(n, whole(v, n, 1)), 62)

    return _near_or_library(v, x, near, _library("cos"))


def tan_wide(v: Vectors, x: Value) -> Value:
    """Return the tangent: the quotient, or its negative inverse."""

    def near(v: Vectors, x: Value) -> Value:
        sine, cosine, n = _reduced(v, x)
        odd = _odd_quarter(v, n)
        top, bottom = v.b.select(odd, cosine, sine), v.b.select(odd, sine, cosine)
        return _turned(v, v.b.fdiv(top, bottom), n, 63)

    def far(v: Vectors, x: Value) -> Value:
        return v.b.fdiv(_library("sin")(v, x), _library("cos")(v, x))

    return _near_or_library(v, x, near, far)
