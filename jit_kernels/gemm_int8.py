"""8-bit matrix product with fused requantization: int16 operands, int32 sums, 8-bit results.

A is rows of int16, the zero point taken off, K rounded up to pairs. B is packed by `pack_pairs`: panels of `PANEL`
columns, [panel][k / 2][column][2]. `table` keeps, for each panel, what its columns need after the sum. The roundings
are those of quant/fixedpoint.py, bit for bit, and named as in quant/dialects.py.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array
from .gemm import PANEL, ROWS, store_rows
from .kernel import F64, I64, inlined
from .simd import LANES, Tile, Value, Vectors, tile

WORDS = 4 * PANEL  # int32 words of the table for a panel


def pack_pairs(b: Array) -> Array:
    """Pack B (K, N) of int16 into panels (ceil(N / PANEL), ceil(K / 2), PANEL, 2), zeros added.

    >>> pack_pairs(np.ones((3, 1), np.int16)).shape[:2]
    (1, 2)
    """
    k, n = b.shape
    padded = np.zeros((-(-k // 2) * 2, -(-n // PANEL) * PANEL), np.int16)
    padded[:k, :n] = b
    return np.ascontiguousarray(
        padded.reshape(-1, 2, padded.shape[1] // PANEL, PANEL).transpose(2, 0, 3, 1)
    )


def fixed_table(bias: Array, multiplier: Array, shift: Array) -> Array:
    """Return the table for rounding "twice": bias, multiplier, left shift, right shift."""
    return _table([bias, multiplier, np.maximum(shift, 0), np.maximum(-shift, 0)])


def real_table(bias: Array, real: Array) -> Array:
    """Return the table for rounding "real": bias, a gap, and the float64 multipliers."""
    n = len(bias)
    padded = np.zeros(-(-n // PANEL) * PANEL)
    padded[:n] = real
    table = _table([bias, np.zeros(n), np.zeros(n), np.zeros(n)])
    table[:, 2:] = padded.reshape(-1, PANEL).view(np.int32).reshape(-1, 2, PANEL)
    return table


def _table(rows: list[Array]) -> Array:
    n = len(rows[0])
    table = np.zeros((-(-n // PANEL), 4, PANEL), np.int32)
    for i, row in enumerate(rows):
        padded = np.zeros(table.shape[0] * PANEL, np.int32)
        padded[:n] = row
        table[:, i] = padded.reshape(-1, PANEL)
    return table


class Requantizer:
    """Emits the end of a tile: int32 sums of some columns to stored 8-bit integers."""

    def __init__(self, v: Vectors, rounding: str, low: Value, high: Value, zero: Value) -> None:
        self.v, self.rounding = v, rounding
        # The zero point is added last, to what is clamped already: so nothing overflows.
        ends = (v.b.sub(low, zero), v.b.sub(high, zero), zero)
        self.low, self.high, self.zero = (v.narrow(x, "s32") for x in ends)

    def constants(self, table: Value, at: Value, row: Value, lanes: int = 0) -> list[Value]:
        """Load what columns need, `at` bytes behind the start of the table's rows of `row` bytes."""
        v = self.v
        if self.rounding == "real":
            return [v.load("f64", table, v.add(v.mul(row, 2), v.mul(at, 2)), lanes)]
        return [v.load("s32", table, v.add(v.mul(row, i), at), lanes) for i in (1, 2, 3)]

    def __call__(self, x: Value, constants: list[Value]) -> Value:
        """Requantize the sums of these columns."""
        v = self.v
        if self.rounding == "real":
            x = v.scale_real(x, constants[0])
        else:
            multiplier, left, right = constants
            x = v.shift_rounding(v.high_mul(v.b.shl(x, left), multiplier), right)
        low, high, zero = (v.splat(end, x.type.count) for end in (self.low, self.high, self.zero))
        x = v.b.add(v.clamp_int(x, low, high), zero)
        return v.b.trunc(x, v.vector("s8", x.type.count))


def sums_s16(
    v: Vectors,
    a: Value,
    lda: Value,
    b: Value,
    pairs: Value,
    starts: list[Value],
    rows: int,
    kind: str = "s16",
) -> list[list[Value]]:
    """Return starts + A B for some rows of A and a panel of B, of int16 or int8: int32 vectors by row."""
    size = 2 if kind == "s16" else 1
    lines = [v.pointer(a, v.mul(lda, r)) for r in range(rows)]
    b, vectors = v.pointer(b), len(starts)

    def step(i: Value, *sums: Value) -> list[Value]:
        new = list(sums)
        pair, line = v.mul(i, 4), v.mul(i, 4 * v.lanes * size)
        at = [v.add(line, 2 * v.lanes * size * j) for j in range(vectors)]
        weights = [v.load(kind, b, offset, 2 * v.lanes) for offset in at]
        if kind == "s8":
            weights = [v.widen(w, "s16", signed=True) for w in weights]
        for r, row in enumerate(lines):
            x = v.b.bitcast(v.repeat("s32", row, pair), weights[0].type)
            for j, w in enumerate(weights):
                new[r * vectors + j] = v.dot2_s16(new[r * vectors + j], x, w)
        return new

    acc = v.carry(pairs, starts * rows, step)
    return [acc[r * vectors : (r + 1) * vectors] for r in range(rows)]


