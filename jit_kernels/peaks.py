"""What the processor can do at best: products in registers alone, and passes over memory of a given size.

No operator uses these. They give the roof under which the other kernels are measured, in the same language, for the
same instruction set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .gemm_amx import SIDE, TILES, A, B, configure, instruction, release
from .gemm_amx import SUMS as SUMS_AT
from .kernel import I64, OK, Kernel, kernel, kernel_for
from .simd import LANES, REGISTERS, Value, Vectors, tile

# Independent sums: enough to hide the latency of a product (4 or 5 cycles, two a cycle), and none is spilt.
SUMS = 14 if REGISTERS == 32 else 10
VECTOR = 4 * LANES  # bytes
ROOM = SUMS * VECTOR  # that a loop of products reads and writes
TILE_SUMS = 4  # tiles of sums: two of rows times two of columns
TILE = 4 * SIDE * SIDE  # bytes
TILE_ROOM = (TILE_SUMS + 4) * TILE
LINES = 8  # vectors that a round over memory takes


def _products(
    v: Vectors, start: Sequence[Value], rounds: Value, product: Callable[[Value, Value], Value]
) -> list[Value]:
    """Run `rounds` of a product a sum. A factor is the next sum before its turn: nothing can be computed ahead."""

    def step(i: Value, *sums: Value) -> list[Value]:
        return [product(x, s) for x, s in zip((*sums[1:], sums[0]), sums, strict=True)]

    return v.carry(rounds, start, step)


def _run(v: Vectors, memory: Value, rounds: Value, name: str, lanes: int, product: object) -> None:
    """Load the sums, run, and store them, so that nothing is left out as unused."""
    size = lanes * (v.bytes(v.element(name)))
    start = [v.load(name, memory, i * size, lanes) for i in range(SUMS)]
    for i, total in enumerate(_products(v, start, rounds, product)):  # type: ignore[arg-type]
        v.store(total, memory, i * size)


@tile("peak_f32")
def f32_products(v: Vectors, memory: I64, rounds: I64) -> None:
    """Multiply and add float32: v.lanes in a product."""
    y = v.load("f32", memory)
    _run(v, memory, rounds, "f32", v.lanes, lambda x, total: v.fma(x, y, total))


@tile("peak_s16")
def s16_products(v: Vectors, memory: I64, rounds: I64) -> None:
    """Multiply int16 and add pairs in int32: 2 v.lanes in a product."""
    y = v.load("s16", memory, 0, 2 * v.lanes)

    def product(x: Value, total: Value) -> Value:
        return v.dot2_s16(total, v.b.bitcast(x, y.type), y)

    _run(v, memory, rounds, "s32", v.lanes, product)


@tile("peak_s8")
def s8_products(v: Vectors, memory: I64, rounds: I64) -> None:
    """Multiply unsigned and signed bytes and add fours in int32: 4 v.lanes in a product."""
    y = v.load("s8", memory, 0, 4 * v.lanes)

    def product(x: Value, total: Value) -> Value:
        return v.dot4_u8s8(total, v.b.bitcast(x, y.type), y)

    _run(v, memory, rounds, "s32", v.lanes, product)


@tile("peak_f16")
def f16_products(v: Vectors, memory: I64, rounds: I64) -> None:
    """Multiply and add halves, every result rounded to half: v.lanes in a product."""
    y = v.load("s16", memory)
    _run(v, memory, rounds, "s16", v.lanes, lambda x, total: v.fma_half(x, y, total))


@tile("peak_s8_tiles", needs=TILES)
def tile_products(v: Vectors, memory: I64, rounds: I64) -> None:
    """Multiply tiles of bytes: two of rows and two of columns, `TILE_SUMS` products a round."""
    side = v.const(4 * SIDE)  # bytes from row to row

    def each(do: Callable[[int, Value], None], tiles: Sequence[int], first: int) -> None:
        for i, number in enumerate(tiles):
            do(number, v.pointer(memory, (first + i) * TILE))

    def load(number: int, place: Value) -> None:
        instruction(v, "tileloadd64", (number,), place, side)

    def store(number: int, place: Value) -> None:
        instruction(v, "tilestored64", (number,), place, side)

    def step(i: Value) -> list[Value]:
        for n in range(TILE_SUMS):
            instruction(v, "tdpbusd", (SUMS_AT + n, A + n // 2, B + n % 2))
        return []

    sums, factors = range(SUMS_AT, SUMS_AT + TILE_SUMS), (A, A + 1, B, B + 1)
    each(load, [*sums, *factors], 0)
    v.carry(rounds, [], step)
    each(store, sums, 0)


@tile("pass_read")
def read_lines(v: Vectors, memory: I64, count: I64) -> None:
    """Read `count` times `LINES` vectors."""
    start = [v.load("s32", memory, i * 4 * v.lanes) for i in range(LINES)]

    def step(i: Value, *sums: Value) -> list[Value]:
        here = v.pointer(memory, v.mul(i, LINES * 4 * v.lanes))
        return [v.b.xor(s, v.load("s32", here, j * 4 * v.lanes)) for j, s in enumerate(sums)]

    for i, total in enumerate(v.carry(count, start, step)):
        v.store(total, memory, i * 4 * v.lanes)


@tile("pass_copy")
def copy_lines(v: Vectors, memory: I64, other: I64, count: I64) -> None:
    """Copy `count` times `LINES` vectors."""

    def step(i: Value) -> list[Value]:
        offset = v.mul(i, LINES * 4 * v.lanes)
        here, there = v.pointer(memory, offset), v.pointer(other, offset)
        for j in range(LINES):
            v.store(v.load("s32", here, j * 4 * v.lanes), there, j * 4 * v.lanes)
        return []

    v.carry(count, [], step)


@kernel
def peak_f32(memory: I64, rounds: I64, tid: I64, threads: I64) -> I64:
    """Run `rounds` of `SUMS` float32 products in `ROOM` bytes."""
    f32_products(memory, rounds)
    return OK


@kernel
def peak_s16(memory: I64, rounds: I64, tid: I64, threads: I64) -> I64:
    """Run `rounds` of `SUMS` products of pairs of int16."""
    s16_products(memory, rounds)
    return OK


@kernel
def peak_s8(memory: I64, rounds: I64, tid: I64, threads: I64) -> I64:
    """Run `rounds` of `SUMS` products of fours of bytes."""
    s8_products(memory, rounds)
    return OK


@kernel
def peak_f16(memory: I64, rounds: I64, tid: I64, threads: I64) -> I64:
    """Run `rounds` of `SUMS` half products."""
    f16_products(memory, rounds)
    return OK


@kernel_for(TILES)
def peak_s8_tiles(config: I64, memory: I64, rounds: I64, tid: I64, threads: I64) -> I64:
    """Run `rounds` of `TILE_SUMS` products of tiles, in `TILE_ROOM` bytes."""
    configure(config)
    tile_products(memory, rounds)
    release()
    return OK


@kernel
def pass_read(memory: I64, count: I64, rounds: I64, tid: I64, threads: I64) -> I64:
    """Read `count` times `LINES` vectors, `rounds` times."""
    for _ in range(rounds):
        read_lines(memory, count)
    return OK


@kernel
def pass_copy(memory: I64, other: I64, count: I64, rounds: I64, tid: I64, threads: I64) -> I64:
    """Copy as much from `memory` to `other`, `rounds` times."""
    for _ in range(rounds):
        copy_lines(memory, other, count)
    return OK


# By number format: the kernel, and how many products with an addition each of its products is.
PEAKS: dict[str, tuple[Kernel, int]] = {
    "f32": (peak_f32, LANES),
    "f16": (peak_f16, LANES),
    "s16": (peak_s16, 2 * LANES),
    "s8": (peak_s8, 4 * LANES),
}
# The same of the instructions on tiles, where the processor has them and they are permitted: see `tiles_permitted`.
TILE_PEAK = (peak_s8_tiles, SIDE * SIDE * 4 * SIDE)
