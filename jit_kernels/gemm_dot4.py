"""8-bit matrix product by the four-way dot product of bytes: signed B, 8-bit results, or the sums as int32.

A is unsigned, or signed where `simd_int.signed_bytes` says so. A row of it is `runs` pieces of 4 `quads` bytes, at
offsets from the row's address: a window in an image, or one piece. B is packed by `pack_quads`, in units of LANES
columns: [unit][k / 4][column][4]. A last unit of less than LANES columns starts further left: its first columns
are computed twice.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..ir import Array
from .kernel import I64, Inlined, inlined
from .requant_tiles import BYTES, Bounded, Ending, Real, Sums
from .simd import LANES, REGISTERS, Tile, Value, Vectors, tile

QUAD = 4 * LANES  # bytes of B for four k of a unit
TALL = 14 if REGISTERS == 32 else 6  # rows of the largest tile
SIZES = (14, 12, 8, 4) if REGISTERS == 32 else (6, 4, 2)  # single rows have a tile of their own
FEW = (TALL, 4)  # sizes where most products have one row
SPLIT, WIDE = 2, 4  # of a single row: partial sums, and units of columns side by side
SIDE = 4  # rows that have their addresses from one pointer


def unit_starts(n: int) -> list[int]:
    """Return the first column of each unit.

    >>> unit_starts(LANES + 1) == [0, 1]
    True
    """
    return [min(u, max(n - LANES, 0)) for u in range(0, n, LANES)]


def pack_quads(b: Array, quads: int = 0) -> Array:
    """Pack B (runs, K, N) of int8 as (units, runs * quads, LANES, 4), zeros added; ceil(K / 4) `quads` unless given.

    >>> pack_quads(np.ones((2, 3, 1), np.int8)).shape[:2]
    (1, 2)
    """
    runs, k, n = b.shape
    padded = np.zeros((runs, 4 * (quads or -(-k // 4)), max(n, LANES)), np.int8)
    padded[:, :k, :n] = b
    units = [padded[:, :, s : s + LANES].reshape(-1, 4, LANES) for s in unit_starts(n)]
    return np.ascontiguousarray(np.stack(units).swapaxes(2, 3))


def sums_dot4(
    v: Vectors, a: Value, lda: Value, pieces: tuple[Value, Value, Value], b: list[Value],
    starts: list[Value], rows: int,
) -> list[Value]:  # fmt: skip
    """Return starts + A B, row by row, for a vector of columns each in `b`; `pieces`: offsets, runs, quads."""
    offsets, runs, quads = pieces
    sides = -(-rows // SIDE)
    # As opaque steps from few pointers: addresses that the processor adds up by itself.
    steps = [0, *(v.opaque(v.mul(lda, i)) for i in range(1, min(rows, SIDE)))]
    units = [0, *(v.opaque(v.b.sub(x, b[0])) for x in b[1:])]

    def step(_: Value, *state: Value) -> list[Value]:
        line, here, sums = state[0], state[1 : 1 + sides], list(state[1 + sides :])
        weights = [v.load("s8", v.pointer(line), at, 4 * v.lanes) for at in units]
        for row in range(rows):
            place = v.pointer(here[row // SIDE])
            x = v.b.bitcast(v.repeat("s32", place, steps[row % SIDE]), weights[0].type)
            for j, w in enumerate(weights):
                sums[row * len(b) + j] = v.dot4(sums[row * len(b) + j], x, w)
        return [v.add(line, 4 * v.lanes), *(v.add(p, 4) for p in here), *sums]

    def run(i: Value, line: Value, *sums: Value) -> list[Value]:
        first = v.add(a, v.scalar("s64", v.pointer(offsets), v.mul(i, 8)))
        here = [v.opaque(v.add(first, v.mul(lda, SIDE * s))) for s in range(sides)]
        state = v.carry(quads, [line, *here, *sums], step)
        return [state[0], *state[1 + sides :]]

    return v.carry(runs, [b[0], *starts * rows], run)[1:]


def sums_of_a_row(
    v: Vectors, a: Value, pieces: tuple[Value, Value, Value], b: list[Value], starts: list[Value]
) -> list[Value]:
    """As `sums_dot4` for one row, in SPLIT partial sums."""
    offsets, runs, quads = pieces
    none = [v.full("s32", 0)] * (len(b) * (SPLIT - 1))
    size = 4 * v.lanes
    units = [v.pointer(x) for x in b]

    def several(parts: int) -> Any:
        def body(_: Value, at: Value, here: Value, *state: Value) -> list[Value]:
            sums = list(state)
            for part in range(parts):
                x = v.repeat("s32", v.pointer(here), 4 * part)
                for j, unit in enumerate(units):
                    w = v.load("s8", unit, v.add(at, part * size), size)
                    k = part * len(b) + j
                    sums[k] = v.dot4(sums[k], v.b.bitcast(x, w.type), w)
            return [v.add(at, parts * size), v.add(here, 4 * parts), *sums]

        return body

    def run(i: Value, at: Value, *sums: Value) -> list[Value]:
        here = v.add(a, v.scalar("s64", v.pointer(offsets), v.mul(i, 8)))
        rounds = v.b.sdiv(quads, v.const(SPLIT))
        state = v.carry(rounds, [at, here, *sums], several(SPLIT))
        rest = v.b.sub(quads, v.mul(rounds, SPLIT))
        state = v.carry(rest, state, several(1))
        return [state[0], *state[2:]]

    parts = v.carry(runs, [v.const(0), *starts, *none], run)[1:]
    return [functools.reduce(v.b.add, parts[j :: len(b)]) for j in range(len(b))]


def dot4_tile(rows: int, vectors: int, ending: type[Ending]) -> Tile:
    """Return the tile of some rows and one or two units of columns, the second `second` bytes behind the first."""

    @tile(f"dot4_gemm_{rows}x{vectors}_{ending.__name__}")
    def gemm(
        v: Vectors, a: I64, lda: I64, offsets: I64, runs: I64, quads: I64, b: I64, table: I64,
        c: I64, ldc: I64, second: I64, columns: I64, low: I64, high: I64, zero: I64, flip: I64,
    ) -> None:  # fmt: skip
        """C[rows, columns] = requantize(A B + bias)."""
        row_bytes = 4 * v.lanes
        unit = v.mul(v.mul(runs, quads), row_bytes)
        b_units = [b, v.add(b, unit)][:vectors]
        tables = [v.pointer(table, 8 * row_bytes * j) for j in range(vectors)]
        starts = [v.load("s32", t) for t in tables]
        kept = keep(v, sums_dot4(v, a, lda, (offsets, runs, quads), b_units, starts, rows))
        requantize = ending(v, low, high, zero, flip)
        constants = [requantize.constants(t) for t in tables]
        each = 4 // vectors

        def finish(first: Value, rows: int) -> None:
            place = v.pointer(kept, v.mul(first, vectors * row_bytes))
            some = [v.load("s32", place, row_bytes * i) for i in range(rows * vectors)]
            lines = [v.pointer(c, v.mul(ldc, v.add(first, row))) for row in range(rows)]
            to = [v.pointer(line, v.mul(second, j)) for line in lines for j in range(vectors)]
            requantize.store(some, constants * rows, to, columns if vectors == 1 else None)

        whole = rows // each
        v.carry(whole, [], lambda i: finish(v.mul(i, each), each) or [])  # type: ignore[func-returns-value]
        if rows % each:
            finish(v.const(whole * each), rows % each)

    return gemm


def row_tile(ending: type[Ending]) -> Tile:
    """Return the tile of one row and the units first .. last - 1, WIDE at a time, the last of them perhaps twice."""

    @tile(f"dot4_gemm_row_{ending.__name__}")
    def row(
        v: Vectors, a: I64, offsets: I64, runs: I64, quads: I64, b: I64, table: I64, c: I64,
        first: I64, last: I64, leftmost: I64, columns: I64, low: I64, high: I64, zero: I64, flip: I64,
    ) -> None:  # fmt: skip
        """C[all columns of the units] = requantize(A B + bias)."""
        row_bytes, most = 4 * v.lanes, v.b.sub(last, v.const(1))
        unit = v.mul(v.mul(runs, quads), row_bytes)
        requantize = ending(v, low, high, zero, flip)

        def lesser(x: Value, y: Value) -> Value:
            return v.call("llvm.smin.i64", x.type, x, y)

        def some(i: Value) -> list[Value]:
            units = [lesser(v.add(first, v.mul(i, WIDE), j), most) for j in range(WIDE)]
            tables = [v.pointer(table, v.mul(u, 8 * row_bytes)) for u in units]
            rows = [v.add(b, v.mul(u, unit)) for u in units]
            starts = [v.load("s32", t) for t in tables]
            sums = sums_of_a_row(v, a, (offsets, runs, quads), rows, starts)
            places = (v.mul(lesser(v.mul(u, v.lanes), leftmost), ending.size) for u in units)
            to = [v.pointer(c, place) for place in places]
            requantize.store(sums, [requantize.constants(t) for t in tables], to, columns)
            return []

        rounds = v.b.sdiv(v.add(v.b.sub(last, first), WIDE - 1), v.const(WIDE))
        v.carry(rounds, [], some)

    return row


def keep(v: Vectors, sums: list[Value]) -> Value:
    """Store vectors in a row, in memory of the function's own; return its address."""
    with v.b.goto_entry_block():
        room = v.b.alloca(v.ir.ArrayType(sums[0].type, len(sums)))
        room.align = 64
    room = v.b.bitcast(room, v.element("s8").as_pointer())
    for i, x in enumerate(sums):
        v.store(x, room, 4 * v.lanes * i)
    return room


