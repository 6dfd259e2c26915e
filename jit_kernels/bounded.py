"""Requantization that rounds twice, for sums known to be small: some nine vector operations for four bytes of each lane.

The sum x starts from an offset O, such that X = x + O is unsigned and O m = 2**30 modulo 2**31, m being the
multiplier: then the high half of X (2 m) is gemmlowp's high product, half of a unit for rounding included, plus a
constant. The second rounding takes halves away from zero, so one is taken off where X < O; output zero point
and half of the shift's unit are in the constant that is added.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array
from ..quant.fixedpoint import INT32_MAX, INT32_MIN, scale_rounding_twice
from .simd import LANES, Value, Vectors

ROWS = 8  # of LANES int32 each, for LANES columns
# The offset, where the sums start; factors of even and of odd columns; constants for sums that are not
# negative and for those that are; the shift; the offset alone.
START, EVEN, ODD, PLUS, MINUS, SHIFT, OFFSET = range(7)
BYTES = 4 * ROWS * LANES

MOST = 2**30  # sums are smaller
FARTHEST = 21  # shift that leaves room for the zero point


def bounded_table(
    bias: Array, spread: Array, moved: Array, multiplier: Array, shift: Array, zero: int
) -> Array | None:
    """Return rows of N int32, in the order above; None where sums or shifts do not allow it.

    Args:
        bias: of each column.
        spread: the largest absolute value of the products' sum.
        moved: what the bias lacks because products are taken of stored bytes, not less their zero point.
        multiplier: by column, in [2**30, 2**31), or 0.
        shift: by column.
        zero: the output's zero point, -128 ... 127.
    """
    bias, spread, m, shift = (np.asarray(v, np.int64) for v in (bias, spread, multiplier, shift))
    least, most = bias - spread, bias + spread
    whole = (least >= INT32_MIN) & (most <= INT32_MAX)
    # Scaling is monotone. Filters that training has emptied have tiny scales, huge biases, and one result.
    ends = [scale_rounding_twice(np.where(whole, x, 0), m, shift) for x in (least, most)]
    same = whole & (shift <= 0) & (ends[0] == ends[1]) & (np.abs(ends[0]) < MOST >> 1)
    small = whole & (np.maximum(-least, most) < MOST) & (shift <= -1) & (shift >= -FARTHEST)
    if not (same | small).all():
        return None
    m, right = np.where(same, 1, m), np.where(same, 1, -shift)
    offset = MOST + np.where(m & 1, 0, MOST // (m & -m))
    plus = (np.int64(1) << (right - 1)) + (np.int64(zero) << right) - (offset * m - MOST) // 2**31
    rows = np.zeros((ROWS, len(bias)), np.int64)
    rows[START], rows[EVEN], rows[PLUS], rows[MINUS] = bias + moved + offset, 2 * m, plus, plus - 1
    rows[SHIFT], rows[OFFSET] = right, offset
    rows[EVEN, same] = 0
    rows[PLUS:SHIFT, same] = (zero + ends[0][same].astype(np.int64)) << 1
    return rows.astype(np.uint32).view(np.int32)


def by_units(rows: Array, starts: list[int]) -> Array:
    """Return the table of some units of LANES columns, the first columns of which are given."""
    width = max(rows.shape[1], LANES)
    padded = np.zeros((ROWS, width), np.int32)
    padded[:, : rows.shape[1]] = rows
    table = np.stack([padded[:, s : s + LANES] for s in starts])
    table[:, ODD, ::2] = table[:, EVEN, 1::2]
    return table


class Bounded:
    """Emits the requantization of vectors of sums that started from the table's offset."""

    def __init__(self, v: Vectors, low: Value, high: Value, flip: Value) -> None:
        self.v = v
        self.ends = [v.splat(v.narrow(x, "s8"), 4 * v.lanes) for x in (low, high, flip)]

    def constants(self, table: Value) -> list[Value]:
        """Load what the columns of a unit need."""
        v = self.v
        return [v.load("s32", table, 4 * v.lanes * i) for i in range(EVEN, OFFSET + 1)]

    def scaled(self, x: Value, constants: list[Value]) -> Value:
        """Return what stands for sums, as int32 that may be out of range."""
        even, odd, plus, minus, shift, offset = constants
        v = self.v
        high = v.high_mul_unsigned(x, even, odd)
        negative = v.b.icmp_unsigned("<", x, offset)
        return v.b.ashr(v.b.add(high, v.b.select(negative, minus, plus)), shift)

    def __call__(self, sums: list[Value], constants: list[list[Value]]) -> Value:
        """Requantize four vectors, clamp them to [low, high] and flip bits: bytes in their order."""
        v = self.v
        x = v.saturate_s8([self.scaled(x, c) for x, c in zip(sums, constants, strict=True)])
        low, high, flip = self.ends
        for name, end in (("smax", low), ("smin", high)):
            x = v.call(f"llvm.{name}.v{x.type.count}i8", x.type, x, end)
        return v.b.xor(x, flip)
