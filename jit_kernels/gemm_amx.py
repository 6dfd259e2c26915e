"""8-bit matrix product by the tiles of AMX: 16 x 16 sums of 64 products an instruction, then the same ending.

A is signed or unsigned bytes, where they are. Its rows are cut and B is packed as for `gemm_dot4`; `quads` are a
multiple of the number of steps that they are taken in, at most 16 at a time. Weights that do not fit into int8 are a
sum of two that do (`SPLIT`): the second is one number, as a last unit of B for all columns.
"""

from __future__ import annotations

import functools
import operator

import numpy as np

from ..ir import Array
from .gemm_dot4 import QUAD
from .kernel import I64, Inlined, inlined
from .requant_tiles import BYTES, Bounded, Ending, Positive, Real, Sums
from .simd import LANES, Tile, Value, Vectors, tile

SIDE = 16  # rows, columns and quads of a tile
KEPT = 4 * 2 * SIDE * 2 * SIDE  # bytes of the largest product's sums
# Numbers of tile registers: two by two sums, two of rows (or one, and more columns), two of columns.
SUMS, A, MORE, B = 0, 4, 5, 6
# Bits of `how` to multiply: A is signed; B is a sum, its second part in MORE; the ending is `Positive`.
SIGNED, SPLIT, POSITIVE = 1, 2, 4


