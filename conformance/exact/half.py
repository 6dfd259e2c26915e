"""Half precision by search: every half is a whole number of 2**-24, and the right one is found among all of them.

Numbers are Python integers and Fractions; nothing is taken from floating-point arithmetic. Bits come and go as ints.
NaN is `None` as a value, infinities are the strings of their sign.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from typing import Any

NAN, PLUS, MINUS = None, "+inf", "-inf"
SIZES = [
    fraction if exponent == 0 else (1024 + fraction) << (exponent - 1)
    for exponent in range(31)
    for fraction in range(1024)
]  # of all positive halves, in 2**-24, by their bits
END = 1 << 40  # the size after the largest, if exponents went on


def value_of(bits: int) -> Any:
    """Return what a half stands for, in 2**-24: an integer, PLUS, MINUS or NAN."""
    size = bits & 0x7FFF
    if size > 0x7C00:
        return NAN
    if size == 0x7C00:
        return MINUS if bits >> 15 else PLUS
    return -SIZES[size] if bits >> 15 else SIZES[size]


class _Order:
    """What bisect compares numbers with: a positive number of which only the order is known."""

    def __init__(self, above: Callable[[int], bool]) -> None:
        self.above = above

    def __lt__(self, size: int) -> bool:
        return not self.above(size)


def search(
    order: Callable[[int, int], int], negative: bool, rounding: str, flush: bool = False
) -> int:
    """Return the bits of a finite number: `order(n, d)` is the sign of its size less n / d (in 2**-24)."""
    below = bisect_right(SIZES, _Order(lambda size: order(size, 1) >= 0)) - 1
    sign = 0x8000 if negative else 0
    if flush and below < 0x400:
        return sign
    next_size = SIZES[below + 1] if below + 1 < len(SIZES) else END
    if order(SIZES[below], 1) == 0:
        return sign | below
    middle = order(SIZES[below] + next_size, 2)
    up = {
        "nearest_even": middle > 0 or (middle == 0 and below % 2 == 1),
        "nearest_away": middle >= 0,
        "toward_zero": False,
        "upward": not negative,
        "downward": negative,
    }[rounding]
    return sign | (below + 1 if up else below)


def _sign(x: Any) -> int:
    return (x > 0) - (x < 0)


def rounded(value: Fraction, negative: bool, rounding: str, flush: bool = False) -> int:
    """Return the bits nearest to a number, in 2**-24; `negative` is the sign of a zero."""
    size = abs(value)
    negative = value < 0 or (value == 0 and negative)
    top, bottom = size.numerator, size.denominator
    return search(lambda n, d: _sign(top * d - n * bottom), negative, rounding, flush)


def _flushed(bits: int, flush: bool) -> int:
    return bits & 0x8000 if flush and bits & 0x7C00 == 0 else bits


INFINITE = 0x7C00
INVALID = 0x7E00


def _zero_is_negative(first: bool, second: bool, rounding: str) -> bool:
    """Return the sign of a sum that is zero, of the signs of its terms."""
    return first if first == second else rounding == "downward"


def fma(a: int, b: int, c: int, rounding: str, flush: bool = False) -> int:
    """Return the bits of a b + c; every NaN is 0x7E00."""
    a, b, c = (_flushed(v, flush) for v in (a, b, c))
    x, y, z = map(value_of, (a, b, c))
    if NAN in (x, y, z):
        return INVALID
    minus = (a ^ b) >> 15 == 1
    if isinstance(x, str) or isinstance(y, str):
        if x == 0 or y == 0 or (isinstance(z, str) and (c >> 15 == 1) != minus):
            return INVALID
        return INFINITE | minus << 15
    if isinstance(z, str):
        return c
    exact = Fraction(x * y, 1 << 24) + z
    return rounded(exact, _zero_is_negative(minus, c >> 15 == 1, rounding), rounding, flush)


def add(a: int, b: int, rounding: str, flush: bool = False) -> int:
    """Return the bits of a + b: 1 a + b."""
    return fma(0x3C00, a, b, rounding, flush)


def sub(a: int, b: int, rounding: str, flush: bool = False) -> int:
    """Return the bits of a - b."""
    return add(a, b ^ 0x8000, rounding, flush)


def mul(a: int, b: int, rounding: str, flush: bool = False) -> int:
    """Return the bits of a b: a zero of the product's sign is added."""
    zero = (a ^ b) & 0x8000
    return fma(a, b, zero, rounding, flush)


def div(a: int, b: int, rounding: str, flush: bool = False) -> int:
    """Return the bits of a / b."""
    a, b = _flushed(a, flush), _flushed(b, flush)
    x, y = value_of(a), value_of(b)
    sign = (a ^ b) & 0x8000
    both_infinite = isinstance(x, str) and isinstance(y, str)
    if NAN in (x, y) or both_infinite or (x == 0 and y == 0):
        return INVALID
    if isinstance(x, str) or y == 0:
        return INFINITE | sign
    if isinstance(y, str):
        return sign
    return rounded(Fraction(x << 24, y), sign > 0, rounding, flush)


def sqrt(a: int, rounding: str, flush: bool = False) -> int:
    """Return the bits of the root: sizes are compared by their squares."""
    a = _flushed(a, flush)
    x = value_of(a)
    if x == 0 or x == PLUS:
        return a
    if x is NAN or x == MINUS or x < 0:
        return INVALID
    square = x << 24
    return search(lambda n, d: _sign(square * d * d - n * n), False, rounding, flush)


def narrow(value: float, rounding: str, flush: bool = False) -> int:
    """Return the bits for a Python float; every NaN is 0x7E00."""
    if value != value:
        return INVALID
    negative = str(value).startswith("-")
    if value in (float("inf"), -float("inf")):
        return INFINITE | negative << 15
    return rounded(Fraction(value) * (1 << 24), negative, rounding, flush)
