"""Extremes, sums of magnitudes and of squares over neighbouring axes of float32, and logarithms of sums of powers.

As in `reduce_tiles`: columns a vector at a time, or rows that are contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..refimpl.reduce import (
    reduce_log_sum_exp,
    reduce_max,
    reduce_min,
    reduce_sum_abs,
    reduce_sum_square,
)
from .kernel import I64, OK, Kernel, kernel, share
from .lowering import CPU, Lowering, Site, Step
from .patches import runs
from .reduce import lower_extreme, lower_magnitudes
from .reduce_powers import lower_log_sum_exp
from .reduce_tiles import COLUMNS, adds_floats, block, columns_of, extents
from .simd import LANES, Tile, Value, Vectors, tile
from .wide_math import exp_wide, log_wide

Join = Callable[[Vectors, Value, Value], Value]
Each = Callable[[Vectors, Value], Value]


def same(v: Vectors, x: Value) -> Value:
    """The element itself."""
    return x


def squared(v: Vectors, x: Value) -> Value:
    """Its square."""
    return v.b.fmul(x, x)


def sized(v: Vectors, x: Value) -> Value:
    """Its magnitude."""
    return v.b.select(v.b.fcmp_ordered("<", x, v.full("f32", 0.0, x.type.count)), v.b.fneg(x), x)


def total(v: Vectors, a: Value, b: Value) -> Value:
    """The sum."""
    return v.b.fadd(a, b)


def _extreme(relation: str) -> Join:
    def join(v: Vectors, a: Value, b: Value) -> Value:
        """The second where it is better, or the first NaN."""
        better = v.b.fcmp_unordered(relation, b, a)
        return v.b.select(v.b.and_(better, v.b.fcmp_ordered("ord", a, a)), b, a)

    return join


larger, smaller = _extreme(">"), _extreme("<")


def columns_tile(name: str, each: Each, join: Join) -> Tile:
    """Make the tile of columns: y[c] joins each(x[r, c]) in the order of r."""

    def columns(v: Vectors, x: I64, y: I64, pitch: I64, count: I64, columns: I64) -> None:
        def do(c: Value, width: int) -> None:
            at = v.mul(c, 4)

            def add(r: Value, acc: Value) -> list[Value]:
                place = v.add(at, v.mul(v.add(r, 1), pitch))
                return [join(v, acc, each(v, v.load("f32", x, place, width)))]

            first = each(v, v.load("f32", x, at, width))
            (acc,) = v.carry(v.b.sub(count, v.const(1)), [first], add)
            v.store(acc, y, at)

        runs(v, columns, (COLUMNS, LANES, 4) if LANES > 4 else (COLUMNS, 4), do)

    columns.__doc__ = each.__doc__
    return tile(name)(columns)


def joined(v: Vectors, line: Value, count: Value, each: Each, join: Join, none: float) -> Value:
    """Return the elements of a contiguous row joined: four vectors at a time, one, and the end by a mask."""
    width = 4 * v.lanes
    wide, vectors = v.b.sdiv(count, v.const(width)), v.b.sdiv(count, v.const(v.lanes))

    def add(size: int, i: Value, acc: Value) -> list[Value]:
        return [join(v, acc, each(v, v.load("f32", line, v.mul(i, 4 * size), size)))]

    empty = v.full("f32", none, width)
    (acc,) = v.carry(wide, [empty], lambda i, acc: add(width, i, acc))
    quarters = [v.shuffle(acc, acc, range(i, i + v.lanes)) for i in range(0, width, v.lanes)]
    one = join(v, join(v, *quarters[:2]), join(v, *quarters[2:]))
    first = v.mul(wide, 4)
    (one,) = v.carry(
        v.b.sub(vectors, first), [one], lambda i, acc: add(v.lanes, v.add(first, i), acc)
    )
    done = v.mul(vectors, v.lanes)
    some = v.mask(v.b.sub(count, done))
    last = each(v, v.load_some("f32", some, line, v.mul(done, 4)))
    one = join(v, one, v.b.select(some, last, v.full("f32", none, v.lanes)))
    return v.fold(one, lambda a, b: join(v, a, b))


def _first_zero(v: Vectors, line: Value, count: Value, found: Value) -> Value:
    """Return the first zero of a row where a zero was found: vectors do not tell whose sign it has."""
    zero = v.ir.Constant(found.type, 0.0)

    def look(i: Value, kept: Value) -> list[Value]:
        place = v.mul(v.b.sub(v.b.sub(count, v.const(1)), i), 4)
        x = v.scalar("f32", line, place)
        return [v.b.select(v.b.fcmp_ordered("==", x, zero), x, kept)]

    is_zero = v.b.fcmp_ordered("==", found, zero)
    return v.maybe(is_zero, [found], lambda kept: v.carry(count, [kept], look))[0]


def rows_tile(name: str, each: Each, join: Join, none: float, ordered: bool) -> Tile:
    """Make the tile of rows: y[r] joins each(x[r]); `none` changes nothing."""

    def rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64) -> None:
        def row(r: Value) -> list[Value]:
            line = v.pointer(x, v.mul(v.mul(r, count), 4))
            found = joined(v, line, count, each, join, none)
            v.store(_first_zero(v, line, count, found) if ordered else found, y, v.mul(r, 4))
            return []

        v.carry(rows, [], row)

    rows.__doc__ = each.__doc__
    return tile(name)(rows)


def _origin(v: Vectors, most: Value) -> tuple[Value, Value]:
    """Return the largest elements as float64, and where powers are taken from: there, unless that is infinite."""
    count = most.type.count
    top = v.b.fpext(most, v.vector("f64", count))
    off = v.b.fsub(top, top)  # NaN where it is infinite
    zero = v.full("f64", 0.0, count)
    return top, v.b.select(v.b.fcmp_ordered("ord", off, off), top, zero)


def _power(v: Vectors, x: Value, origin: Value) -> Value:
    """Return e**(x - origin) in float64; the kernel's exponential does not reach 0."""
    e = v.b.fsub(v.b.fpext(x, origin.type), origin)
    nothing = v.b.fcmp_ordered("==", e, v.full("f64", -math.inf, e.type.count))
    return v.b.select(nothing, v.full("f64", 0.0, e.type.count), exp_wide(v, e))