def steps_of(quads: int) -> tuple[int, int]:
    """Return in how many steps to take `quads`, and how many each of them takes.

    >>> steps_of(16), steps_of(17)
    ((1, 16), (2, 9))
    """
    steps = -(-quads // SIDE)
    return steps, -(-quads // steps)


def configuration(quads: int, split: bool) -> Array:
    """Return what `ldtilecfg` reads, for steps of so many quads."""
    columns, rows = np.zeros(16, np.uint16), np.zeros(16, np.uint8)
    columns[:8], rows[:8] = 64, SIDE
    columns[A : A + 2] = 4 * quads
    rows[B : B + 2] = quads
    if split:
        columns[MORE], rows[MORE] = columns[B], rows[B]
    head = np.zeros(16, np.uint8)
    head[0] = 1  # palette
    return np.concatenate([head, columns.view(np.uint8), rows])


def instruction(v: Vectors, name: str, numbers: tuple[int, ...], *values: Value) -> None:
    """Emit an instruction on the tile registers of some numbers."""
    bytes_ = [v.ir.Constant(v.element("s8"), n) for n in numbers]
    v.call(f"llvm.x86.{name}", v.ir.VoidType(), *bytes_, *values)


TILES = frozenset({"amx-tile", "amx-int8"})


@tile("amx_configure", inline=True, needs=TILES)
def configure(v: Vectors, address: I64) -> None:
    """Set the shapes of the tile registers."""
    instruction(v, "ldtilecfg", (), v.pointer(address))


@tile("amx_release", inline=True, needs=TILES)
def release(v: Vectors) -> None:
    """Give the tile registers back: they need not be saved when threads change."""
    instruction(v, "tilerelease", ())


def _products(
    v: Vectors,
    name: str,
    a: Value,
    lda: Value,
    pieces: tuple[Value, ...],
    b: list[Value],
    sides: int,
    more: Value | None,
) -> None:
    """Add the products of 16 `sides` rows and a unit of columns each in `b` to the sums."""
    offsets, runs, steps, quads = pieces
    lower, line = v.mul(lda, SIDE), v.const(4 * LANES)
    apart = v.b.sub(b[-1], b[0])

    def step(_: Value, here: Value, columns: Value) -> list[Value]:
        for i in range(sides):
            place = v.pointer(here, v.mul(lower, i))
            instruction(v, "tileloadd64", (A + i,), place, lda)
        if more is not None:
            instruction(v, "tileloadd64", (MORE,), v.pointer(columns, v.b.sub(more, b[0])), line)
        for j in range(len(b)):
            instruction(v, "tileloadd64", (B + j,), v.pointer(columns, v.mul(apart, j)), line)
            for i in range(sides):
                instruction(v, name, (SUMS + 2 * i + j, A + i, B + j))
            if more is not None:
                instruction(v, name, (SUMS + j, A, MORE))
        return [v.add(here, v.mul(quads, 4)), v.add(columns, v.mul(quads, QUAD))]

    def run(i: Value, columns: Value) -> list[Value]:
        first = v.add(a, v.scalar("s64", v.pointer(offsets), v.mul(i, 8)))
        return v.carry(steps, [first, columns], step)[1:]

    v.carry(runs, [b[0]], run)


def sums_tile(sides: int, vectors: int, split: bool) -> Tile:
    """Return the tile of the sums of 16 or 32 rows and one or two units of columns: int32, row by row, at `kept`."""

    @tile(f"amx_sums_{SIDE * sides}x{vectors}{'_split' * split}", needs=TILES)
    def sums(
        v: Vectors, a: I64, lda: I64, offsets: I64, runs: I64, steps: I64, quads: I64, b: I64,
        more: I64, table: I64, how: I64, kept: I64,
    ) -> None:  # fmt: skip
        """Store bias + A B."""
        line = 4 * LANES
        unit = v.mul(v.mul(runs, v.mul(steps, quads)), QUAD)
        b_units = [b, v.add(b, unit)][:vectors]
        for i in range(sides):
            for j in range(vectors):
                start = v.pointer(table, BYTES * j)  # for all rows, which are 0 bytes apart
                instruction(v, "tileloadd64", (SUMS + 2 * i + j,), start, v.const(0))
        pieces = (offsets, runs, steps, quads)
        with v.b.if_else(v.b.trunc(how, v.ir.IntType(1))) as (yes, no):  # bit SIGNED
            for branch, name in ((yes, "tdpbssd"), (no, "tdpbusd")):
                with branch:
                    _products(v, name, a, lda, pieces, b_units, sides, more if split else None)
        for i in range(sides):
            for j in range(vectors):
                place = v.pointer(kept, (SIDE * i * vectors + j) * line)
                instruction(v, "tilestored64", (SUMS + 2 * i + j,), place, v.const(vectors * line))

    return sums


def ending_tile(vectors: int, ending: type[Ending]) -> Tile:
    """Return the tile that requantizes the first `rows` rows of sums, with one or two units of columns."""

    @tile(f"amx_ending_{vectors}_{ending.__name__}")
    def end(
        v: Vectors, kept: I64, rows: I64, table: I64, c: I64, ldc: I64, second: I64, columns: I64,
        low: I64, high: I64, zero: I64, flip: I64,
    ) -> None:  # fmt: skip
        """C[rows, columns] = requantize(kept)."""
        tables = [v.pointer(table, BYTES * j) for j in range(vectors)]
        requantize = ending(v, low, high, zero, flip)
        finish_rows(v, v.pointer(kept), rows, requantize, tables, (c, ldc, second, columns))

    return end


def finish_rows(
    v: Vectors, kept: Value, rows: Value, requantize: Ending, tables: list[Value],
    to: tuple[Value, Value, Value, Value],
) -> None:  # fmt: skip
    """Requantize rows of sums in memory, four vectors at a time."""
    c, ldc, second, columns = to
    vectors, line = len(tables), 4 * LANES
    constants = [requantize.constants(t) for t in tables]
    each = 4 // vectors

    def some(first: Value, rows: int) -> list[Value]:
        place = v.pointer(kept, v.mul(first, vectors * line))
        sums = [v.load("s32", place, line * i) for i in range(rows * vectors)]
        starts = [v.pointer(c, v.mul(ldc, v.add(first, row))) for row in range(rows)]
        to = [v.pointer(at, v.mul(second, j)) for at in starts for j in range(vectors)]
        requantize.store(sums, constants * rows, to, columns if vectors == 1 else None)
        return []

    whole = v.b.sdiv(rows, v.const(each))
    v.carry(whole, [], lambda i: some(v.mul(i, each), each))
    done = v.mul(whole, each)
    v.carry(v.b.sub(rows, done), [], lambda i: some(v.add(done, i), 1))


SUM_TILES = {
    (sides, vectors, split): sums_tile(sides, vectors, bool(split))
    for sides, split in ((1, 0), (2, 0), (1, SPLIT))
    for vectors in (1, 2)
}


@tile("amx_sums_any", inline=True, needs=TILES)
def amx_sums(
    v: Vectors, sides: I64, vectors: I64, a: I64, lda: I64, offsets: I64, runs: I64, steps: I64,
    quads: I64, b: I64, more: I64, table: I64, how: I64, kept: I64,
) -> None:  # fmt: skip
    """Call the tile of these sides and units."""
    split = v.b.and_(how, v.const(SPLIT))
    for size, each in SUM_TILES.items():
        wanted = zip((sides, vectors, split), size, strict=True)
        fits = [v.b.icmp_signed("==", x, v.const(n)) for x, n in wanted]
        with v.when(v.b.and_(v.b.and_(*fits[:2]), fits[2])):
            v.run(each, a, lda, offsets, runs, steps, quads, b, more, table, how, kept)


def endings(name: str, kinds: dict[int, type[Ending]]) -> Tile:
    """Return the function that ends one or two units, or none for 0, in the way that the bits of `kinds` say."""
    tiles = {(n, bit): ending_tile(n, kind) for bit, kind in kinds.items() for n in (1, 2)}
    bits = functools.reduce(operator.or_, kinds)

    @tile(f"amx_ending_{name}", inline=True)
    def finish(
        v: Vectors, vectors: I64, how: I64, kept: I64, rows: I64, table: I64, c: I64, ldc: I64,
        second: I64, columns: I64, low: I64, high: I64, zero: I64, flip: I64,
    ) -> None:  # fmt: skip
        """Call the tile of these units and this way."""
        bit = v.b.and_(how, v.const(bits))
        for size, each in tiles.items():
            wanted = zip((vectors, bit), size, strict=True)
            with v.when(v.b.and_(*(v.b.icmp_signed("==", x, v.const(n)) for x, n in wanted))):
                v.run(each, kept, rows, table, c, ldc, second, columns, low, high, zero, flip)

    return finish


def product(finish: Tile, size: int = 1) -> Inlined:
    """Return `block(...)`, the product of a block of rows, as `gemm_dot4.product` does, but for `how`.

    Results have `size` bytes.

    A tile's sums are requantized while the next ones are made: the processor has units for each, and stores of
    tiles take a while before they can be read. `spare` has room for two.
    """

    @inlined
    def block(  # type: ignore[no-untyped-def]
        a, lda, line_a, lines, count, how, offsets, runs, quads, b, first, last, table,
        c, ldc, n, low, high, zero, flip, spare,
    ):  # fmt: skip
        """C = requantize(A B + bias): `lines` lines of `count` rows, columns of the units first .. last - 1."""
        leftmost, columns, unit = max(n - LANES, 0), min(n, LANES), runs * quads * QUAD
        more = b + (n + LANES - 1) // LANES * unit
        steps = (quads + SIDE - 1) // SIDE
        each = quads // steps
        tallest = 1 if how & SPLIT != 0 or count < 2 * SIDE else 2
        kept, other = spare, spare + KEPT
        # The tile before: its units, rows, table, place, and where the second unit is.
        units, rows, t, y, second = 0, 0, table, c, 0
        u = first
        while u < last:
            column = min(u * LANES, leftmost) * size
            for line in range(lines):
                i = 0
                while i < count:
                    sides = 1 if count - i <= SIDE else tallest
                    # Overlaps the tile before where rows are missing, with the same results.
                    i = max(min(i, count - sides * SIDE), 0)
                    amx_sums(
                        sides, min(2, last - u), a + line * line_a + i * lda, lda, offsets, runs,
                        steps, each, b + u * unit, more, table + u * BYTES, how, kept,
                    )  # fmt: skip
                    finish(
                        units, how, other, rows, t, y, ldc, second, columns, low, high, zero, flip
                    )
                    kept, other = other, kept
                    units, rows = min(2, last - u), min(sides * SIDE, count - i)
                    t, y = table + u * BYTES, c + (line * count + i) * ldc + column
                    second = min((u + 1) * LANES, leftmost) * size - column
                    i += rows
            u += 2
        finish(units, how, other, rows, t, y, ldc, second, columns, low, high, zero, flip)

    return block


bounded_block = product(endings("bounded", {0: Bounded, POSITIVE: Positive}))
real_block = product(endings("real", {0: Real}))
sums_block = product(endings("sums", {0: Sums}), Sums.size)
