"""exp and tanh of float32 in float32, without branches, so that loops over them become vector code."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from .kernel import inlined
from .simd_base import Value

if TYPE_CHECKING:  # simd.py has functions that take constants from here
    from .simd import Vectors

LOG2_E = np.float32(1.44269504)
# ln 2 in two parts: times a whole number below 2**14, the first is exact.
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.1219444e-4)
# exp(r) = 1 + r + r r (E0 + E1 r + ...) for |r| <= ln(2) / 2, by least squares in the relative error: 2**-27.
E0, E1, E2 = np.float32(0.49999988), np.float32(0.16666512), np.float32(0.041669644)
E3, E4 = np.float32(0.0083696283), np.float32(0.0013748823)


@inlined
def power_of_two(k):  # type: ignore[no-untyped-def]
    """Return 2**k for a whole k from -126 to 127, by its bits."""
    return np.int32((k + 127) << 23).view(np.float32)


@inlined
def exp32(x):  # type: ignore[no-untyped-def]
    """Return e**x within 2 units in the last place; NaN stays."""
    v = x if x == x else np.float32(0)
    v = np.float32(-104) if v < np.float32(-104) else v
    v = np.float32(89) if v > np.float32(89) else v
    n = np.rint(v * LOG2_E)
    r = (v - n * LN2_HIGH) - n * LN2_LOW
    q = (((E4 * r + E3) * r + E2) * r + E1) * r + E0
    y = np.float32(1) + (r + r * r * q)
    k = np.int32(n)
    half = k >> 1
    y = y * power_of_two(half) * power_of_two(k - half)
    return y if x == x else x


@inlined
def expm1_32(x):  # type: ignore[no-untyped-def]
    """Return e**x - 1 for x <= 0 within 2 units in the last place; NaN stays.

    With n the whole part of x / ln 2, it is 2**n (e**r - 1) + (2**n - 1), whose last term is exact, and 0 near 0.
    """
    v = np.float32(-25) if x < np.float32(-25) else x
    v = v if v == v else np.float32(0)
    n = np.rint(v * LOG2_E)
    r = (v - n * LN2_HIGH) - n * LN2_LOW
    q = (((E4 * r + E3) * r + E2) * r + E1) * r + E0
    power = power_of_two(np.int32(n))
    y = power * (r + r * r * q) + (power - np.float32(1))
    return y if x == x else x


# The same on vectors, for tiles.

FLAT = 20.0  # beyond it, e**v - 1 is the same as e**v + 1
MAGIC = 12582912.0  # 1.5 * 2**23: added to a small number, it leaves the nearest whole one in the last bits


def _constant(v: Vectors, lanes: int, value: float | np.float32) -> Value:
    return v.full("f32", float(value), lanes)


def reduced(v: Vectors, bounded: Value) -> tuple[Value, Value, Value]:
    """Return (marked, n, p): `bounded` is n ln 2 + r with e**r = 1 + p; the last bits of `marked` are n."""
    real = functools.partial(_constant, v, bounded.type.count)
    magic = real(MAGIC)
    marked = v.fma(bounded, real(LOG2_E), magic)
    n = v.b.fsub(marked, magic)
    r = v.fma(n, real(-LN2_HIGH), bounded)
    r = v.fma(n, real(-LN2_LOW), r)
    q = real(E4)
    for e in (E3, E2, E1, E0):
        q = v.fma(q, r, real(e))
    return marked, n, v.fma(v.b.fmul(r, r), q, r)


def exp_of(v: Vectors, x: Value) -> Value:
    """Return e**x of float32 vectors within 2 units in the last place; NaN stays."""
    real = functools.partial(_constant, v, x.type.count)
    _, n, p = reduced(v, v.clamp(x, real(-104), real(89)))
    return v.times_power(v.b.fadd(real(1), p), n)


def exp_down(v: Vectors, x: Value) -> Value:
    """Return e**x of float32 vectors that are not above 0; NaN stays."""
    real = functools.partial(_constant, v, x.type.count)
    _, n, p = reduced(v, v.at_least(x, real(-104)))
    return v.times_power(v.b.fadd(real(1), p), n)


def sigmoid_of(v: Vectors, x: Value) -> Value:
    """Return 1 / (1 + e**-x) of float32 vectors."""
    one = v.full("f32", 1.0, x.type.count)
    return v.reciprocal(v.b.fadd(one, exp_of(v, v.b.fneg(x))))


def tanh_of(v: Vectors, x: Value) -> Value:
    """Return tanh(x) of float32 vectors within 3 units in the last place: m / (m + 2) with m = e**2|x| - 1.

    With n the whole part of 2|x| / ln 2, m is 2**n (e**r - 1) + (2**n - 1), whose last term is exact, and 0 near 0.
    """
    lanes = x.type.count
    real, words = functools.partial(_constant, v, lanes), v.vector("s32", lanes)
    sign = v.b.and_(v.b.bitcast(x, words), v.full("s32", -(2**31), lanes))
    size = v.b.bitcast(v.b.xor(v.b.bitcast(x, words), sign), x.type)
    marked, _, p = reduced(v, v.at_most(v.b.fadd(size, size), real(FLAT)))
    bits = v.b.shl(v.b.bitcast(marked, words), v.full("s32", 23, lanes))
    power = v.b.bitcast(v.b.add(bits, v.full("s32", 127 << 23, lanes)), x.type)
    m = v.fma(power, p, v.b.fsub(power, real(1)))
    y = v.b.fmul(m, v.reciprocal(v.b.fadd(m, real(2)), finite=True))
    return v.b.bitcast(v.b.or_(v.b.bitcast(y, words), sign), x.type)