def _logarithm(v: Vectors, sum: Value, top: Value, origin: Value) -> Value:
    """Return the results as float32."""
    count = sum.type.count
    found = v.b.fadd(origin, log_wide(v, sum))
    endless = v.b.fcmp_ordered("==", top, v.full("f64", math.inf, count))
    return v.b.fptrunc(v.b.select(endless, top, found), v.vector("f32", count))


@tile("f32_log_sum_exp_rows")
def power_rows(v: Vectors, x: I64, y: I64, rows: I64, count: I64) -> None:
    """Add powers in float64, from the largest element if that is finite."""

    def row(r: Value) -> list[Value]:
        line = v.pointer(x, v.mul(v.mul(r, count), 4))
        most = v.splat(joined(v, line, count, same, larger, -math.inf))
        vectors, (top, origin) = v.b.sdiv(count, v.const(v.lanes)), _origin(v, most)

        def add(i: Value, acc: Value) -> list[Value]:
            return [v.b.fadd(acc, _power(v, v.load("f32", line, v.mul(i, 4 * v.lanes)), origin))]

        (acc,) = v.carry(vectors, [v.full("f64", 0.0)], add)
        done = v.mul(vectors, v.lanes)
        some = v.mask(v.b.sub(count, done))
        last = _power(v, v.load_some("f32", some, line, v.mul(done, 4)), origin)
        acc = v.b.fadd(acc, v.b.select(some, last, v.full("f64", 0.0)))
        found = _logarithm(v, v.splat(v.fold(acc, v.b.fadd), v.lanes), top, origin)
        first = v.b.extract_element(found, v.ir.Constant(v.ir.IntType(32), 0))
        v.store(first, y, v.mul(r, 4))
        return []

    v.carry(rows, [], row)


@tile("f32_log_sum_exp_columns")
def power_columns(v: Vectors, x: I64, y: I64, pitch: I64, count: I64, columns: I64) -> None:
    """The same of columns: their largest elements, then the powers."""

    def do(c: Value, width: int) -> None:
        at = v.mul(c, 4)

        def row(r: Value) -> Value:
            return v.load("f32", x, v.add(at, v.mul(r, pitch)), width)

        empty, none = v.full("f32", -math.inf, width), v.full("f64", 0.0, width)
        (most,) = v.carry(count, [empty], lambda r, acc: [larger(v, acc, row(r))])
        top, origin = _origin(v, most)
        (sum,) = v.carry(count, [none], lambda r, acc: [v.b.fadd(acc, _power(v, row(r), origin))])
        v.store(_logarithm(v, sum, top, origin), y, at)

    runs(v, columns, (LANES, 4) if LANES > 4 else (4,), do)


max_columns = columns_tile("f32_max_columns", same, larger)
min_columns = columns_tile("f32_min_columns", same, smaller)
abs_columns = columns_tile("f32_abs_columns", sized, total)
square_columns = columns_tile("f32_square_columns", squared, total)
max_rows = rows_tile("f32_max_rows", same, larger, -math.inf, True)
min_rows = rows_tile("f32_min_rows", same, smaller, math.inf, True)
abs_rows = rows_tile("f32_abs_rows", sized, total, 0.0, False)
square_rows = rows_tile("f32_square_rows", squared, total, 0.0, False)


