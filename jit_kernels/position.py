"""Positions of extremes along an axis."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ..refimpl.reduce import arg_max, arg_min
from .kernel import I64, OK, Kernel, R, T, kernel, kernel_family, share
from .lowering import Site, Step, lowers
from .reduce_rows import joined, same
from .simd import LANES, Tile, Value, Vectors, tile

BITS = 23  # below a byte in a key
FOLLOWING = (1 << BITS) - 1
NOWHERE = 2**31 - 1
FORMATS = ("f32", "s8", "u8", "s32")


@kernel_family(*product(FORMATS, ("s32", "s64")))
def position(
    x: T, y: R, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Where the first largest or smallest element stands; NaNs do not take part."""
    start, stop = share(outer * inner, tid, threads)
    for r in range(start, stop):
        at = r // inner * count * inner + r % inner
        best, where = x[at], np.int64(0)
        for k in range(1, count):
            v = x[at + k * inner]
            better = v > best if largest else v < best
            if better or (best != best and v == v):
                best, where = v, np.int64(k)
        y[r] = where
    return OK


def _tile(kind: str) -> Tile:
    @tile(f"position_{kind}")
    def rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64, turn: I64) -> None:
        """Where the largest of `count` bytes stands, after the bits of `turn` are changed, for rows of at least LANES.

        A key is the byte above the number of elements that could follow: the largest key is that of the first one.
        """
        mask, size = v.narrow(turn, "s8"), 4 if kind == "s32" else 8
        order = v.ir.Constant(v.vector("s32"), [FOLLOWING - i for i in range(v.lanes)])

        def row(r: Value) -> list[Value]:
            line, best = v.pointer(x, v.mul(r, count)), v.full("s32", -1)

            def key(k: Value, best: Value) -> Value:
                x = v.widen(v.b.xor(v.load("s8", line, k), v.splat(mask)), "s32", signed=False)
                behind = v.b.sub(order, v.splat(v.narrow(k, "s32")))
                x = v.b.or_(v.b.shl(x, v.full("s32", BITS)), behind)
                return v.call(f"llvm.smax.v{v.lanes}i32", x.type, x, best)

            whole = v.b.sdiv(count, v.const(v.lanes))
            (best,) = v.carry(whole, [best], lambda i, b: [key(v.mul(i, v.lanes), b)])
            best = key(v.b.sub(count, v.const(v.lanes)), best)
            top = v.fold(best, lambda a, b: v.b.select(v.b.icmp_signed(">", a, b), a, b))
            following = v.ir.Constant(top.type, FOLLOWING)
            place = v.b.sub(following, v.b.and_(top, following))
            place = place if kind == "s32" else v.b.sext(place, v.element(kind))
            v.store(place, y, v.mul(r, size))
            return []

        v.carry(rows, [], row)

    return rows


rows_s32, rows_s64 = _tile("s32"), _tile("s64")


@kernel
def byte_position_s32(
    x: I64, y: I64, outer: I64, count: I64, turn: I64, tid: I64, threads: I64
) -> I64:
    """As int32."""
    start, stop = share(outer, tid, threads)
    rows_s32(x + start * count, y + 4 * start, stop - start, count, turn)
    return OK


@kernel
def byte_position_s64(
    x: I64, y: I64, outer: I64, count: I64, turn: I64, tid: I64, threads: I64
) -> I64:
    """As int64."""
    start, stop = share(outer, tid, threads)
    rows_s64(x + start * count, y + 8 * start, stop - start, count, turn)
    return OK


def _float_tile(name: str, sign: str, none: float) -> Tile:
    """Return the tile of rows of float32: `sign` tells what comes before what, `none` comes before nothing."""

    @tile(name)
    def rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64, wide: I64) -> None:
        """Find the extreme of each row, then the least place of one that equals it; 0 where all are NaN."""
        vectors, nowhere = v.b.sdiv(count, v.const(v.lanes)), v.full("s32", NOWHERE)
        order = v.ir.Constant(v.vector("s32"), list(range(v.lanes)))
        done = v.mul(vectors, v.lanes)
        some = v.mask(v.b.sub(count, done))

        def before(v: Vectors, a: Value, b: Value) -> Value:
            return v.b.select(v.b.fcmp_ordered(sign, b, a), b, a)

        def least(a: Value, b: Value) -> Value:
            return v.b.select(v.b.icmp_signed("<", b, a), b, a)

        def row(r: Value) -> list[Value]:
            line = v.pointer(x, v.mul(v.mul(r, count), 4))
            best = v.splat(joined(v, line, count, same, before, none))

            def place(x: Value, first: Value) -> Value:
                here = v.b.add(order, v.splat(v.narrow(first, "s32")))
                return v.b.select(v.b.fcmp_ordered("==", x, best), here, nowhere)

            def step(i: Value, found: Value) -> list[Value]:
                first = v.mul(i, v.lanes)
                return [least(found, place(v.load("f32", line, v.mul(first, 4)), first))]

            (found,) = v.carry(vectors, [nowhere], step)
            last = place(v.load_some("f32", some, line, v.mul(done, 4)), done)
            top = v.fold(least(found, v.b.select(some, last, nowhere)), least)
            none_is = v.b.icmp_signed("==", top, v.ir.Constant(top.type, NOWHERE))
            top = v.b.select(none_is, v.ir.Constant(top.type, 0), top)
            at, long = v.mul(r, wide), v.b.icmp_signed("==", wide, v.const(8))
            with v.when(long):
                v.store(v.b.sext(top, v.element("s64")), y, at)
            with v.when(v.b.not_(long)):
                v.store(top, y, at)
            return []

        v.carry(rows, [], row)

    return rows


first_largest = _float_tile("f32_first_largest", ">", -math.inf)
first_smallest = _float_tile("f32_first_smallest", "<", math.inf)


@kernel
def f32_position(
    x: I64, y: I64, outer: I64, count: I64, size: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Threads share the rows; a position has `size` bytes."""
    start, stop = share(outer, tid, threads)
    at, to = x + 4 * start * count, y + size * start
    if largest:
        first_largest(at, to, stop - start, count, size)
    else:
        first_smallest(at, to, stop - start, count, size)
    return OK


BYTES: dict[str, Kernel] = {"s32": byte_position_s32, "s64": byte_position_s64}


@lowers(*((op, f) for op in (arg_max, arg_min) for f in FORMATS))
def lower_arg(site: Site) -> list[Step]:
    """The axis lies between what is before and what is after it."""
    x, axis, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and axis is not None and axis.value is not None
    shape = x.type.shape
    a = int(axis.value.reshape(())) % len(shape)
    sizes = (math.prod(shape[:a]), shape[a], math.prod(shape[a + 1 :]))
    largest = int(site.node.op is arg_max)
    if x.type.dtype.itemsize == 1 and sizes[2] == 1 and LANES <= sizes[1] <= FOLLOWING:
        turn = (0 if x.type.dtype == np.uint8 else 128) ^ (0 if largest else 255)
        return [Step(BYTES[y.type.format], (x, y, *sizes[:2], turn))]
    if x.type.format == "f32" and sizes[2] == 1 and sizes[1] < NOWHERE:
        return [Step(f32_position, (x, y, *sizes[:2], y.type.dtype.itemsize, largest))]
    return [Step(position[x.type.format, y.type.format], (x, y, *sizes, largest))]
