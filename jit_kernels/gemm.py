"""float32 matrix product: register tiles, and the loops that walk a block of rows with them.

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
from .kernel import F64, I64, inlined
from .simd import LANES, REGISTERS, Tile, Value, Vectors, tile

PANEL = 2 * LANES  # columns in a panel of B
ROWS = 14 if REGISTERS == 32 else 6  # rows of the largest tile
LEAST = 4  # rows of a tile whose sums are enough to hide the latency of a product
STREAMED = 256 << 10  # bytes of B from which on it is fetched anew for each product
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


@inlined
def height_for(rows, heights):  # type: ignore[no-untyped-def]
    """Return the height of the tiles that share out `rows` evenly; the last ones may overlap."""
    most = heights[-1]
    count = (rows + most - 1) // most
    even = (rows + count - 1) // count
    best = 1
    for height in heights:
        if height <= rows:
            best = height
        if height >= even:
            break
    return best


@inlined
def f32_rows_of_one(a, b, k, n, first, last, bias, c, low, high, plus=0):  # type: ignore[no-untyped-def]
    """As `f32_block`, for a product that has one row in all."""
    for p in range(first, last):
        columns = min(PANEL, n - p * PANEL)
        at = p * PANEL * 4
        r = plus + at if plus else 0
        f32_row(a, b + at * k, k, bias + at, r, c + at, columns, low, high)


@inlined
def tiling(rows):  # type: ignore[no-untyped-def]
    """Return how many rows take tiles of the full height, the height of those for the rest, and the number of tiles.

    Where none has the height of the rest, or so few rows that it waits for its sums, one full tile is shared with it.
    """
    rest, fits = rows % ROWS, False
    for height in HEIGHTS:
        if height == rest:
            fits = height >= LEAST
    if rest != 0 and not fits:
        rest = min(rows, rest + ROWS)
    height = height_for(max(rest, 1), HEIGHTS)
    return rows - rest, height, (rows - rest) // ROWS + (rest + height - 1) // height


@inlined
def f32_block(a, lda, rows, b, k, n, first, last, bias, c, ldc, low, high, plus=0):  # type: ignore[no-untyped-def]
    """C[rows, columns of the panels first .. last - 1] = clamp(A B + bias + R).

    R is spaced like C and starts at `plus`; 0 stands for none.
    """
    size, thin = k * PANEL * 4, height_for(rows, THIN_HEIGHTS)
    whole, wide, tiles = tiling(rows)
    # While a panel is used the next one comes, a part of it with each tile.
    pace = PANEL * 4 // tiles if n * k * 4 >= STREAMED else 0
    for p in range(first, last):
        at = p * PANEL * 4
        columns = min(PANEL, n - p * PANEL)
        w, r, speed = b + p * size, plus + at if plus else 0, pace if p + 1 < last else 0
        done = 0 if columns <= LANES else whole
        if done > 0:
            f32_tiles(
                ROWS, 2, done, a, lda, (ROWS + 1) // 2 * lda * 4, 0, 1, k, w, bias + at, r, c + at, ldc, columns,
                w + size, speed, low, high,
            )  # fmt: skip
        if done < rows:
            height, vectors = (thin, 1) if columns <= LANES else (wide, 2)
            x, y, ahead = (
                a + done * lda * 4,
                c + at + done * ldc * 4,
                w + size + done // ROWS * k * speed,
            )
            r = r + done * ldc * 4 if r else 0
            f32_tiles(
                height, vectors, rows - done, x, lda, (height + 1) // 2 * lda * 4, 0, 1, k, w, bias + at, r, y, ldc,
                columns, ahead, speed, low, high,
            )  # fmt: skip
