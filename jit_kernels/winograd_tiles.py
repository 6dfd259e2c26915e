"""Tiles of the float32 Winograd convolution: transforms of a patch, products of a plane, and a sum without transforms.

An image lies in memory as places of channels; `row` and `pixel` are the bytes from one row or place to the next. A
plane lies as vectors of channels, `step` bytes apart, each of which holds a lane vector for every patch of the block.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from .gemm import ROWS, multiply_spaced
from .kernel import F64, I64
from .simd import Tile, Value, Vectors, tile
from .winograd_transforms import F, Winograd

SIZES = {"f32": 4, "f16": 2}  # bytes of an element of an image


def input_tile(f: Winograd, form: str) -> Tile:
    """Return the tile that transforms one patch of the image, all channels: float32, or halves that are widened."""
    bytes_ = SIZES[form]

    @tile(f"winograd_{f.m}_input_{form}")
    def transform(
        v: Vectors, x: I64, row: I64, pixel: I64, to: I64, plane: I64, step: I64, vectors: I64
    ) -> None:
        """Store B' x B by planes: element (i, j) at `to` + (i t + j) plane, vectors of channels `step` bytes apart."""
        size = bytes_ * v.lanes

        def channels(i: Value) -> list[Value]:
            lines = [v.pointer(x, v.add(v.mul(i, size), v.mul(row, y))) for y in range(f.t)]
            columns = [
                f.input(v, [v.load_real(form, line, v.mul(pixel, j)) for line in lines])
                for j in range(f.t)
            ]
            there = v.pointer(to, v.mul(i, step))
            for y in range(f.t):
                for value in f.input(v, [column[y] for column in columns]):
                    v.store(value, there)
                    there = v.pointer(there, plane)
            return []

        v.carry(vectors, [], channels)

    return transform


def _any_nan(v: Vectors, xs: Sequence[Value]) -> Value:
    """Return 1 if an element of the vectors is a NaN, else 0."""
    total = functools.reduce(v.b.fadd, xs)
    lanes = v.b.fcmp_unordered("uno", total, total)
    bits = v.b.bitcast(lanes, v.ir.IntType(total.type.count))
    return v.b.zext(v.b.icmp_unsigned("!=", bits, bits.type(0)), v.element("s64"))


