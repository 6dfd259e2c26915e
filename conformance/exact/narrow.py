"""Narrow floating-point formats by search: all their sizes as Fractions, in the order of their bits.

Numbers are Python's; NaN and infinities are floats.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_right
from fractions import Fraction
from typing import Any

# bits of the exponent, of the fraction, bias, and bits of the largest finite size: OCP MX 1.0, table 1; ONNX, float8
SHAPES = {
    "f16": (5, 10, 15, 0b11110_1111111111),
    "bf16": (8, 7, 127, 0b11111110_1111111),
    "f8e4m3fn": (4, 3, 7, 0b1111_110),
    "f8e4m3fnuz": (4, 3, 8, 0b1111_111),
    "f8e5m2": (5, 2, 15, 0b11110_11),
    "f8e5m2fnuz": (5, 2, 16, 0b11111_11),
    "f4e2m1": (2, 1, 1, 0b11_1),
}
INFINITE = ("f16", "bf16", "f8e5m2")  # the others have no infinity
UNSIGNED_ZERO = ("f8e4m3fnuz", "f8e5m2fnuz")


@functools.cache
def sizes(form: str) -> list[Fraction]:
    """Return what the bits without sign stand for, up to the largest finite size, and the one that would follow."""
    _, fraction, bias, largest = SHAPES[form]
    unit = Fraction(2) ** (1 - bias - fraction)
    found = []
    for bits in range(largest + 2):
        exponent, rest = divmod(bits, 2**fraction)
        found.append(
            rest * unit if exponent == 0 else (2**fraction + rest) * unit * 2 ** (exponent - 1)
        )
    return found


def nearest(value: Any, form: str, saturate: bool = False) -> float:
    """Round to the nearest number of a format, ties to even bits; f4e2m1 saturates, and knows no NaN.

    >>> nearest(Fraction(449), "f8e4m3fn"), nearest(465, "f8e4m3fn"), nearest(465, "f8e4m3fn", True)
    (448.0, nan, 448.0)
    """
    if isinstance(value, float) and math.isnan(value):
        return -0.0 if form == "f4e2m1" else math.nan
    minus = math.copysign(1.0, value) < 0 if isinstance(value, float) else value < 0
    every = sizes(form)
    size = every[-1] if isinstance(value, float) and math.isinf(value) else abs(Fraction(value))
    low = min(bisect_right(every, size), len(every) - 1) - 1
    middle = (every[low] + every[low + 1]) / 2
    bits = low + (size > middle or (size == middle and low % 2 == 1))
    if bits < len(every) - 1:
        found = float(every[bits])
    elif form == "f4e2m1" or (saturate and form.startswith("f8")):
        found = float(every[-2])
    else:
        found = math.inf if form in INFINITE else math.nan
    return 0.0 if found == 0 and form in UNSIGNED_ZERO else math.copysign(found, -1 if minus else 1)


def power(value: Any, saturate: bool, round_mode: str) -> float:
    """Round to a power of two of f8e8m0: 2**-127 to 2**127; NaN where the number is negative, or out of reach."""
    if isinstance(value, float) and not math.isfinite(value):
        return 2.0**127 if value > 0 and saturate else math.nan
    least = Fraction(1, 2**127)
    if value < 0 or (value < least and not saturate):
        return math.nan
    if value <= least:
        return float(least)
    low = least
    while 2 * low <= value:
        low *= 2
    up = {"down": False, "up": value > low, "nearest": 2 * value >= 3 * low}[round_mode]
    found = 2 * low if up else low
    if found > 2**127:
        return 2.0**127 if saturate else math.nan
    return float(found)


# Bits of NaN and of infinity, without the sign (the formats without a negative zero have one NaN).
NANS = {
    "f16": 0x7E00,
    "bf16": 0x7FC0,
    "f8e4m3fn": 0x7F,
    "f8e5m2": 0x7E,
    "f8e4m3fnuz": 0x80,
    "f8e5m2fnuz": 0x80,
}


def bits_of(value: float, form: str) -> int:
    """Return the bits of a number that the format has."""
    if form == "f8e8m0":
        return 0xFF if math.isnan(value) else math.frexp(value)[1] - 1 + 127
    exponent, fraction, _, largest = SHAPES[form]
    if math.isnan(value):
        return NANS[form]
    sign = (math.copysign(1.0, value) < 0) << (exponent + fraction)
    if math.isinf(value):
        return sign | (largest + 1)
    return sign | (bisect_right(sizes(form), abs(Fraction(value))) - 1)


def value_of(bits: int, form: str) -> float:
    """Return what bits stand for."""
    if form == "f8e8m0":
        return math.nan if bits == 0xFF else 2.0 ** (bits - 127)
    exponent, fraction, _, largest = SHAPES[form]
    size, minus = bits % 2 ** (exponent + fraction), bits >> (exponent + fraction) & 1
    if form in UNSIGNED_ZERO and minus and size == 0:
        return math.nan
    if size <= largest:
        return math.copysign(float(sizes(form)[size]), -1 if minus else 1)
    infinite = form in INFINITE and size == largest + 1
    return (-math.inf if minus else math.inf) if infinite else math.nan
