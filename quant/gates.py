"""Sigmoid and tanh of int16 fixed-point numbers, as gemmlowp computes them (fixedpoint.h), and their tables.

A raw int16 with i integer bits stands for raw / 2**(15 - i); results have none. The functions take any
integer array; a product of fixed-point numbers is the rounded high half of twice the product of the raws.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

S16 = NDArray[np.int16]
S64 = NDArray[np.int64]

ONE = 32767  # the largest number without integer bits stands for 1
ONE_THIRD = 10923  # 1 / 3, and below: constants rounded to 15 fractional bits
EXP_OF_MINUS_EIGHTH = 28918
# exp(-2**k) for k = -2, ..., 4
EXP_OF_MINUS_POWERS = ((-2, 25520), (-1, 19875), (0, 12055), (1, 4435), (2, 600), (3, 11), (4, 0))
# 48 / 17 and 32 / 17 with 13 fractional bits: the best linear start for 1 / d on [1/2, 1]
START, SLOPE = 23130, -15420


def _times(a: S64 | int, b: S64 | int) -> S64:
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.minimum(np.where(nudged >= 0, nudged >> 15, -(-nudged >> 15)), 32767)


def _rounded_half(x: S64, places: int) -> S64:
    """Divide by a power of two, halves away from zero."""
    mask = (1 << places) - 1
    return (x >> places) + ((x & mask) > (mask >> 1) + (x < 0))


def _saturating_left(x: S64, places: int) -> S64:
    return np.clip(x << places, -32768, 32767)


def _exp_small(x: S64) -> S64:
    """Return exp(x) for x in [-1/4, 0), by a polynomial of degree four about -1/8."""
    x = x + (1 << 12)
    square = _times(x, x)
    cube, fourth = _times(square, x), _times(square, square)
    tail = _rounded_half(_times(_rounded_half(fourth, 2) + cube, ONE_THIRD) + square, 1)
    return np.minimum(EXP_OF_MINUS_EIGHTH + _times(EXP_OF_MINUS_EIGHTH, x + tail), 32767)


def exp_of_negative(x: S64, integer_bits: int) -> S64:
    """Return exp(x), x <= 0 with `integer_bits`: a quarter's rest by polynomial, times a factor for each bit."""
    fraction = 15 - integer_bits
    quarter = 1 << (fraction - 2)
    rest = (x & (quarter - 1)) - quarter
    y = _exp_small(_saturating_left(rest, integer_bits))
    remainder = rest - x
    for power, factor in EXP_OF_MINUS_POWERS:
        if integer_bits > power:
            y = np.where(remainder & (1 << (fraction + power)), _times(y, factor), y)
    if integer_bits > 5:
        y = np.where(x < -(1 << (36 - integer_bits - 16)), 0, y)
    return np.where(x == 0, ONE, y)


def _reciprocal(x: S64) -> S64:
    """Return 2 / (1 + x) for x in [0, 1] with 13 fractional bits: three Newton steps for 1 / ((1 + x) / 2)."""
    total = x + ONE
    half = np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))
    y = START + _times(half, SLOPE)
    for _ in range(3):
        error = (1 << 13) - _times(half, y)
        y = y + _saturating_left(_times(y, error), 2)
    return y


def sigmoid(x: S64) -> S64:
    """Return 1 / (1 + exp(-x)) of numbers with 3 integer bits.

    >>> sigmoid(np.array([0, 4096, -4096, 32767])).tolist()
    [16384, 23952, 8815, 32756]
    """
    magnitude = np.where(x > 0, x, -x)
    y = _reciprocal(exp_of_negative(-magnitude, 3))
    # 2 / (1 + e) with 13 fractional bits is 1 / (1 + e) with 14
    positive = _saturating_left(y, 1)
    return np.where(x == 0, 1 << 14, np.where(x > 0, positive, ONE - positive))


def tanh(x: S64, integer_bits: int) -> S64:
    """Return the hyperbolic tangent of numbers with `integer_bits`.

    >>> tanh(np.array([0, 4096, -4096, 32767]), 3).tolist()
    [0, 24964, -24964, 32767]
    """
    negative = np.where(x < 0, x, -x)
    y = _reciprocal(exp_of_negative(negative, integer_bits + 1))
    positive = _saturating_left(y - (1 << 13), 2)
    return np.where(x == 0, 0, np.where(x < 0, -positive, positive))


@functools.cache
def sigmoid_table() -> S16:
    """Return `sigmoid` of all int16, entry i for the raw number i - 32768."""
    return sigmoid(np.arange(-32768, 32768)).astype(np.int16)


@functools.cache
def tanh_table(integer_bits: int) -> S16:
    """Return `tanh` of all int16, entry i for the raw number i - 32768."""
    return tanh(np.arange(-32768, 32768), integer_bits).astype(np.int16)