def output_tile(f: Winograd, residual: bool, form: str) -> Tile:
    """Return the tile that makes m x m outputs of one patch of products, and adds a residual or none.

    Both are float32, or halves.
    """
    bytes_ = SIZES[form]

    @tile(f"winograd_{f.m}_output{'_residual' * residual}_{form}")
    def transform(
        v: Vectors, products: I64, plane: I64, step: I64, vectors: I64, bias: I64,
        r: I64, r_row: I64, r_pixel: I64, y: I64, row: I64, pixel: I64, wrong: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """Y = clamp(A' products A + bias + residual); `wrong[i]` tells whether vector i of channels is not finite."""
        lo, hi = (v.splat(v.narrow(x, "f32")) for x in (low, high))
        zero = v.full("f32", 0.0)

        def channels(i: Value) -> list[Value]:
            there = v.pointer(products, v.mul(i, step))
            planes = []
            for _ in range(f.t**2):
                planes.append(v.load("f32", there))
                there = v.pointer(there, plane)
            columns = [f.output(v, planes[x :: f.t]) for x in range(f.t)]
            at = v.mul(i, bytes_ * v.lanes)
            start = v.load("f32", bias, v.mul(i, 4 * v.lanes))
            checks = []
            for k in range(f.m):
                line = v.pointer(y, v.add(at, v.mul(row, k)))
                more = v.pointer(r, v.add(at, v.mul(r_row, k))) if residual else None
                check = zero
                for j, value in enumerate(f.output(v, [column[k] for column in columns])):
                    total = v.b.fadd(value, start)
                    if residual:
                        total = v.b.fadd(total, v.load_real(form, more, v.mul(r_pixel, j)))
                    check = v.fma(total, zero, check)  # NaN of what is not finite
                    v.store_real(form, v.clamp(total, lo, hi), line, v.mul(pixel, j))
                checks.append(check)
            v.store(_any_nan(v, checks), wrong, v.mul(i, 8))
            return []

        v.carry(vectors, [], channels)

    return transform


def product_tile(rows: int) -> Tile:
    """Return the tile that multiplies some patches with a panel of one plane."""

    @tile(f"winograd_product_{rows}")
    def product(v: Vectors, a: I64, step: I64, vectors: I64, b: I64, soon: I64, c: I64) -> None:
        """Two vectors of sums a patch; the steps from one vector to the next are those of the planes."""
        line = 4 * v.lanes

        half = line * ((rows + 1) // 2)

        def part(i: Value, *sums: Value) -> list[Value]:
            first = v.pointer(a, v.mul(i, step))
            bases, at = [first, v.pointer(first, half)], v.mul(i, 2 * line * v.lanes)
            ahead = v.pointer(soon, at), v.const(2 * line)
            panel = v.pointer(b, at)
            k = v.const(v.lanes)
            return multiply_spaced(v, bases, v.const(line), panel, k, list(sums), 2, ahead)

        acc = v.carry(vectors, [v.full("f32", 0.0)] * (2 * rows), part)
        for j in range(2):
            to = v.pointer(c, v.mul(step, j))
            for r in range(rows):
                v.store(acc[2 * r + j], to, line * r)

    return product


_PRODUCTS = {rows: product_tile(rows) for rows in range(1, ROWS + 1)}


@tile("winograd_product", inline=True)
def product(
    v: Vectors, rows: I64, a: I64, step: I64, vectors: I64, b: I64, soon: I64, c: I64
) -> None:
    """Multiply up to ROWS patches with the panel at `b`; the one at `soon` is brought near meanwhile."""
    for count, each in _PRODUCTS.items():
        with v.when(v.b.icmp_signed("==", rows, v.const(count))):
            v.run(each, a, step, vectors, b, soon, c)


def any_input(form: str) -> Tile:
    """Return the function that calls the input tile of a size."""
    tiles = {m: input_tile(f, form) for m, f in F.items()}

    @tile(f"winograd_input_{form}", inline=True)
    def choose(
        v: Vectors,
        m: I64,
        x: I64,
        row: I64,
        pixel: I64,
        to: I64,
        plane: I64,
        step: I64,
        vectors: I64,
    ) -> None:
        """Transform one patch of m + 2 rows and columns."""
        for size, each in tiles.items():
            with v.when(v.b.icmp_signed("==", m, v.const(size))):
                v.run(each, x, row, pixel, to, plane, step, vectors)

    return choose


def any_output(form: str) -> Tile:
    """Return the function that calls the output tile of a size, with a residual or without."""
    tiles = {(m, more): output_tile(f, more, form) for m, f in F.items() for more in (False, True)}

    @tile(f"winograd_output_{form}", inline=True)
    def choose(
        v: Vectors, m: I64, products: I64, plane: I64, step: I64, vectors: I64, bias: I64,
        r: I64, r_row: I64, r_pixel: I64, y: I64, row: I64, pixel: I64, wrong: I64, low: F64, high: F64,
    ) -> None:  # fmt: skip
        """Make m rows and columns of outputs; `r` is the residual or the null address."""
        for (size, more), each in tiles.items():
            some = v.b.icmp_signed("!=" if more else "==", r, v.const(0))
            with v.when(v.b.and_(some, v.b.icmp_signed("==", m, v.const(size)))):
                ends = (y, row, pixel, wrong, low, high)
                v.run(each, products, plane, step, vectors, bias, r, r_row, r_pixel, *ends)

    return choose


def plain_tile(form: str) -> Tile:
    """Return the tile that sums without transforms, of images and results in float32 or halves."""
    bytes_ = SIZES[form]

    @tile(f"winograd_plain_{form}")
    def plain(
        v: Vectors, x: I64, x_row: I64, w: I64, w_row: I64, rows: I64, count: I64, bias: I64, r: I64, y: I64,
        low: F64, high: F64,
    ) -> None:  # fmt: skip
        """Y = clamp(bias + residual + the products of `rows` runs of `count` elements), one element."""
        rounds = v.b.sdiv(count, v.const(v.lanes))
        done = v.mul(rounds, v.lanes)

        def run(i: Value, total: Value, rest: Value) -> list[Value]:
            a, b = v.pointer(x, v.mul(i, x_row)), v.pointer(w, v.mul(i, w_row))

            def add(start: Value, width: int) -> Any:
                def body(k: Value, acc: Value) -> list[Value]:
                    at = v.add(start, v.mul(k, width))
                    here = v.load_real(form, a, v.mul(at, bytes_), width)
                    return [v.fma(here, v.load("f32", b, v.mul(at, 4), width), acc)]

                return body

            (total,) = v.carry(rounds, [total], add(v.const(0), v.lanes))
            return [total, *v.carry(v.b.sub(count, done), [rest], add(done, 1))]

        first = v.load("f32", bias, 0, 1)
        total, rest = v.carry(rows, [v.full("f32", 0.0), first], run)
        half = v.lanes
        while half > 1:
            half //= 2
            upper = [half + i for i in range(half)]
            total = v.b.fadd(v.shuffle(total, total, range(half)), v.shuffle(total, total, upper))
        total = v.b.fadd(total, rest)
        some = v.b.zext(v.b.icmp_signed("!=", r, v.const(0)), v.element("s64"))
        (total,) = v.carry(some, [total], lambda i, t: [v.b.fadd(t, v.load_real(form, r, 0, 1))])
        lo, hi = (v.splat(v.narrow(z, "f32"), 1) for z in (low, high))
        v.store_real(form, v.clamp(total, lo, hi), y)

    return plain
