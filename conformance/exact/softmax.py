"""Second oracles of softmax and its logarithm; the quantized one follows the fixed-point definition in integers."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...refimpl.softmax import log_softmax, softmax
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32
from .fixed import clamped, divided, limits, multiplier, scaled_by, tensor_scale
from .unary import DIGITS, Outputs, Quants, exponential

ONE = 2**31 - 1


def _rows(x: Cells) -> Iterator[list[Any]]:
    depth = x.shape[-1]
    return (x.values[at : at + depth] for at in range(0, len(x.values), depth))


def _arguments(row: list[float], beta: float) -> list[Any] | None:
    """Return beta (x - max x) exactly; None where a row has no weights (NaN, +Inf, or -Inf alone)."""
    most = max(row)
    if any(v != v for v in row) or math.isinf(most):
        return None
    slope = mpf(f32(beta))
    return [-mp.inf if v == -math.inf else (mpf(v) - mpf(most)) * slope for v in row]


@EXACT.of(softmax)
def softmax_exact(x: Cells, *, beta: float) -> Cells:
    """Powers over their sum."""
    y: list[Any] = []
    with workdps(DIGITS):
        for row in _rows(x):
            arguments = _arguments(row, beta)
            if arguments is None:
                y += [math.nan] * len(row)
                continue
            powers = [exponential(a) for a in arguments]
            total = mp.fsum(powers)
            y += [p / total for p in powers]
    return Cells(x.shape, y)


@EXACT.of(log_softmax)
def log_softmax_exact(x: Cells) -> Cells:
    """Differences less the logarithm of the sum."""
    y: list[Any] = []
    with workdps(DIGITS):
        for row in _rows(x):
            arguments = _arguments(row, 1.0)
            if arguments is None:
                y += [math.nan] * len(row)
                continue
            log = mp.log(mp.fsum(exponential(a) for a in arguments))
            y += [-math.inf if a == -mp.inf else a - log for a in arguments]
    return Cells(x.shape, y)


def _nearest(value: Fraction) -> int:
    """Round to the nearest integer, ties upwards."""
    return math.floor(value + Fraction(1, 2))


def _product(a: int, b: int) -> int:
    """Multiply numbers without integer bits."""
    return _nearest(Fraction(a * b, 2**31))


@functools.cache
def _constants() -> tuple[int, list[int]]:
    """Return exp(-1/8), and exp(-2**k) for k from -2 to 4, without integer bits."""
    with workdps(DIGITS):
        factors = [int(mp.nint(mp.exp(-(mpf(2) ** k)) * 2**31)) for k in range(-2, 5)]
        return int(mp.nint(mp.exp(mpf(-1) / 8) * 2**31)), factors


def _power(x: int) -> int:
    """Return exp(x), x <= 0 with 5 integer bits, without integer bits.

    x is a multiple of a quarter, each of whose bits is a factor, and the rest in [-1/4, 0), whose power is a
    polynomial of fourth degree about -1/8.
    """
    if x == 0:
        return ONE
    quarter = 2**24
    rest = x % quarter - quarter
    z = rest * 32 + 2**28
    z2 = _product(z, z)
    z3, z4 = _product(z2, z), _product(z2, z2)
    tail = divided(_product(divided(z4, 2) + z3, _nearest(Fraction(2**31, 3))) + z2, 1)
    start, factors = _constants()
    y = start + _product(start, z + tail)
    bits = (rest - x) // quarter
    for k, factor in enumerate(factors):
        if bits >> k & 1:
            y = _product(y, factor)
    return y


def _inverse(total: int) -> tuple[int, int]:
    """Return (r, n): 1 / total = r / 2**31 / 2**n, for a sum with 12 integer bits; r by three Newton steps."""
    n = total.bit_length() - 20
    fraction = total * 2 ** (32 - total.bit_length()) - 2**31
    half = (fraction + ONE + 1) // 2
    y = _nearest(Fraction(48 * 2**29, 17)) + _product(half, -_nearest(Fraction(32 * 2**29, 17)))
    for _ in range(3):
        y += _saturated(4 * _product(y, 2**29 - _product(half, y)))
    return _saturated(2 * y), n


def _saturated(value: int) -> int:
    return clamped(value, "s32")


@EXACT_INT8.of((softmax, "s8"), (softmax, "u8"), (softmax, "s8-nnacl"))
def softmax_int8(x: Cells, *, quant: Quants, out: Outputs, dialect: str, beta: float) -> Cells:
    """Powers of scaled differences times the reciprocal of their sum."""
    scale, _ = tensor_scale(quant[0])
    mantissa, shift = multiplier(min(f32(beta) * scale * 2**26, 2.0**31 - 1))
    least = -math.floor(Fraction(31 * 2**26, 2**shift))
    low, high = limits(out[0].format)
    y = []
    for row in _rows(x):
        differences = [v - max(row) for v in row]
        powers = {
            d: _power(scaled_by(d, mantissa, shift)) if d >= least else 0 for d in set(differences)
        }
        factor, n = _inverse(sum(divided(powers[d], 12) for d in differences))
        places = n + 31 - (high - low).bit_length()
        whole = [divided(_product(factor, powers[d]), places) + low for d in differences]
        y += [min(v, high) for v in whole]
    return Cells(x.shape, y)