@inlined
def next_rows(ascending, left, count, tall):  # type: ignore[no-untyped-def]
    """Return how many of the `left` of `count` rows the next tile takes: more than there are where that overlaps."""
    if left >= tall:
        return tall
    best = 1
    for size in ascending:
        if size <= left or (best < left and size <= count):
            best = size
    return best


def dot4_any(sizes: tuple[int, ...], ending: type[Ending]) -> Tile:
    """Return the function that calls the tile of some rows and units."""
    tiles = {(r, n): dot4_tile(r, n, ending) for r in sizes for n in (1, 2)}

    @tile(f"dot4_gemm_any_{ending.__name__}", inline=True)
    def choose(
        v: Vectors, rows: I64, vectors: I64, a: I64, lda: I64, offsets: I64, runs: I64, quads: I64,
        b: I64, table: I64, c: I64, ldc: I64, second: I64, columns: I64, low: I64, high: I64,
        zero: I64, flip: I64,
    ) -> None:  # fmt: skip
        """Call the tile of these rows and units."""
        given = (a, lda, offsets, runs, quads, b, table, c, ldc, second, columns)
        for size, each in tiles.items():
            fits = (
                v.b.icmp_signed("==", x, v.const(n))
                for x, n in zip((rows, vectors), size, strict=True)
            )
            with v.when(v.b.and_(*fits)):
                v.run(each, *given, low, high, zero, flip)

    return choose


