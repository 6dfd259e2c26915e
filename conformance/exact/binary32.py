"""float32 arithmetic on Python numbers, for oracles of definitions that contain float32 steps.

A sum, difference, product or quotient of two float32 numbers, computed in float64 and rounded to float32, is
the correctly rounded one: 53 >= 2 * 24 + 2 bits.
"""

from __future__ import annotations

import math
import struct


def f32(value: float) -> float:
    """Round a float64 to the nearest float32, ties to even.

    >>> f32(0.1)
    0.10000000149011612
    """
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def half_away(value: float) -> int:
    """Round to the nearest integer, ties away from zero.

    >>> half_away(-2.5)
    -3
    """
    whole = math.floor(abs(value))
    whole += abs(value) - whole >= 0.5
    return whole if value >= 0 else -whole
