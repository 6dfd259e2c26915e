"""Matrix product of halves in float32: C = A B + bias (+ R), with A, R and C stored as halves.

A block of rows of A is widened once, to scratch, for all panels of B. B and the bias are float32, packed by
`gemm.pack` when the plan is made: as many rows go through a panel, widening it each time would cost more than its
memory. Where there are few rows, B stays half and is widened in registers (`half_row`). C is rounded in registers. The
order of additions is that of `gemm`.
"""

from __future__ import annotations

from .gemm import PANEL, ROWS, SPLIT, multiply_f32
from .half import widen_halves
from .kernel import F64, I64, inlined
from .simd import Tile, Value, Vectors, tile

HEIGHTS = (1, 2, 4, 7, 10, 12, 13, 14) if ROWS == 14 else (1, 2, 4, 5, 6)


def _store(
    v: Vectors, out: list[list[Value]], c: Value, ldc: Value, columns: Value, ends: list[Value]
) -> None:
    """Clamp, round and store rows of vectors; where fewer `columns` than they hold are wanted, only these."""
    halves = [[v.narrow_half(v.clamp(x, *ends)) for x in vectors] for vectors in out]
    whole = v.b.icmp_signed(">=", columns, v.const(len(out[0]) * v.lanes))
    with v.b.if_else(whole) as (all_of_them, some):
        with all_of_them:
            for r, vectors in enumerate(halves):
                row = v.pointer(c, v.mul(ldc, 2 * r))
                for j, x in enumerate(vectors):
                    v.store(x, row, 2 * v.lanes * j)
        with some:
            for r, vectors in enumerate(halves):
                v.store_halves(columns, vectors, v.add(c, v.mul(ldc, 2 * r)))


def _plus(
    v: Vectors, acc: list[list[Value]], plus: Value, ldc: Value, columns: Value
) -> list[list[Value]]:
    """Add rows of halves at `plus`, spaced like C, unless that is the null address."""
    flat, width = [x for vectors in acc for x in vectors], len(acc[0])

    def add(_: Value, *sums: Value) -> list[Value]:
        new = []
        for i, x in enumerate(sums):
            row, j = divmod(i, width)
            line = v.add(plus, v.mul(ldc, 2 * row))
            some = v.b.sub(columns, v.const(j * v.lanes))
            more = v.load_halves(some, line, 2 * v.lanes * j)
            new.append(v.b.fadd(x, v.widen_half(more)))
        return new

    there = v.b.zext(v.b.icmp_unsigned("!=", plus, v.const(0)), plus.type)
    new = v.carry(there, flat, add)
    return [new[width * r : width * (r + 1)] for r in range(len(acc))]


def half_tile(rows: int, vectors: int) -> Tile:
    """Return the tile of some rows and a panel, or the first vector of its columns."""

    @tile(f"half_gemm_{rows}x{vectors}")
    def gemm(
        v: Vectors, a: I64, lda: I64, b: I64, k: I64, bias: I64, plus: I64, c: I64, ldc: I64,
        columns: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """C = clamp(A B + bias + R), A in float32."""
        starts = [v.load("f32", bias, 4 * v.lanes * j) for j in range(vectors)]
        lines = [v.pointer(a, v.mul(lda, 4 * r)) for r in range(rows)]
        acc = multiply_f32(v, lines, v.pointer(b), k, starts * rows, 2 * v.lanes)
        out = [acc[vectors * r : vectors * (r + 1)] for r in range(rows)]
        out = _plus(v, out, plus, ldc, columns)
        _store(v, out, c, ldc, columns, [v.splat(v.narrow(x, "f32")) for x in (low, high)])

    return gemm


TILES = {(rows, vectors): half_tile(rows, vectors) for rows in HEIGHTS for vectors in (1, 2)}


@tile("half_tiles", inline=True)
def half_tiles(
    v: Vectors, rows: I64, a: I64, lda: I64, b: I64, k: I64, bias: I64, plus: I64, c: I64, ldc: I64,
    columns: I64, low: F64, high: F64,
) -> None:  # fmt: skip
    """Call the tile of that many rows, and of as many vectors as the columns take."""
    done = v.b.append_basic_block("done")
    both = v.b.icmp_signed(">", columns, v.const(v.lanes))
    which = v.b.switch(v.add(v.mul(rows, 2), v.b.zext(both, v.element("s64"))), done)
    for (height, vectors), each in TILES.items():
        block = v.b.append_basic_block("tile")
        which.add_case(v.const(2 * height + vectors - 1), block)
        with v.b.goto_block(block):
            v.run(each, a, lda, b, k, bias, plus, c, ldc, columns, low, high)
            v.b.branch(done)
    v.b.position_at_end(done)


@inlined
def height_for(rows):  # type: ignore[no-untyped-def]
    """Return the height of the tiles that share out `rows` evenly; the last ones may overlap."""
    count = (rows + HEIGHTS[-1] - 1) // HEIGHTS[-1]
    even = (rows + count - 1) // count
    best = 1
    for height in HEIGHTS:
        if height <= rows:
            best = height
        if height >= even:
            break
    return best


@inlined
def half_block(x, rows, a, b, k, n, first, last, bias, plus, c, ldc, low, high):  # type: ignore[no-untyped-def]
    """C[rows, columns of the panels first .. last - 1] = clamp(A B + bias + R) for `rows` rows of A at `x`.

    They are widened to `a` before.
    """
    widen_halves(x, a, rows * k)
    height = height_for(rows)
    tiles = (rows + height - 1) // height
    for p in range(first, last):
        column = p * PANEL
        columns = min(PANEL, n - column)
        for t in range(tiles):
            i = (rows - height) * t // max(tiles - 1, 1)
            at = (i * ldc + column) * 2
            half_tiles(
                height, a + i * k * 4, k, b + column * k * 4, k, bias + column * 4,
                plus + at if plus else 0, c + at, ldc, columns, low, high,
            )  # fmt: skip


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
    out = _plus(v, [totals], plus, v.const(0), columns)
    _store(v, out, c, v.const(0), columns, [v.splat(v.narrow(x, "f32")) for x in (low, high)])


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
