"""float32 matrix product: register tiles, and the loops that walk a block of rows with them.

A is rows of `lda` elements anywhere in memory. B is packed by `pack`: panels of `PANEL` columns, [panel][k][column].
Each output is summed from the bias on, in the order of k, whatever tile computes it: so its bits depend neither
on the number of threads nor on the width of vectors. A single row is the exception: its sums are cut in four.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array
from .kernel import F64, I64, inlined
from .simd import LANES, REGISTERS, Tile, Value, Vectors, tile

PANEL = 2 * LANES  # columns in a panel of B
ROWS = 14 if REGISTERS == 32 else 6  # rows of the largest tile
SPLIT = 4  # partial sums of a single row


def pack(b: Array) -> Array:
    """Pack B (K, N) into panels (ceil(N / PANEL), K, PANEL); zeros fill the last one.

    >>> pack(np.ones((3, 1), "f")).shape[:2]
    (1, 3)
    """
    k, n = b.shape
    padded = np.zeros((k, -(-n // PANEL) * PANEL), b.dtype)
    padded[:, :n] = b
    return np.ascontiguousarray(padded.reshape(k, -1, PANEL).transpose(1, 0, 2))


def pad_columns(v: Array | None, n: int, dtype: Any = np.float32) -> Array:
    """Return a vector of N elements, or zeros for None, with zeros up to whole panels."""
    padded = np.zeros(-(-n // PANEL) * PANEL, dtype)
    if v is not None:
        padded[:n] = v
    return padded


Finish = Callable[[Vectors, list[list[Value]]], None]


def multiply_f32(
    v: Vectors, rows: list[Value], b: Value, k: Value, acc: list[Value], panel: int
) -> list[Value]:
    """Add rows times a panel to acc[row][vector] (flat), one k a round."""
    vectors = len(acc) // len(rows)

    def step(i: Value, *sums: Value) -> list[Value]:
        new = list(sums)
        here = v.mul(i, 4)
        line = v.mul(i, 4 * panel)
        columns = [v.load("f32", b, v.add(line, 4 * v.lanes * j)) for j in range(vectors)]
        for r, row in enumerate(rows):
            x = v.repeat("f32", row, here)
            for j, y in enumerate(columns):
                at = r * vectors + j
                new[at] = v.fma(x, y, new[at])
        return new

    return v.carry(k, acc, step)


def store_rows(
    v: Vectors, out: list[list[Value]], c: Value, ldc: Value, columns: Value, size: int
) -> None:
    """Store rows of vectors; where fewer `columns` than they hold are wanted, only these."""
    whole = v.b.icmp_signed(">=", columns, v.const(len(out[0]) * v.lanes))
    with v.b.if_else(whole) as (all_of_them, some):
        with all_of_them:
            for r, vectors in enumerate(out):
                row = v.pointer(c, v.mul(ldc, r * size))
                for j, x in enumerate(vectors):
                    v.store(x, row, j * v.lanes * size)
        with some:
            if size == 1:  # masks of bytes are rare among processors
                for r, vectors in enumerate(out):
                    v.store_first(columns, vectors, v.add(c, v.mul(ldc, r)))
            else:
                masks = column_masks(v, columns, len(out[0]))
                for r, vectors in enumerate(out):
                    row = v.pointer(c, v.mul(ldc, r * size))
                    for j, x in enumerate(vectors):
                        v.store_some(x, masks[j], row, j * v.lanes * size)


def column_masks(v: Vectors, columns: Value, vectors: int) -> list[Value]:
    """Return which lanes of some vectors in a row are among the first `columns`."""
    return [v.mask(v.b.sub(columns, v.const(j * v.lanes))) for j in range(vectors)]


def add_rows(
    v: Vectors, acc: list[Value], rows: int, r: Value, ldc: Value, columns: Value
) -> list[Value]:
    """Return acc[row][vector] (flat) plus rows of a matrix at `r`, unless that is the null address."""
    vectors = len(acc) // rows
    masks = column_masks(v, columns, vectors)

    def plus(_: Value, *sums: Value) -> list[Value]:
        lines = [v.pointer(r, v.mul(ldc, 4 * row)) for row in range(rows)]
        return [
            v.b.fadd(
                x,
                v.load_some(
                    "f32", masks[i % vectors], lines[i // vectors], i % vectors * 4 * v.lanes
                ),
            )
            for i, x in enumerate(sums)
        ]

    some = v.b.icmp_unsigned("!=", r, v.const(0))
    return v.carry(v.b.zext(some, r.type), acc, plus)


def f32_tile(rows: int, vectors: int) -> Tile:
    """Return the tile of some rows and some vectors of columns."""

    @tile(f"f32_gemm_{rows}x{vectors}")
    def gemm(
        v: Vectors, a: I64, lda: I64, b: I64, k: I64, bias: I64, plus: I64, c: I64, ldc: I64,
        columns: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """C[rows, columns] = clamp(A B + bias + R); R is at `plus`, spaced like C, or nowhere (0)."""
        starts = [v.load("f32", bias, 4 * v.lanes * j) for j in range(vectors)]
        lines = [v.pointer(a, v.mul(lda, 4 * r)) for r in range(rows)]
        acc = multiply_f32(v, lines, v.pointer(b), k, starts * rows, 2 * v.lanes)
        acc = add_rows(v, acc, rows, plus, ldc, columns)
        lo, hi = (v.splat(v.narrow(x, "f32")) for x in (low, high))
        out = [[v.clamp(acc[r * vectors + j], lo, hi) for j in range(vectors)] for r in range(rows)]
        store_rows(v, out, c, ldc, columns, 4)

    return gemm


@tile("f32_row")
def f32_row(
    v: Vectors, a: I64, b: I64, k: I64, bias: I64, plus: I64, c: I64, columns: I64, low: F64, high: F64
) -> None:  # fmt: skip
    """One row times a panel, in SPLIT partial sums: for k mod SPLIT each, then added in order."""
    size, line = 4 * v.lanes, 8 * v.lanes
    starts = [v.load("f32", bias, size * j) for j in range(2)]
    acc = starts + [v.full("f32", 0.0)] * (2 * SPLIT - 2)

    def add(k0: Value, sums: list[Value], part: int) -> list[Value]:
        x = v.repeat("f32", a, v.mul(k0, 4))
        at = v.mul(k0, line)
        pair = [
            v.fma(x, v.load("f32", b, v.add(at, size * j)), sums[2 * part + j]) for j in range(2)
        ]
        return [*sums[: 2 * part], *pair, *sums[2 * part + 2 :]]

    def four(i: Value, *sums: Value) -> list[Value]:
        new = list(sums)
        for part in range(SPLIT):
            new = add(v.add(v.mul(i, SPLIT), part), new, part)
        return new

    rounds = v.b.sdiv(k, v.const(SPLIT))
    acc = v.carry(rounds, acc, four)
    done = v.mul(rounds, SPLIT)
    rest = v.b.sub(k, done)
    acc = v.carry(rest, acc, lambda i, *sums: add(v.add(done, i), list(sums), 0))
    lo, hi = (v.splat(v.narrow(x, "f32")) for x in (low, high))
    totals = acc[:2]
    for part in range(1, SPLIT):
        totals = [v.b.fadd(x, acc[2 * part + j]) for j, x in enumerate(totals)]
    totals = add_rows(v, totals, 1, plus, v.const(0), columns)
    store_rows(v, [[v.clamp(x, lo, hi) for x in totals]], c, v.const(0), columns, 4)


# The largest tile, and what is left of the rows; those with one vector take a panel's last columns.
f32_all, f32_4, f32_2, f32_1 = (f32_tile(r, 2) for r in (ROWS, 4, 2, 1))
f32_all_thin = f32_tile(ROWS, 1)


@inlined
def f32_rows_of_one(a, b, k, n, first, last, bias, c, low, high, plus=0):  # type: ignore[no-untyped-def]
    """As `f32_block`, for a product that has one row in all."""
    for p in range(first, last):
        columns = min(PANEL, n - p * PANEL)
        at = p * PANEL * 4
        r = plus + at if plus else 0
        f32_row(a, b + at * k, k, bias + at, r, c + at, columns, low, high)


@inlined
def f32_block(a, lda, rows, b, k, n, first, last, bias, c, ldc, low, high, plus=0):  # type: ignore[no-untyped-def]
    """C[rows, columns of the panels first .. last - 1] = clamp(A B + bias + R).

    R is spaced like C and starts at `plus`; 0 stands for none.
    """
    for p in range(first, last):
        w, s = b + p * k * PANEL * 4, bias + p * PANEL * 4
        column = p * PANEL
        columns = min(PANEL, n - column)
        i = 0
        while i < rows:
            left = rows - i
            if left < ROWS and rows >= ROWS:
                i = rows - ROWS  # overlaps the tile before, with the same results
                left = ROWS
            at = (i * ldc + column) * 4
            x, y, r = a + i * lda * 4, c + at, plus + at if plus else 0
            if left >= ROWS:
                if columns <= LANES:
                    f32_all_thin(x, lda, w, k, s, r, y, ldc, columns, low, high)
                else:
                    f32_all(x, lda, w, k, s, r, y, ldc, columns, low, high)
                i += ROWS
            elif left >= 4:
                f32_4(x, lda, w, k, s, r, y, ldc, columns, low, high)
                i += 4
            elif left >= 2:
                f32_2(x, lda, w, k, s, r, y, ldc, columns, low, high)
                i += 2
            else:
                f32_1(x, lda, w, k, s, r, y, ldc, columns, low, high)
                i += 1
