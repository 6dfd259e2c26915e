"""Requantization in tiles: sums of byte products to bytes, four vectors at a time; and the tables that it reads.

`Bounded` rounds twice, for sums known to be small, in some nine operations a vector. The sum x starts from an
offset O, such that X = x + O is unsigned and O m = 2**30 modulo 2**31, m being the multiplier: then the high half of
X (2 m) is gemmlowp's high product, half of a unit for rounding included, plus a constant. The second rounding
takes halves away from zero, so one is taken off where X < O; output zero point and half of the shift's unit
are in the constant that is added. `Real` multiplies in float64, for products known to fit into int32.
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
REAL = 2  # and the next: float64 multipliers
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


def real_table(start: Array, real: Array, starts: list[int]) -> Array:
    """Return the table of units for `Real`: where the sums start, and the float64 multipliers."""
    width = max(len(start), LANES)
    sums, factors = np.zeros(width, np.int64), np.zeros(width)
    sums[: len(start)], factors[: len(real)] = start, real
    table = np.zeros((len(starts), ROWS, LANES), np.int32)
    for unit, s in zip(table, starts, strict=True):
        unit[START] = sums[s : s + LANES].astype(np.uint32).view(np.int32)
        unit[REAL : REAL + 2] = factors[s : s + LANES].view(np.int32).reshape(2, LANES)
    return table


def by_units(rows: Array, starts: list[int]) -> Array:
    """Return the table of some units of LANES columns, the first columns of which are given."""
    width = max(rows.shape[1], LANES)
    padded = np.zeros((ROWS, width), np.int32)
    padded[:, : rows.shape[1]] = rows
    table = np.stack([padded[:, s : s + LANES] for s in starts])
    table[:, ODD, ::2] = table[:, EVEN, 1::2]
    return table


class Ending:
    """What the ends of tiles have in common: bytes are clamped as int8, then the bits of `flip` are changed.

    `size` is that of a result in bytes.
    """

    size = 1

    def __init__(self, v: Vectors, low: Value, high: Value, zero: Value, flip: Value) -> None:
        self.v, self.zero = v, zero
        self.ends = [v.splat(v.narrow(x, "s8"), 4 * v.lanes) for x in (low, high, flip)]

    def constants(self, table: Value) -> list[Value]:
        """Load what the columns of a unit need."""
        raise NotImplementedError

    def scaled(self, x: Value, constants: list[Value]) -> Value:
        """Return what stands for sums, as int32 that may be out of range."""
        raise NotImplementedError

    def __call__(self, sums: list[Value], constants: list[list[Value]]) -> Value:
        """Requantize four vectors: bytes in their order."""
        scaled = [self.scaled(x, c) for x, c in zip(sums, constants, strict=True)]
        return self.clamped(self.v.saturate_s8(scaled))

    def store(
        self,
        sums: list[Value],
        constants: list[list[Value]],
        places: list[Value],
        columns: Value | None,
    ) -> None:
        """Requantize one to four vectors and store them: the first `columns` of each, or all if None."""
        v, missing = self.v, 4 - len(sums)
        y = self(sums + sums[-1:] * missing, constants + constants[-1:] * missing)
        for i, place in enumerate(places):
            x = v.shuffle(y, y, range(i * v.lanes, (i + 1) * v.lanes))
            if columns is None:
                v.store(x, place)
            else:
                store_bytes(v, x, columns, place)

    def clamped(self, x: Value) -> Value:
        """Return bytes within the bounds, flipped."""
        low, high, flip = self.ends
        for name, end in (("smax", low), ("smin", high)):
            x = self.v.call(f"llvm.{name}.v{x.type.count}i8", x.type, x, end)
        return self.v.b.xor(x, flip)


def store_bytes(v: Vectors, x: Value, columns: Value, address: Value) -> None:
    """Store the first `columns` of LANES bytes."""
    whole = v.b.icmp_signed(">=", columns, v.const(v.lanes))
    with v.b.if_else(whole) as (all_of_them, some):
        with all_of_them:
            v.store(x, address)
        with some:
            if "avx512bw" in v.isa:
                v.store_some(x, v.mask(columns), address)
            else:
                v.store_first(columns, [x], address)


class Bounded(Ending):
    """Rounds twice; sums have started from the table's offset. The table has the zero point."""

    def constants(self, table: Value) -> list[Value]:
        """Load what the columns of a unit need."""
        return [self.v.load("s32", table, 4 * self.v.lanes * i) for i in range(EVEN, OFFSET + 1)]

    def scaled(self, x: Value, constants: list[Value]) -> Value:
        """Return what stands for sums, as int32 that may be out of range."""
        even, odd, plus, minus, shift, offset = constants
        b = self.v.b
        high = self.v.high_mul_unsigned(x, even, odd)
        added = b.select(b.icmp_unsigned("<", x, offset), minus, plus)
        return b.ashr(b.add(high, added), shift)


class Positive(Bounded):
    """As `Bounded`, where `low` is not below the zero point: then halves below zero need no care."""

    def scaled(self, x: Value, constants: list[Value]) -> Value:
        """Return what stands for sums, as int32 that may be out of range."""
        even, odd, plus, _, shift, _ = constants
        return self.v.b.ashr(self.v.b.add(self.v.high_mul_unsigned(x, even, odd), plus), shift)


class Real(Ending):
    """Multiplies in float64 and rounds halves away from zero."""

    def constants(self, table: Value) -> list[Value]:
        """Load what the columns of a unit need."""
        return [self.v.load("f64", table, 4 * self.v.lanes * REAL)]

    def scaled(self, x: Value, constants: list[Value]) -> Value:
        """Return what stands for sums, as int32 that may be out of range."""
        v = self.v
        zero = v.splat(v.narrow(self.zero, "s32"))
        return v.b.add(v.scale_real_inside(x, constants[0]), zero)


class Sums(Ending):
    """Leaves the sums as they are, int32, for a later step; of all units, which have no columns too many."""

    size = 4

    def constants(self, table: Value) -> list[Value]:
        """Nothing is needed."""
        return []

    def store(
        self,
        sums: list[Value],
        constants: list[list[Value]],
        places: list[Value],
        columns: Value | None,
    ) -> None:
        """Store whole vectors."""
        for x, place in zip(sums, places, strict=True):
            self.v.store(x, place)
