"""float32 matrix product: its register tiles; `gemm_block` walks a block of rows with them.

A is rows of `lda` elements anywhere in memory. B is packed by `pack`: panels of `PANEL` columns, [panel][k][column].
Each output is summed from the bias on, in the order of k, whatever tile computes it: so its bits depend neither
on the number of threads nor on the width of vectors. A single row is the exception: its sums are cut in four.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array
from .kernel import F64, I64
from .simd import LANES, REGISTERS, Tile, Value, Vectors, tile

PANEL = 2 * LANES  # columns in a panel of B
ROWS = 14 if REGISTERS == 32 else 6  # rows of the largest tile
LINE = 64  # bytes that are fetched at once
LONG = 128  # products in a sum from which on there is time to fetch where the next tile writes
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


def multiply_spaced(
    v: Vectors, bases: list[Value], spacing: Value, b: Value, k: Value, acc: list[Value],
    vectors: int, soon: tuple[Value, Value] | None,
) -> list[Value]:  # fmt: skip
    """Add rows, `spacing` bytes apart from each of two bases on, times a panel to acc[row][vector] (flat).

    So few addresses are alive that all fit into registers. `soon` is what to prefetch meanwhile: an address,
    and how many bytes it goes on by a round.
    """
    rows = len(acc) // vectors
    half = (rows + 1) // 2
    apart = [v.mul(spacing, r) for r in range(half)]

    def step(
        _: Value, first: Value, second: Value, panel: Value, ahead: Value, *sums: Value
    ) -> list[Value]:
        new = list(sums)
        columns = [v.load("f32", panel, 4 * v.lanes * j) for j in range(vectors)]
        for r in range(rows):
            x = v.repeat("f32", first if r < half else second, apart[r % half])
            for j, y in enumerate(columns):
                new[r * vectors + j] = v.fma(x, y, new[r * vectors + j])
        if soon:
            v.prefetch(ahead)
            ahead = v.pointer(ahead, soon[1])
        return [
            v.pointer(first, 4),
            v.pointer(second, 4),
            v.pointer(panel, 8 * v.lanes),
            ahead,
            *new,
        ]

    starts = [*map(v.pointer, (*bases, b, soon[0] if soon else b))]
    return v.carry(k, [*starts, *acc], step)[len(starts) :]


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


def fetch_below(
    v: Vectors, products: Value, c: Value, pitch: Value, height: int, size: int
) -> None:
    """Have the rows of C below those of a tile fetched, `size` bytes each: the next tile's stores would wait for them.

    Not where sums of few `products` leave no time for it.
    """

    def fetch() -> list[Value]:
        for row in range(height, 2 * height):
            for at in range(0, size, LINE):
                v.prefetch(v.pointer(c, v.mul(pitch, row)), at)
        return []

    v.either(v.b.icmp_signed(">=", products, v.const(LONG)), fetch, list)


def column_masks(v: Vectors, columns: Value, vectors: int) -> list[Value]:
    """Return which lanes of some vectors in a row are among the first `columns`."""
    return [v.mask(v.b.sub(columns, v.const(j * v.lanes))) for j in range(vectors)]


def add_rows(
    v: Vectors, acc: list[Value], rows: int, some: Value, r: Value, ldc: Value, columns: Value
) -> list[Value]:
    """Return acc[row][vector] (flat) plus rows of a matrix at `r`, if there are `some`."""
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

    return v.carry(v.b.zext(some, r.type), acc, plus)


def bounded(v: Vectors, acc: list[Value], low: Value, high: Value) -> list[Value]:
    """Return what the activation makes of float32 sums; an end that is infinite costs nothing."""
    lo, hi = (v.splat(v.narrow(x, "f32")) for x in (low, high))
    same, infinite = lambda: acc, v.ir.Constant(low.type, math.inf)
    limited = v.b.fcmp_ordered("!=", low, v.ir.Constant(low.type, -math.inf))
    acc = v.either(limited, lambda: [v.at_least(x, lo) for x in acc], same)
    limited = v.b.fcmp_ordered("!=", high, infinite)
    return v.either(limited, lambda: [v.at_most(x, hi) for x in acc], lambda: acc)


def f32_tile(height: int, vectors: int) -> Tile:
    """Return the tile of some rows and some vectors of columns."""

    @tile(f"f32_gemm_{height}x{vectors}")
    def gemm(
        v: Vectors, rows: I64, a: I64, lda: I64, second: I64, offsets: I64, runs: I64, k: I64, b: I64,
        bias: I64, plus: I64, c: I64, ldc: I64, columns: I64, ahead: I64, pace: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """C[rows, columns] = clamp(A B + bias + R), tile by tile; the last tile may overlap the one before.

        A row of A is `runs` runs of `k` elements, which are `offsets` bytes behind its start; 0 stands for one run
        at the start. Rows are `lda` elements apart, but the second half of a tile is `second` bytes behind the first.
        R is at `plus`, spaced like C, or nowhere (0).
        For each k, `ahead` goes on by `pace` bytes: what will be needed soon; a pace of 0 is for nothing.
        """
        starts = [v.load("f32", bias, 4 * v.lanes * j) for j in range(vectors)]
        listed = v.b.icmp_unsigned("!=", offsets, v.const(0))
        added = v.b.icmp_unsigned("!=", plus, v.const(0))
        hurried = v.b.icmp_unsigned("!=", pace, v.const(0))
        last, spacing = v.b.sub(rows, v.const(height)), v.mul(lda, 4)

        def one(t: Value) -> list[Value]:
            first = v.mul(t, height)
            first = v.b.select(v.b.icmp_signed("<", first, last), first, last)
            at, here = v.mul(v.mul(first, ldc), 4), v.add(a, v.mul(first, spacing))

            def run(j: Value, *sums: Value) -> list[Value]:
                (offset,) = v.either(
                    listed, lambda: [v.scalar("s64", offsets, v.mul(j, 8))], lambda: [v.const(0)]
                )
                start, done = v.add(here, offset), v.mul(j, k)
                panel = v.add(b, v.mul(done, 8 * v.lanes))
                given = ([start, v.add(start, second)], spacing, panel, k, list(sums), vectors)
                passed = v.add(v.mul(v.mul(t, runs), k), done)
                soon = (v.add(ahead, v.mul(passed, pace)), pace)
                return v.either(
                    hurried,
                    lambda: multiply_spaced(v, *given, soon),
                    lambda: multiply_spaced(v, *given, None),
                )

            acc = v.carry(runs, starts * height, run)
            acc = add_rows(v, acc, height, added, v.add(plus, at), ldc, columns)
            acc = bounded(v, acc, low, high)
            out = [acc[r * vectors :][:vectors] for r in range(height)]
            store_rows(v, out, v.add(c, at), ldc, columns, 4)
            fetch_below(
                v, v.mul(runs, k), v.add(c, at), v.mul(ldc, 4), height, 4 * v.lanes * vectors
            )
            return []

        v.carry(v.b.sdiv(v.add(rows, height - 1), v.const(height)), [], one)

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
    some = v.b.icmp_unsigned("!=", plus, v.const(0))
    totals = add_rows(v, totals, 1, some, plus, v.const(0), columns)
    store_rows(v, [[v.clamp(x, lo, hi) for x in totals]], c, v.const(0), columns, 4)


HEIGHTS = (1, 2, 3, 4, 6, 7, 8, 10, 12, 13, 14) if ROWS == 14 else (1, 2, 3, 4, 5, 6)
THIN_HEIGHTS = (1, 2, 4, 8, 11, 14) if ROWS == 14 else (1, 2, 4, 6)
TILES = {(rows, 2): f32_tile(rows, 2) for rows in HEIGHTS}
TILES |= {(rows, 1): f32_tile(rows, 1) for rows in THIN_HEIGHTS}
f32_all = TILES[ROWS, 2]


@tile("f32_tiles", inline=True)
def f32_tiles(
    v: Vectors, height: I64, vectors: I64, rows: I64, a: I64, lda: I64, second: I64, offsets: I64, runs: I64,
    k: I64, b: I64, bias: I64, plus: I64, c: I64, ldc: I64, columns: I64, ahead: I64, pace: I64, low: F64, high: F64,
) -> None:  # fmt: skip
    """Call the tile of some height and vectors."""
    end = (ldc, columns, ahead, pace, low, high)
    given = (rows, a, lda, second, offsets, runs, k, b, bias, plus, c, *end)
    done = v.b.append_basic_block("done")
    which = v.b.switch(v.add(v.mul(height, 2), vectors), done)
    for (tall, wide), each in TILES.items():
        block = v.b.append_basic_block("tile")
        which.add_case(v.const(2 * tall + wide), block)
        with v.b.goto_block(block):
            v.run(each, *given)
            v.b.branch(done)
    v.b.position_at_end(done)
