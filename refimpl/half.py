"""IEEE 754 half precision (binary16): conversions in the five roundings, and arithmetic that rounds once.

Halves are arrays of float16, used as 16 bits each: NumPy's own arithmetic on them is not called. A half is
sign, 5 bits of exponent (bias 15), 10 bits of fraction; below 2**-14 it is subnormal, in steps of 2**-24.

Each operation computes in float64 something that rounds to a half as the exact result does: a sum, difference or
product is exact there (41 and 22 bits of 53). A quotient or root differs from every point where roundings change,
which has at most 12 bits, by more than 2**-24 of its size, or is that point: so it stays on its side when it is rounded
to 53 bits. What `fma` adds may span 80 bits: see `odd_sum`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir import Array

F16 = NDArray[np.float16]
F64 = NDArray[np.float64]
U16 = NDArray[np.uint16]

# IEEE 754-2019, 4.3, in the order of their numbers in kernels.
ROUNDINGS = ("nearest_even", "nearest_away", "toward_zero", "upward", "downward")
DEFAULT_NAN = 0x7E00
INFINITY, LARGEST, QUIET = 0x7C00, 0x7BFF, 0x0200
LEAST_NORMAL = 2.0**-14


@dataclass(frozen=True)
class Mode:
    """How results are made.

    Attributes:
        rounding: one of ROUNDINGS.
        flush: subnormal operands, and results that are subnormal before rounding, become zeros of their sign
            (ARM's FPCR.FZ16; x86 would look at the result after rounding).
        default_nan: every NaN result of arithmetic is 0x7E00 (ARM's FPCR.DN). Else it is the first signalling
            operand, or the first NaN, made quiet; of `fma` the addend comes first, and a product of zero and
            infinity with a quiet NaN added gives 0x7E00. Conversions keep sign and upper payload, made quiet.
    """

    rounding: str = "nearest_even"
    flush: bool = False
    default_nan: bool = False


IEEE = Mode()


def bits_of(x: F16) -> U16:
    """Return the bits of halves."""
    return np.asarray(x, np.float16).view(np.uint16)


def widen(x: F16, dtype: type = np.float64) -> Array:
    """Return halves as float32 or float64: exact; a NaN keeps sign and payload, and becomes quiet.

    >>> widen(np.array([0x3555, 0x0001], np.uint16).view(np.float16)).tolist()
    [0.333251953125, 5.960464477539063e-08]
    """
    b = bits_of(x).astype(np.int64)
    fraction, exponent, sign = b & 0x3FF, b >> 10 & 31, b >> 15
    size = np.ldexp(
        (fraction + 1024 * (exponent > 0)).astype(np.float64), np.maximum(exponent, 1) - 25
    )
    size = np.where(exponent == 31, np.inf, size)
    nan = (sign << 63) | (0x7FF << 52) | (fraction | QUIET) << 42
    wide = np.where(sign > 0, -size, size)
    return np.asarray(
        np.where((exponent == 31) & (fraction > 0), nan.view(np.float64), wide), dtype
    )


def narrow(x: Array, rounding: str = "nearest_even", flush: bool = False) -> F16:
    """Round float32 or float64 numbers to halves. With `flush` what is below 2**-14 becomes zero.

    >>> narrow(np.array([1 + 2.0**-11, 65520.0]), "upward").tolist()
    [1.0009765625, inf]
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN
        x = np.asarray(np.asarray(x).astype(np.float64))
    whole = x.view(np.uint64)
    negative = np.signbit(x)
    size: F64 = np.where(np.isfinite(x), np.abs(x), 0.0)
    # the exponent of one unit in the last place
    step = np.where(size < LEAST_NORMAL, -24, np.frexp(size)[1] - 11)
    units = np.ldexp(size, -step)
    count = np.floor(units)
    up = _rounds_up(units - count, count % 2 == 1, negative, rounding)
    # A binade has 1024 halves, so a carry from the fraction is right, and subnormals fit in.
    b = (count + up).astype(np.int64) + 1024 * (step.astype(np.int64) + 24)
    b = np.where(b >= INFINITY, _beyond(negative, rounding), b)
    if flush:
        b = np.where(size < LEAST_NORMAL, 0, b)
    b = np.where(np.isinf(x), INFINITY, b)
    payload = (whole >> np.uint64(42)).astype(np.int64) & 0x3FF
    b = np.where(np.isnan(x), INFINITY | QUIET | payload, b)
    return np.asarray(b | negative.astype(np.int64) << 15, np.uint16).view(np.float16)


def _rounds_up(rest: F64, odd: Array, negative: Array, rounding: str) -> Array:
    """Whether a size with `rest` of a unit beyond a whole number, which may be `odd`, is rounded up."""
    if rounding == "nearest_even":
        return (rest > 0.5) | ((rest == 0.5) & odd)
    if rounding == "nearest_away":
        return rest >= 0.5
    return (rest > 0) & _away(negative, rounding)


def _away(negative: Array, rounding: str) -> Array:
    """Whether a directed rounding leads away from zero."""
    if rounding == "toward_zero":
        return np.zeros_like(negative)
    return ~negative if rounding == "upward" else negative


def _beyond(negative: Array, rounding: str) -> Array:
    """What stands for a finite size that no half reaches."""
    if rounding.startswith("nearest"):
        return np.full(negative.shape, INFINITY)
    return np.where(_away(negative, rounding), INFINITY, LARGEST)


def add(a: F16, b: F16, mode: Mode = IEEE) -> F16:
    """Return a + b."""
    return _sum(a, b, b, mode)


def sub(a: F16, b: F16, mode: Mode = IEEE) -> F16:
    """Return a - b."""
    return _sum(a, (bits_of(b) ^ np.uint16(0x8000)).view(np.float16), b, mode)


def _sum(a: F16, b: F16, given: F16, mode: Mode) -> F16:
    x, y = _operand(a, mode), _operand(b, mode)
    with np.errstate(invalid="ignore"):
        exact = x + y
    return _finish(_signed_zero(exact, x, y, mode), (a, given), mode)


def mul(a: F16, b: F16, mode: Mode = IEEE) -> F16:
    """Return a b."""
    with np.errstate(invalid="ignore"):
        return _finish(_operand(a, mode) * _operand(b, mode), (a, b), mode)


def div(a: F16, b: F16, mode: Mode = IEEE) -> F16:
    """Return a / b."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _finish(_operand(a, mode) / _operand(b, mode), (a, b), mode)


def sqrt(a: F16, mode: Mode = IEEE) -> F16:
    """Return the square root."""
    with np.errstate(invalid="ignore"):
        return _finish(np.sqrt(_operand(a, mode)), (a,), mode)


def fma(a: F16, b: F16, c: F16, mode: Mode = IEEE) -> F16:
    """Return a b + c, rounded once.

    >>> one = np.float16(1 + 2**-10)
    >>> fma(one, one, np.float16(-1 - 2**-9)).item() == 2.0**-20
    True
    """
    x, y, z = (_operand(v, mode) for v in (a, b, c))
    with np.errstate(invalid="ignore"):
        product = x * y
        total = _signed_zero(odd_sum(product, z), product, z, mode)
    result = _finish(total, (c, a, b), mode)
    # ARM, FPMulAdd: a quiet NaN does not hide that the product is invalid.
    invalid = np.isnan(product) & ~np.isnan(x) & ~np.isnan(y) & ~_signalling(c)
    return np.where(invalid, _default_nan(), result)


def odd_sum(p: F64, c: F64) -> F64:
    """Return p + c of two float64 numbers, rounded to odd: exact, or the neighbour whose last bit is 1.

    Knuth's TwoSum gives the rounded sum s and what is lacking, e, with p + c = s + e exactly. Where e is not 0 and
    the last bit of s is 0, the neighbour of s on the side of e is taken: both numbers beside p + c are looked at, and
    one of them is odd. No point where a rounding to 11 bits changes (11 or 12 bits, fewer for subnormals) is odd at bit
    53, so the result is on the same side of each as p + c, or on it: it is rounded as p + c is, in every mode
    (Boldo and Melquiond 2008: 53 >= 11 + 2). The kernels do the same in float32, 24 >= 11 + 2, where the product
    of two halves is exact as well: 22 bits, of size 2**-48 to 2**32.
    """
    s = p + c
    part = s - p
    e = (p - (s - part)) + (c - part)
    whole = s.view(np.int64)
    step = np.where((e > 0) == (s > 0), 1, -1)
    inexact = np.isfinite(s) & (e != 0) & (whole & 1 == 0)
    return np.where(inexact, whole + step, whole).view(np.float64)


def _operand(x: F16, mode: Mode) -> F64:
    wide = widen(x)
    if not mode.flush:
        return wide
    return np.where(np.abs(wide) < LEAST_NORMAL, np.copysign(0.0, wide), wide)


def _signed_zero(exact: F64, x: F64, y: F64, mode: Mode) -> F64:
    """Give the zero that two opposite terms add up to its sign: minus when rounding downward."""
    if mode.rounding != "downward":
        return exact
    return np.where((exact == 0) & (np.signbit(x) != np.signbit(y)), -0.0, exact)


def _default_nan() -> F16:
    return np.array(DEFAULT_NAN, np.uint16).view(np.float16)


def _signalling(x: F16) -> Array:
    b = bits_of(x)
    return ((b & INFINITY) == INFINITY) & (b & 0x3FF != 0) & (b & QUIET == 0)


def _finish(exact: F64, operands: tuple[F16, ...], mode: Mode) -> F16:
    """Round, and choose the NaN."""
    result = np.where(np.isnan(exact), _default_nan(), narrow(exact, mode.rounding, mode.flush))
    if mode.default_nan:
        return result
    nans = [(_signalling(v), v) for v in operands]
    nans += [(np.isnan(v), v) for v in operands]
    for found, v in reversed(nans):
        quiet = (bits_of(v) | np.uint16(QUIET)).view(np.float16)
        result = np.where(found, quiet, result)
    return result
