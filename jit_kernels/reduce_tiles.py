"""Sums and means over neighbouring axes: of columns, a vector of them at a time, and of rows that are contiguous.

A tensor is `outer` images of `count` rows of `inner` elements; the rows of an image are added. float32 is added in
float32, bytes in int32.
"""

from __future__ import annotations

import math

import numpy as np

from ..quant.reduce import mean_multiplier, sum_multiplier
from ..refimpl.reduce import mean, reduced_axes
from .conv_int8 import byte_code
from .kernel import F64, I64, OK, inlined, kernel, share
from .lowering import Site, Step
from .patches import runs
from .simd import LANES, Value, Vectors, tile

COLUMNS = (
    8 * LANES
)  # elements of the rows that are added at a time: sums enough to hide the time of an addition
COLUMNS = 4 * LANES  # columns of bytes that are added four rows at a time
LEAST = 4  # columns, or elements of a row, that are worth a tile


@tile("f32_sum_columns")
def f32_columns(v: Vectors, x: I64, y: I64, pitch: I64, count: I64, columns: I64, by: F64) -> None:
    """y[c] = sum of x[r, c] / by: even rows and odd ones apart, as an addition takes longer than two loads."""
    divisor = v.narrow(by, "f32")

    def do(c: Value, width: int) -> None:
        at = v.mul(c, 4)

        def two(i: Value, *sums: Value) -> list[Value]:
            rows = (v.add(at, v.mul(v.add(v.mul(i, 2), j), pitch)) for j in range(2))
            return [
                v.b.fadd(s, v.load("f32", x, r, width)) for s, r in zip(sums, rows, strict=True)
            ]

        def last(_: Value, first: Value) -> list[Value]:
            row = v.add(at, v.mul(v.add(count, -1), pitch))
            return [v.b.fadd(first, v.load("f32", x, row, width))]

        pairs = v.b.sdiv(count, v.const(2))
        first, second = v.carry(pairs, [v.full("f32", 0.0, width)] * 2, two)
        (first,) = v.carry(v.b.sub(count, v.mul(pairs, 2)), [first], last)
        total = v.b.fadd(first, second)
        v.store(v.b.fdiv(total, v.splat(divisor, width)), y, at)

    runs(v, columns, tuple(dict.fromkeys((COLUMNS, LANES, 4))), do)


@tile("f32_sum_rows")
def f32_rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64, by: F64) -> None:
    """y[r] = sum of x[r] / by: four vectors of partial sums, and the end by a mask."""
    width, divisor = 4 * v.lanes, v.narrow(by, "f32")
    wide, vectors = v.b.sdiv(count, v.const(width)), v.b.sdiv(count, v.const(v.lanes))
    done = v.mul(vectors, v.lanes)
    some = v.mask(v.b.sub(count, done))

    def row(r: Value) -> list[Value]:
        line = v.pointer(x, v.mul(v.mul(r, count), 4))

        def add(size: int, i: Value, acc: Value) -> list[Value]:
            return [v.b.fadd(acc, v.load("f32", line, v.mul(i, 4 * size), size))]

        zeros = v.full("f32", 0.0, width)
        (acc,) = v.carry(wide, [zeros], lambda i, acc: add(width, i, acc))
        quarters = [v.shuffle(acc, acc, range(i, i + v.lanes)) for i in range(0, width, v.lanes)]
        total = v.b.fadd(v.b.fadd(*quarters[:2]), v.b.fadd(*quarters[2:]))
        first = v.mul(wide, 4)
        (total,) = v.carry(
            v.b.sub(vectors, first), [total], lambda i, acc: add(v.lanes, v.add(first, i), acc)
        )
        total = v.b.fadd(total, v.load_some("f32", some, line, v.mul(done, 4)))
        v.store(v.b.fdiv(v.fold(total, v.b.fadd), divisor), y, v.mul(r, 4))
        return []

    v.carry(rows, [], row)