def product(sizes: tuple[int, ...], ending: type[Ending]) -> Inlined:
    """Return `block(...)`, the product of a block of rows, of tiles of some sizes with some ending."""
    ascending, any_tile, row = (*sizes[::-1],), dot4_any(sizes, ending), row_tile(ending)
    size = ending.size

    @inlined
    def line(  # type: ignore[no-untyped-def]
        a, lda, count, tall, offsets, runs, quads, b, u, last, table, c, ldc, n, low, high, zero, flip
    ):  # fmt: skip
        """The columns of the units u and, if it is before `last`, u + 1 of `count` rows."""
        leftmost, columns, unit = max(n - LANES, 0), min(n, LANES), runs * quads * QUAD
        column = min(u * LANES, leftmost) * size
        vectors = min(2, last - u)
        second = min((u + 1) * LANES, leftmost) * size - column
        i = 0
        while i < count:
            rows = next_rows(ascending, count - i, count, tall)
            i = min(i, count - rows)  # may overlap the tile before, with the same results
            if rows == 1:
                row(
                    a + i * lda, offsets, runs, quads, b, table, c + i * ldc, u, u + vectors,
                    leftmost, columns, low, high, zero, flip,
                )  # fmt: skip
            else:
                any_tile(
                    rows, vectors, a + i * lda, lda, offsets, runs, quads, b + u * unit,
                    table + u * BYTES, c + i * ldc + column, ldc, second, columns, low, high, zero,
                    flip,
                )  # fmt: skip
            i += rows

    @inlined
    def block(  # type: ignore[no-untyped-def]
        a, lda, line_a, lines, count, tall, offsets, runs, quads, b, first, last, table,
        c, ldc, n, low, high, zero, flip, spare,
    ):  # fmt: skip
        """C = requantize(A B + bias): `lines` lines of `count` rows, columns of the units first .. last - 1."""
        if lines * count == 1:
            row(
                a, offsets, runs, quads, b, table, c, first, last,
                max(n - LANES, 0), min(n, LANES), low, high, zero, flip,
            )  # fmt: skip
            return
        u = first
        while u < last:
            for i in range(lines):
                line(
                    a + i * line_a, lda, count, tall, offsets, runs, quads, b, u, last, table,
                    c + i * count * ldc, ldc, n, low, high, zero, flip,
                )  # fmt: skip
            u += 2

    return block


bounded_block = product(SIZES, Bounded)
real_block = product(FEW, Real)
sums_block = product(SIZES, Sums)


def tall_for(count: int) -> int:
    """Return the rows of the tiles that cut `count` rows best: few tiles, and no small ones."""

    def cost(tall: int) -> int:
        total, left = count // tall * tall, count % tall
        while left:
            size = int(next_rows(SIZES[::-1], left, count, tall))
            total, left = total + max(size, 5), max(left - size, 0)
        return total

    return min((s for s in SIZES if s >= 6), key=cost)
