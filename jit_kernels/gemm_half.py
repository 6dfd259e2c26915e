"""Matrix product of halves in float32: C = A B + bias (+ R), with A, R and C stored as halves.

A block of rows of A is widened once, to scratch, for all panels of B. B and the bias are float32, packed by
`gemm.pack` when the plan is made: as many rows go through a panel, widening it each time would cost more than its
memory. Where there are few rows, B stays half and is widened in registers (`half_row`). C is rounded in registers. The
order of additions is that of `gemm`.
"""

from __future__ import annotations

from .gemm import (
    HEIGHTS,
    PANEL,
    SPLIT,
    THIN_HEIGHTS,
    bounded,
    fetch_below,
    multiply_spaced,
)
from .gemm_block import stretch, walk_of
from .half import widen_halves
from .kernel import F64, I64, inlined
from .simd import Tile, Value, Vectors, tile


def _store(
    v: Vectors, acc: list[Value], vectors: int, c: Value, ldc: Value, columns: Value
) -> None:
    """Round and store rows of vectors; where fewer `columns` than they hold are wanted, only these."""
    flat = [v.narrow_half(x) for x in acc]
    halves = [flat[r : r + vectors] for r in range(0, len(flat), vectors)]
    whole = v.b.icmp_signed(">=", columns, v.const(vectors * v.lanes))
    with v.b.if_else(whole) as (all_of_them, some):
        with all_of_them:
            for r, row in enumerate(halves):
                line = v.pointer(c, v.mul(ldc, 2 * r))
                for j, x in enumerate(row):
                    v.store(x, line, 2 * v.lanes * j)
        with some:
            for r, row in enumerate(halves):
                v.store_halves(columns, row, v.add(c, v.mul(ldc, 2 * r)))


def _plus(
    v: Vectors, acc: list[Value], vectors: int, plus: Value, at: Value, ldc: Value, columns: Value
) -> list[Value]:
    """Add rows of halves, `at` bytes behind `plus` and spaced like C, unless `plus` is the null address."""

    def add(_: Value, *sums: Value) -> list[Value]:
        new = []
        for i, x in enumerate(sums):
            row, j = divmod(i, vectors)
            line = v.add(plus, at, v.mul(ldc, 2 * row))
            some = v.b.sub(columns, v.const(j * v.lanes))
            more = v.load_halves(some, line, 2 * v.lanes * j)
            new.append(v.b.fadd(x, v.widen_half(more)))
        return new

    there = v.b.icmp_unsigned("!=", plus, v.const(0))
    return list(v.carry(v.b.zext(there, v.element("s64")), acc, add))