@tile("q8_sum_columns")
def q8_columns(
    v: Vectors, x: I64, y: I64, pitch: I64, count: I64, columns: I64, flip: I64, p: I64
) -> None:
    """The same of bytes, requantized; `p`: bias, multiplier, left and right shift, zero point, bounds."""
    mask, words = v.narrow(flip, "s8"), [v.scalar("s32", p, 4 * i) for i in range(7)]

    def do(c: Value, width: int) -> None:
        def row(r: Value) -> Value:
            return v.b.xor(v.load("s8", x, v.add(c, v.mul(r, pitch)), width), v.splat(mask, width))

        def four(i: Value, *sums: Value) -> list[Value]:
            quads = v.quads([row(v.add(v.mul(i, 4), j)) for j in range(4)])
            ones = v.full("s8", 1, width)
            return [v.dot4_u8s8(s, q, ones) for s, q in zip(sums, quads, strict=True)]

        total, done = v.full("s32", 0, width), v.const(0)
        if width == COLUMNS:
            rounds = v.b.sdiv(count, v.const(4))
            sums = v.carry(rounds, [v.full("s32", 0, width // 4)] * 4, four)
            # Vector k of the sums has columns 4 k ... 4 k + 3 of every 16.
            order = [n % 16 // 4 * (width // 4) + n // 16 * 4 + n % 4 for n in range(width)]
            joined = v.concatenate(sums)
            total, done = v.shuffle(joined, joined, order), v.mul(rounds, 4)

        def add(r: Value, acc: Value) -> list[Value]:
            return [v.b.add(acc, v.widen(row(v.add(done, r)), "s32", signed=False))]

        (total,) = v.carry(v.b.sub(count, done), [total], add)
        v.store(_stored(v, total, words), y, c)

    runs(v, columns, tuple(dict.fromkeys((COLUMNS, LANES, 4))), do)


SIDE = 4  # rows whose bytes are added together


@tile("q8_sum_rows")
def q8_rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64, flip: I64, p: I64) -> None:
    """y[r] = what `q8_columns` makes of the sum of x[r], `count` bytes: fours of them times one."""
    mask, words = v.narrow(flip, "s8"), [v.scalar("s32", p, 4 * i) for i in range(7)]

    def total(line: Value) -> Value:
        """Return the sum of a row as four int32 that are to be added."""
        done = v.const(0)
        acc, found = v.full("s32", 0), v.full("s32", 0, SIDE)
        for lanes in dict.fromkeys((v.lanes, SIDE)):
            size, start = 4 * lanes, done
            ones, flips = v.full("s8", 1, size), v.splat(mask, size)

            def some(i: Value, sums: Value, start: Value = start, size: int = size, ones: Value = ones,
                     flips: Value = flips) -> list[Value]:  # fmt: skip
                bytes_ = v.load("s8", line, v.add(start, v.mul(i, size)), size)
                return [v.dot4_u8s8(sums, v.b.xor(bytes_, flips), ones)]

            rounds = v.b.sdiv(v.b.sub(count, done), v.const(size))
            (acc,) = v.carry(rounds, [acc if lanes == v.lanes else found], some)
            done = v.add(done, v.mul(rounds, size))
            while acc.type.count > SIDE:
                half = acc.type.count // 2
                acc = v.b.add(*(v.shuffle(acc, acc, range(i, i + half)) for i in (0, half)))
            found = acc

        def one(i: Value, sums: Value) -> list[Value]:
            byte = v.b.xor(v.load("s8", line, v.add(done, i), 1), v.splat(mask, 1))
            wide = v.shuffle(v.widen(byte, "s32", signed=False), v.full("s32", 0, 1), [0, 1, 1, 1])
            return [v.b.add(sums, wide)]

        return v.carry(v.b.sub(count, done), [found], one)[0]

    def group(first: Value, height: int) -> None:
        sums = [total(v.pointer(x, v.mul(v.add(first, r), count))) for r in range(height)]
        while len(sums) > 1:  # halves of two next to each other
            pairs = zip(sums[::2], sums[1::2], strict=True)
            even, odd = [0, 2, 4, 6], [1, 3, 5, 7]
            sums = [v.b.add(v.shuffle(a, b, even), v.shuffle(a, b, odd)) for a, b in pairs]
        if height == 1:
            sums = [v.b.add(*(v.shuffle(sums[0], sums[0], o) for o in ([0, 1], [2, 3])))]
            sums = [v.b.add(*(v.shuffle(sums[0], sums[0], o) for o in ([0], [1])))]
        v.store(_stored(v, sums[0], words), y, first)

    def four(i: Value) -> list[Value]:
        group(v.least(v.mul(i, SIDE), v.b.sub(rows, v.const(SIDE))), SIDE)
        return []

    many = v.b.icmp_signed(">=", rows, v.const(SIDE))
    whole = v.b.select(many, v.b.sdiv(v.add(rows, SIDE - 1), v.const(SIDE)), v.const(0))
    v.carry(whole, [], four)
    v.carry(v.b.select(many, v.const(0), rows), [], lambda i: group(i, 1) or [])  # type: ignore[func-returns-value]


def _stored(v: Vectors, total: Value, words: list[Value]) -> Value:
    bias, multiplier, left, right, zero, low, high = (v.splat(w, total.type.count) for w in words)
    x = v.b.shl(v.b.sub(total, bias), left)
    x = v.b.add(v.shift_rounding(v.high_mul(x, multiplier), right), zero)
    return v.b.trunc(v.clamp_int(x, low, high), v.vector("s8", total.type.count))


@inlined
def block(columns, outer, tid, threads):  # type: ignore[no-untyped-def]
    """Return the blocks of COLUMNS columns of a row, and the share of a thread in those of all rows."""
    blocks = (columns + COLUMNS - 1) // COLUMNS
    start, stop = share(outer * blocks, tid, threads)
    return blocks, start, stop


@inlined
def columns_of(columns, j):  # type: ignore[no-untyped-def]
    """Return the first column of a block and their number; the last one may overlap the one before."""
    first = j * COLUMNS
    if columns > COLUMNS and first + COLUMNS > columns:
        first = columns - COLUMNS
    return first, min(COLUMNS, columns - first)


@kernel
def f32_sum_columns(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, by: F64, tid: I64, threads: I64
) -> I64:
    """Add the rows of images."""
    blocks, start, stop = block(columns, outer, tid, threads)
    for item in range(start, stop):
        image = item // blocks
        first, some = columns_of(columns, item - image * blocks)
        source, target = (
            x + 4 * (image * count * columns + first),
            y + 4 * (image * columns + first),
        )
        f32_columns(source, target, 4 * columns, count, some, by)
    return OK


@kernel
def f32_sum_rows(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, by: F64, tid: I64, threads: I64
) -> I64:
    """Add what is contiguous; `columns` is 1."""
    start, stop = share(outer, tid, threads)
    f32_rows(x + 4 * start * count, y + 4 * start, stop - start, count, by)
    return OK


@kernel
def q8_sum_columns(
    x: I64,
    y: I64,
    outer: I64,
    count: I64,
    columns: I64,
    flip: I64,
    p: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Add the rows of images of bytes."""
    blocks, start, stop = block(columns, outer, tid, threads)
    for item in range(start, stop):
        image = item // blocks
        first, some = columns_of(columns, item - image * blocks)
        source, target = x + image * count * columns + first, y + image * columns + first
        q8_columns(source, target, columns, count, some, flip, p)
    return OK


@kernel
def q8_sum_rows(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, flip: I64, p: I64, tid: I64, threads: I64
) -> I64:
    """Add bytes that are contiguous; `columns` is 1."""
    start, stop = share(outer, tid, threads)
    q8_rows(x + start * count, y + start, stop - start, count, flip, p)
    return OK


def extents(site: Site) -> tuple[int, int, int] | None:
    """Return (outer, count, inner) where the axes that are reduced are neighbours, and some.

    Axes of size 1 are in nobody's way.
    """
    x, axes = site.inputs[0], site.inputs[1]
    assert x is not None and axes is not None and axes.value is not None
    shape = x.type.shape
    chosen = [a for a in reduced_axes(len(shape), axes.value) if shape[a] != 1]
    first, last = min(chosen, default=0), max(chosen, default=-1) + 1
    if any(shape[i] != 1 and i not in chosen for i in range(first, last)) or 0 in shape:
        return None
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def adds_floats(site: Site) -> bool:
    """Whether a tile adds these float32 axes."""
    found = extents(site)
    return found is not None and (found[2] >= LEAST or found[2] == 1)


def adds_bytes(site: Site) -> bool:
    """Whether a tile adds these bytes. Sums wrap in int32, as the rule's do."""
    found = extents(site)
    return found is not None and (found[2] >= LEAST or found[2] == 1)


def lower_float_sum(site: Site) -> list[Step]:
    """The divisor of a mean is the number of elements, that of a sum 1."""
    found = extents(site)
    assert found is not None
    outer, count, columns = found
    run = f32_sum_rows if columns == 1 else f32_sum_columns
    by = float(count) if site.node.op is mean else 1.0
    return [Step(run, (site.inputs[0], site.outputs[0], outer, count, columns, by))]


def lower_byte_sum(site: Site) -> list[Step]:
    """The count of a mean goes into its multiplier."""
    x, y, found = site.inputs[0], site.outputs[0], extents(site)
    assert x is not None and found is not None
    assert x.type.quant is not None and y.type.quant is not None
    derive = mean_multiplier if site.node.op is mean else sum_multiplier
    multiplier, shift = (int(v) for v in derive(x.type.quant, y.type.quant, found[1]))
    (flip, zero), info = byte_code(x.type), np.iinfo(y.type.dtype)
    numbers = [zero * found[1], multiplier, max(shift, 0), max(-shift, 0)]
    numbers += [y.type.quant.zero_point[0], int(info.min), int(info.max)]
    p = site.constant(np.array(numbers, np.int64).astype(np.uint32))
    run = q8_sum_rows if found[2] == 1 else q8_sum_columns
    return [Step(run, (x, y, *found, flip, p))]