@kernel
def f32_max_of_columns(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Largest of the rows of images."""
    blocks, start, stop = block(columns, outer, tid, threads)
    for item in range(start, stop):
        image = item // blocks
        first, some = columns_of(columns, item - image * blocks)
        source = x + 4 * (image * count * columns + first)
        max_columns(source, y + 4 * (image * columns + first), 4 * columns, count, some)
    return OK


@kernel
def f32_max_of_rows(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Largest of what is contiguous; `columns` is 1."""
    start, stop = share(outer, tid, threads)
    max_rows(x + 4 * start * count, y + 4 * start, stop - start, count)
    return OK


@kernel
def f32_min_of_columns(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Smallest of the rows of images."""
    blocks, start, stop = block(columns, outer, tid, threads)
    for item in range(start, stop):
        image = item // blocks
        first, some = columns_of(columns, item - image * blocks)
        source = x + 4 * (image * count * columns + first)
        min_columns(source, y + 4 * (image * columns + first), 4 * columns, count, some)
    return OK


@kernel
def f32_min_of_rows(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Smallest of what is contiguous; `columns` is 1."""
    start, stop = share(outer, tid, threads)
    min_rows(x + 4 * start * count, y + 4 * start, stop - start, count)
    return OK


@kernel
def f32_abs_of_columns(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Magnitudes of the rows of images."""
    blocks, start, stop = block(columns, outer, tid, threads)
    for item in range(start, stop):
        image = item // blocks
        first, some = columns_of(columns, item - image * blocks)
        source = x + 4 * (image * count * columns + first)
        abs_columns(source, y + 4 * (image * columns + first), 4 * columns, count, some)
    return OK


@kernel
def f32_abs_of_rows(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Magnitudes of what is contiguous; `columns` is 1."""
    start, stop = share(outer, tid, threads)
    abs_rows(x + 4 * start * count, y + 4 * start, stop - start, count)
    return OK


@kernel
def f32_square_of_columns(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Squares of the rows of images."""
    blocks, start, stop = block(columns, outer, tid, threads)
    for item in range(start, stop):
        image = item // blocks
        first, some = columns_of(columns, item - image * blocks)
        source = x + 4 * (image * count * columns + first)
        square_columns(source, y + 4 * (image * columns + first), 4 * columns, count, some)
    return OK


@kernel
def f32_square_of_rows(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Squares of what is contiguous; `columns` is 1."""
    start, stop = share(outer, tid, threads)
    square_rows(x + 4 * start * count, y + 4 * start, stop - start, count)
    return OK


@kernel
def f32_powers_of_rows(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Logarithms of sums of powers of what is contiguous; `columns` is 1."""
    start, stop = share(outer, tid, threads)
    power_rows(x + 4 * start * count, y + 4 * start, stop - start, count)
    return OK


@kernel
def f32_powers_of_columns(
    x: I64, y: I64, outer: I64, count: I64, columns: I64, tid: I64, threads: I64
) -> I64:
    """Logarithms of sums of powers of the rows of images."""
    blocks, start, stop = block(columns, outer, tid, threads)
    for item in range(start, stop):
        image = item // blocks
        first, some = columns_of(columns, item - image * blocks)
        source = x + 4 * (image * count * columns + first)
        power_columns(source, y + 4 * (image * columns + first), 4 * columns, count, some)
    return OK


ROWS: dict[object, Kernel] = {
    reduce_max: f32_max_of_rows,
    reduce_min: f32_min_of_rows,
    reduce_sum_abs: f32_abs_of_rows,
    reduce_sum_square: f32_square_of_rows,
    reduce_log_sum_exp: f32_powers_of_rows,
}
OF_COLUMNS: dict[object, Kernel] = {
    reduce_max: f32_max_of_columns,
    reduce_min: f32_min_of_columns,
    reduce_sum_abs: f32_abs_of_columns,
    reduce_sum_square: f32_square_of_columns,
    reduce_log_sum_exp: f32_powers_of_columns,
}


def lower_rows(site: Site) -> list[Step]:
    """Lower to tiles of rows, or of columns."""
    found = extents(site)
    assert found is not None
    loop = (ROWS if found[2] == 1 else OF_COLUMNS)[site.node.op]
    return [Step(loop, (site.inputs[0], site.outputs[0], *found))]


for _op in (reduce_max, reduce_min):
    CPU.of((_op, "f32"))((Lowering(lower_rows, adds_floats), Lowering(lower_extreme)))
for _op in (reduce_sum_abs, reduce_sum_square):
    CPU.of((_op, "f32"))((Lowering(lower_rows, adds_floats), Lowering(lower_magnitudes)))
CPU.of((reduce_log_sum_exp, "f32"))(
    (Lowering(lower_rows, adds_floats), Lowering(lower_log_sum_exp))
)