def half_tile(height: int, vectors: int) -> Tile:
    """Return the tile of some rows and some vectors of columns."""

    @tile(f"half_gemm_{height}x{vectors}")
    def gemm(
        v: Vectors, rows: I64, a: I64, lda: I64, k: I64, b: I64, bias: I64, plus: I64, c: I64, ldc: I64,
        columns: I64, ahead: I64, pace: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """C[rows, columns] = clamp(A B + bias + R), A in float32, as `gemm.f32_tile` goes about it."""
        starts = [v.load("f32", bias, 4 * v.lanes * j) for j in range(vectors)]
        hurried = v.b.icmp_unsigned("!=", pace, v.const(0))
        last, spacing = v.b.sub(rows, v.const(height)), v.mul(lda, 4)
        second = v.mul(spacing, (height + 1) // 2)

        def one(t: Value) -> list[Value]:
            first = v.mul(t, height)
            first = v.b.select(v.b.icmp_signed("<", first, last), first, last)
            at, here = v.mul(v.mul(first, ldc), 2), v.add(a, v.mul(first, spacing))
            given = ([here, v.add(here, second)], spacing, b, k, starts * height, vectors)
            soon = (v.add(ahead, v.mul(v.mul(t, k), pace)), pace)
            acc = v.either(
                hurried,
                lambda: multiply_spaced(v, *given, soon),
                lambda: multiply_spaced(v, *given, None),
            )
            acc = _plus(v, acc, vectors, plus, at, ldc, columns)
            _store(v, bounded(v, acc, low, high), vectors, v.add(c, at), ldc, columns)
            fetch_below(v, k, v.add(c, at), v.mul(ldc, 2), height, 2 * v.lanes * vectors)
            return []

        v.carry(v.b.sdiv(v.add(rows, height - 1), v.const(height)), [], one)

    return gemm


TILES = {(rows, 2): half_tile(rows, 2) for rows in HEIGHTS}
TILES |= {(rows, 1): half_tile(rows, 1) for rows in THIN_HEIGHTS}


@tile("half_tiles", inline=True)
def half_tiles(
    v: Vectors, height: I64, vectors: I64, rows: I64, a: I64, lda: I64, k: I64, b: I64, bias: I64, plus: I64,
    c: I64, ldc: I64, columns: I64, ahead: I64, pace: I64, low: F64, high: F64,
) -> None:  # fmt: skip
    """Call the tile of some height and vectors."""
    given = (rows, a, lda, k, b, bias, plus, c, ldc, columns, ahead, pace, low, high)
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
def spaced(k):  # type: ignore[no-untyped-def]
    """Return how many elements apart widened rows lie: not where they meet in one set of a first-level cache."""
    return k + 16 if k % 512 == 0 else k


@inlined
def half_block(  # type: ignore[no-untyped-def]
    x, rows, a, b, k, n, first, last, bias, plus, c, ldc, low, high, extent
):  # fmt: skip
    """C[rows, columns of the panels first .. last - 1] = clamp(A B + bias + R) for `rows` rows of A at `x`.

    They are widened to `a` before. The rows behind them, `extent` bytes, are fetched meanwhile.
    """
    lda = spaced(k)
    if lda == k:
        widen_halves(x, a, rows * k)
    else:
        for i in range(rows):
            widen_halves(x + 2 * i * k, a + 4 * i * lda, k)
    size, panels, later = k * PANEL * 4, last - first, x + 2 * rows * k
    walk = walk_of(rows, k, n, panels, extent)
    for p in range(first, last):
        at, columns, done = p * PANEL * 2, min(PANEL, n - p * PANEL), 0
        w, r = b + p * size, plus + at if plus else 0
        while done < rows:
            stop, height, vectors, ahead, pace = stretch(
                walk, done, rows, columns, k, p - first, panels, w + size, later, extent
            )
            below = done * ldc * 2
            half_tiles(
                height, vectors, stop - done, a + done * lda * 4, lda, k, w, bias + 2 * at,
                r + below if r else 0, c + at + below, ldc, columns, ahead, pace, low, high,
            )  # fmt: skip
            done = stop


@tile("half_row")
def half_row(
    v: Vectors, a: I64, b: I64, k: I64, bias: I64, plus: I64, c: I64, columns: I64, low: F64, high: F64
) -> None:  # fmt: skip
    """One row, in float32, times a panel of halves, in SPLIT partial sums as in `gemm.f32_row`."""
    size, line = 2 * v.lanes, 4 * v.lanes
    starts = [v.load("f32", bias, 4 * v.lanes * j) for j in range(2)]
    acc = starts + [v.full("f32", 0.0)] * (2 * SPLIT - 2)

    def add(k0: Value, sums: list[Value], part: int) -> list[Value]:
        x = v.repeat("f32", a, v.mul(k0, 4))
        at = v.mul(k0, line)
        pair = [v.fma(x, v.load_half(b, v.add(at, size * j)), sums[2 * part + j]) for j in range(2)]
        return [*sums[: 2 * part], *pair, *sums[2 * part + 2 :]]

    def four(i: Value, *sums: Value) -> list[Value]:
        new = list(sums)
        for part in range(SPLIT):
            new = add(v.add(v.mul(i, SPLIT), part), new, part)
        return new

    rounds = v.b.sdiv(k, v.const(SPLIT))
    acc = v.carry(rounds, acc, four)
    done = v.mul(rounds, SPLIT)
    acc = v.carry(v.b.sub(k, done), acc, lambda i, *sums: add(v.add(done, i), list(sums), 0))
    totals = acc[:2]
    for part in range(1, SPLIT):
        totals = [v.b.fadd(x, acc[2 * part + j]) for j, x in enumerate(totals)]
    out = bounded(v, _plus(v, totals, 2, plus, v.const(0), v.const(0), columns), low, high)
    _store(v, out, 2, c, v.const(0), columns)


@inlined
def half_rows(x, rows, a, b, k, n, first, last, bias, plus, c, ldc, low, high):  # type: ignore[no-untyped-def]
    """As `half_block` with B in halves, for few rows."""
    widen_halves(x, a, rows * k)
    for p in range(first, last):
        column = p * PANEL
        columns = min(PANEL, n - column)
        for i in range(rows):
            at = (i * ldc + column) * 2
            half_row(
                a + i * k * 4, b + column * k * 2, k, bias + column * 4,
                plus + at if plus else 0, c + at, columns, low, high,
            )  # fmt: skip
