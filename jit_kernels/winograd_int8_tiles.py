"""Tiles of the 8-bit Winograd convolution: int16 transforms of bytes, their products in int32, and requantized outputs.

Memory lies as for the tiles of float32 (`winograd_tiles.py`); where these have a float32, there is a pair of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .gemm import ROWS
from .gemm_int8 import Requantizer
from .kernel import I64
from .patches import runs
from .simd import Tile, Value, Vectors, tile
from .winograd_transforms import F

F2 = F[2]


def _combine(v: Vectors, matrix: Sequence[Sequence[Fraction]], x: Sequence[Value]) -> list[Value]:
    """Return a matrix of 0 and +-1 times vectors of integers; each row starts with a +1."""
    out = []
    for row in matrix:
        plus = [y for c, y in zip(row, x, strict=True) if c == 1]
        total = plus[0]
        for y in plus[1:]:
            total = v.b.add(total, y)
        for y in (y for c, y in zip(row, x, strict=True) if c == -1):
            total = v.b.sub(total, y)
        out.append(total)
    return out


def s16_input_tile(widened: bool) -> Tile:
    """Return the tile that transforms a patch of bytes, or of int16 that are `widened` already."""

    @tile(f"winograd_s16_input{'_widened' * widened}")
    def transform(
        v: Vectors, x: I64, row: I64, pixel: I64, to: I64, plane: I64, step: I64, vectors: I64,
        flip: I64, zero: I64,
    ) -> None:  # fmt: skip
        """Store B' x B by planes; a byte b of the image stands for (b ^ flip) - zero."""
        lanes = 2 * v.lanes
        mask, offset = v.splat(v.narrow(flip, "s8"), lanes), v.splat(v.narrow(zero, "s16"), lanes)

        def place(address: Value, offset_: Value) -> Value:
            if widened:
                return v.load("s16", address, offset_, lanes)
            byte = v.b.xor(v.load("s8", address, offset_, lanes), mask)
            return v.b.sub(v.widen(byte, "s16", signed=False), offset)

        def channels(i: Value) -> list[Value]:
            at = v.mul(i, lanes * (2 if widened else 1))
            lines = [v.pointer(x, v.add(at, v.mul(row, y))) for y in range(F2.t)]
            columns = [
                _combine(v, F2.bt, [place(line, v.mul(pixel, j)) for line in lines])
                for j in range(F2.t)
            ]
            there = v.pointer(to, v.mul(i, step))
            for y in range(F2.t):
                for value in _combine(v, F2.bt, [column[y] for column in columns]):
                    v.store(value, there)
                    there = v.pointer(there, plane)
            return []

        v.carry(vectors, [], channels)

    return transform


input_bytes, input_halves = (s16_input_tile(widened) for widened in (False, True))


def s16_product_tile(rows: int) -> Tile:
    """Return the tile that multiplies some patches with a panel of one plane."""

    @tile(f"winograd_s16_product_{rows}")
    def product(v: Vectors, a: I64, step: I64, vectors: I64, b: I64, soon: I64, c: I64) -> None:
        """Two vectors of int32 sums a patch; a round takes a pair of channels."""
        line = 4 * v.lanes

        def part(i: Value, *sums: Value) -> list[Value]:
            at = v.mul(i, 2 * line * v.lanes)
            here, panel, ahead = v.pointer(a, v.mul(i, step)), v.pointer(b, at), v.pointer(soon, at)

            def pair(k: Value, *acc: Value) -> list[Value]:
                at = v.mul(k, 2 * line)
                weights = [v.load("s16", panel, v.add(at, line * j), 2 * v.lanes) for j in range(2)]
                new = list(acc)
                v.prefetch(ahead, at)
                for r in range(rows):
                    x = v.repeat("s32", v.pointer(here, line * r), v.mul(k, 4))
                    x = v.b.bitcast(x, weights[0].type)
                    for j, w in enumerate(weights):
                        new[2 * r + j] = v.dot2_s16(new[2 * r + j], x, w)
                return new

            return v.carry(v.const(v.lanes), list(sums), pair)

        acc = v.carry(vectors, [v.full("s32", 0)] * (2 * rows), part)
        for j in range(2):
            for r in range(rows):
                v.store(acc[2 * r + j], v.pointer(c, v.mul(step, j)), line * r)

    return product


_PRODUCTS = {rows: s16_product_tile(rows) for rows in range(1, ROWS + 1)}


@tile("winograd_s16_product", inline=True)
def s16_product(
    v: Vectors, rows: I64, a: I64, step: I64, vectors: I64, b: I64, soon: I64, c: I64
) -> None:
    """Multiply up to ROWS patches."""
    for count, each in _PRODUCTS.items():
        with v.when(v.b.icmp_signed("==", rows, v.const(count))):
            v.run(each, a, step, vectors, b, soon, c)


@tile("winograd_s16_output")
def transform_output(
    v: Vectors, products: I64, plane: I64, step: I64, vectors: I64, table: I64, table_row: I64,
    y: I64, row: I64, pixel: I64, low: I64, high: I64, zero: I64,
) -> None:  # fmt: skip
    """Y = requantize(A' products A / 4 + bias)."""
    requantize = Requantizer(v, "twice", low, high, zero)
    two = v.full("s32", 2)

    def channels(i: Value) -> list[Value]:
        there = v.pointer(products, v.mul(i, step))
        planes = []
        for _ in range(F2.t**2):
            planes.append(v.load("s32", there))
            there = v.pointer(there, plane)
        columns = [_combine(v, F2.at, planes[x :: F2.t]) for x in range(F2.t)]
        at = v.mul(i, 4 * v.lanes)
        bias, constants = v.load("s32", table, at), requantize.constants(table, at, table_row)
        for k in range(F2.m):
            line = v.pointer(y, v.add(v.mul(i, v.lanes), v.mul(row, k)))
            for j, value in enumerate(_combine(v, F2.at, [column[k] for column in columns])):
                total = v.b.add(v.b.ashr(value, two), bias)
                v.store(requantize(total, constants), line, v.mul(pixel, j))
        return []

    v.carry(vectors, [], channels)


@tile("winograd_copy_bytes", inline=True)
def copy_bytes(v: Vectors, to: I64, source: I64, count: I64) -> None:
    """Copy bytes."""
    runs(v, count, (16,), lambda i, width: v.store(v.load("s8", source, i, width), to, i))