def s16_tile(rows: int, vectors: int, rounding: str, kind: str = "s16") -> Tile:
    """Return the tile of some rows and some vectors of columns, that rounds "twice" or as "real"."""

    @tile(f"{kind}_gemm_{rows}x{vectors}_{rounding}")
    def gemm(
        v: Vectors, a: I64, lda: I64, b: I64, pairs: I64, table: I64, c: I64, ldc: I64, columns: I64,
        low: I64, high: I64, zero: I64,
    ) -> None:  # fmt: skip
        """C[rows, columns] = requantize(A B + bias)."""
        starts = [v.load("s32", table, 4 * v.lanes * j) for j in range(vectors)]
        acc = sums_s16(v, a, lda, b, pairs, starts, rows, kind)
        requantize = Requantizer(v, rounding, low, high, zero)
        constants = [
            requantize.constants(table, 4 * v.lanes * j, 8 * v.lanes) for j in range(vectors)
        ]
        out = [[requantize(x, t) for x, t in zip(row, constants, strict=True)] for row in acc]
        store_rows(v, out, c, ldc, columns, 1)

    return gemm


def _hybrid_tile(rows: int) -> Tile:
    @tile(f"s16_gemm_{rows}_hybrid")
    def gemm(
        v: Vectors, a: I64, lda: I64, b: I64, pairs: I64, table: I64, c: I64, ldc: I64, columns: I64,
        first: F64, second: F64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """C = clamp((A B (scale first)) second + bias) in float32; `table` has rows of bias and scale."""
        acc = sums_s16(v, a, lda, b, pairs, [v.full("s32", 0)] * 2, rows)
        before, after, lo, hi = (v.splat(v.narrow(x, "f32")) for x in (first, second, low, high))
        out = []
        for row in acc:
            vectors = []
            for j, x in enumerate(row):
                bias, scale = (v.load("f32", table, 4 * v.lanes * (i + j)) for i in (0, 2))
                y = v.b.fmul(v.b.sitofp(x, bias.type), v.b.fmul(scale, before))
                vectors.append(v.clamp(v.b.fadd(v.b.fmul(y, after), bias), lo, hi))
            out.append(vectors)
        store_rows(v, out, c, ldc, columns, 4)

    return gemm


twice_all, twice_2, twice_1 = (s16_tile(r, 2, "twice") for r in (ROWS, 2, 1))
twice_thin = s16_tile(ROWS, 1, "twice")
real_4, real_1 = (s16_tile(r, 2, "real") for r in (4, 1))
bytes_4, bytes_1 = (s16_tile(r, 2, "real", "s8") for r in (4, 1))
hybrid_4, hybrid_1 = (_hybrid_tile(r) for r in (4, 1))


@inlined
def twice_block(  # type: ignore[no-untyped-def]
    a, rows, b, pairs, n, first, last, table, c, ldc, low, high, zero
):
    """C[rows, columns of the panels first .. last - 1] = requantize(A B + bias), rounding twice."""
    line = 4 * pairs
    for p in range(first, last):
        w, t = b + p * line * PANEL, table + p * WORDS * 4
        column = p * PANEL
        columns = min(PANEL, n - column)
        i = 0
        while i < rows:
            left = rows - i
            if left < ROWS and rows >= ROWS:
                i = rows - ROWS  # overlaps the tile before, with the same results
                left = ROWS
            x, y = a + i * line, c + i * ldc + column
            if left >= ROWS:
                if columns <= LANES:
                    twice_thin(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                else:
                    twice_all(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                i += ROWS
            elif left >= 2:
                twice_2(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                i += 2
            else:
                twice_1(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                i += 1


@inlined
def real_block(  # type: ignore[no-untyped-def]
    a, rows, b, pairs, n, first, last, table, c, ldc, low, high, zero, narrow
):
    """As `twice_block`, with a float64 multiplier; B may be int8 (`narrow`)."""
    line = 4 * pairs
    for p in range(first, last):
        w, t = b + p * (2 if narrow else 4) * pairs * PANEL, table + p * WORDS * 4
        columns = min(PANEL, n - p * PANEL)
        i = 0
        while i < rows:
            x, y = a + i * line, c + i * ldc + p * PANEL
            if rows - i >= 4:
                if narrow:
                    bytes_4(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                else:
                    real_4(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                i += 4
            else:
                if narrow:
                    bytes_1(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                else:
                    real_1(x, line, w, pairs, t, y, ldc, columns, low, high, zero)
                i += 1


@inlined
def hybrid_block(  # type: ignore[no-untyped-def]
    a, rows, b, pairs, n, start, stop, table, c, ldc, first, second, low, high
):
    """C[rows, columns of the panels start .. stop - 1] in float32; the table of a panel has two rows."""
    line = 4 * pairs
    for p in range(start, stop):
        w, t = b + p * line * PANEL, table + p * 2 * PANEL * 4
        columns = min(PANEL, n - p * PANEL)
        i = 0
        while i < rows:
            x, y = a + i * line, c + (i * ldc + p * PANEL) * 4
            if rows - i >= 4:
                hybrid_4(x, line, w, pairs, t, y, ldc, columns, first, second, low, high)
                i += 4
            else:
                hybrid_1(x, line, w, pairs, t, y, ldc, columns, first, second, low, high)
                i += 1
