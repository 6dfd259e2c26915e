"""Half precision, vectorised: what `refimpl.half` defines, as kernels over arrays.

Halves are 16-bit words. Results are the reference's bits, but for the payload of a NaN that arithmetic gives. A sum
is rounded to odd in float32 and then to a half; a product is exact in float32; a quotient or root of halves
keeps its distance (more than 2**-24 of its size) from where roundings change, so that the float32 one, which is off by
2**-24 at most, stays on its side.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array
from ..refimpl.half import IEEE, ROUNDINGS, Mode
from .kernel import I64, OK, Kernel, inlined, kernel, share
from .loading import address_of, callable_of
from .patches import runs
from .simd import Tile, Value, Vectors, tile
from .simd_half import DOWNWARD

# compute(v, operands as float32, the rounding's number where it is not the nearest) -> a number that rounds alike
Compute = Callable[[Vectors, list[Value], Value | None], Value]


def _widths(v: Vectors) -> tuple[int, ...]:
    return (2 * v.lanes, v.lanes) if v.lanes > 4 else (v.lanes,)


def _each(
    v: Vectors, x: tuple[Value, ...], y: Value, count: Value, do: Callable[..., Value]
) -> None:
    """Write do(elements of `x`) to `y`, halves all of them."""

    def some(i: Value, width: int) -> None:
        at = v.mul(i, 2)
        v.store(do(*(v.load("s16", place, at, width) for place in x)), y, at)

    runs(v, count, _widths(v), some)


def _by(v: Vectors, compute: Compute, rounding: Value, flush: Value) -> Callable[..., Value]:
    def do(*halves: Value) -> Value:
        given = [v.flush_half(v.widen_half(x), flush) for x in halves]
        return v.narrow_half_by(compute(v, given, rounding), rounding, flush)

    return do


def _nearest(v: Vectors, compute: Compute) -> Callable[..., Value]:
    return lambda *halves: v.narrow_half(compute(v, [v.widen_half(x) for x in halves], None))


def _total(v: Vectors, p: Value, c: Value, rounding: Value | None) -> Value:
    """Return p + c rounded to odd; a zero that opposite terms make is -0 when rounding downward."""
    total = v.odd_sum(p, c)
    if rounding is None:
        return total
    down = v.b.icmp_signed("==", rounding, v.const(DOWNWARD))
    kind = v.vector("s32", p.type.count)
    differ = v.b.xor(v.b.bitcast(p, kind), v.b.bitcast(c, kind))
    none = v.full("f32", 0.0, p.type.count)
    zero = v.b.and_(
        v.b.fcmp_ordered("==", total, none),
        v.b.icmp_signed("<", differ, v.full("s32", 0, p.type.count)),
    )
    minus = v.b.select(down, v.full("f32", -0.0, p.type.count), total)
    return v.b.select(zero, minus, total)


def _add(v: Vectors, x: list[Value], rounding: Value | None) -> Value:
    return _total(v, x[0], x[1], rounding)


def _sub(v: Vectors, x: list[Value], rounding: Value | None) -> Value:
    return _total(v, x[0], v.b.fneg(x[1]), rounding)


def _mul(v: Vectors, x: list[Value], rounding: Value | None) -> Value:
    return v.b.fmul(x[0], x[1])


def _div(v: Vectors, x: list[Value], rounding: Value | None) -> Value:
    return v.b.fdiv(x[0], x[1])


def _sqrt(v: Vectors, x: list[Value], rounding: Value | None) -> Value:
    return v.call(f"llvm.sqrt.v{x[0].type.count}f32", x[0].type, x[0])


def _fma(v: Vectors, x: list[Value], rounding: Value | None) -> Value:
    return _total(v, v.b.fmul(x[0], x[1]), x[2], rounding)


def _tiles(operands: int, compute: Compute) -> tuple[Tile, Tile]:
    """Return the tile that rounds to nearest, and the one that is told how to round; unused operands are null."""
    name = compute.__name__

    @tile(f"half{name}")
    def nearest(v: Vectors, a: I64, b: I64, c: I64, y: I64, count: I64) -> None:
        """Store op(a, b, c), ties to even."""
        fused = compute is _fma
        _each(v, (a, b, c)[:operands], y, count, v.fma_half if fused else _nearest(v, compute))

    @tile(f"half{name}_by")
    def by(
        v: Vectors, a: I64, b: I64, c: I64, y: I64, count: I64, rounding: I64, flush: I64
    ) -> None:
        """The same in any rounding, with or without subnormals."""
        _each(v, (a, b, c)[:operands], y, count, _by(v, compute, rounding, flush))

    return nearest, by


add_near, add_by = _tiles(2, _add)
sub_near, sub_by = _tiles(2, _sub)
mul_near, mul_by = _tiles(2, _mul)
div_near, div_by = _tiles(2, _div)
sqrt_near, sqrt_by = _tiles(1, _sqrt)
fma_near, fma_by = _tiles(3, _fma)


@tile("widen_halves")
def widen_halves(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """Store halves as float32."""
    runs(
        v,
        count,
        _widths(v),
        lambda i, width: v.store(v.load_half(x, v.mul(i, 2), width), y, v.mul(i, 4)),
    )


@tile("narrow_halves")
def narrow_halves(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """Store float32 as halves, ties to even."""
    runs(
        v,
        count,
        _widths(v),
        lambda i, width: v.store_half(v.load("f32", x, v.mul(i, 4), width), y, v.mul(i, 2)),
    )


@tile("narrow_halves_by")
def narrow_halves_by(v: Vectors, x: I64, y: I64, count: I64, rounding: I64, flush: I64) -> None:
    """The same in any rounding, with or without subnormals."""

    def some(i: Value, width: int) -> None:
        floats = v.load("f32", x, v.mul(i, 4), width)
        v.store(v.narrow_half_by(floats, rounding, flush), y, v.mul(i, 2))

    runs(v, count, _widths(v), some)


@kernel
def half_widen(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Turn halves into float32."""
    start, stop = share(count, tid, threads)
    widen_halves(x + 2 * start, y + 4 * start, stop - start)
    return OK


@kernel
def half_narrow(
    x: I64, y: I64, count: I64, rounding: I64, flush: I64, tid: I64, threads: I64
) -> I64:
    """Round float32 to halves."""
    start, stop = share(count, tid, threads)
    if rounding == 0 and flush == 0:
        narrow_halves(x + 4 * start, y + 2 * start, stop - start)
    else:
        narrow_halves_by(x + 4 * start, y + 2 * start, stop - start, rounding, flush)
    return OK


@inlined
def arithmetic_nearest(op, a, b, c, y, count):  # type: ignore[no-untyped-def]
    """Round to nearest."""
    if op == 0:
        add_near(a, b, c, y, count)
    elif op == 1:
        sub_near(a, b, c, y, count)
    elif op == 2:
        mul_near(a, b, c, y, count)
    elif op == 3:
        div_near(a, b, c, y, count)
    elif op == 4:
        sqrt_near(a, b, c, y, count)
    else:
        fma_near(a, b, c, y, count)


@inlined
def arithmetic_by(op, a, b, c, y, count, rounding, flush):  # type: ignore[no-untyped-def]
    """Round as told."""
    if op == 0:
        add_by(a, b, c, y, count, rounding, flush)
    elif op == 1:
        sub_by(a, b, c, y, count, rounding, flush)
    elif op == 2:
        mul_by(a, b, c, y, count, rounding, flush)
    elif op == 3:
        div_by(a, b, c, y, count, rounding, flush)
    elif op == 4:
        sqrt_by(a, b, c, y, count, rounding, flush)
    else:
        fma_by(a, b, c, y, count, rounding, flush)


@kernel
def half_arithmetic(
    op: I64, a: I64, b: I64, c: I64, y: I64, count: I64, rounding: I64, flush: I64, tid: I64,
    threads: I64,
) -> I64:  # fmt: skip
    """Store op(a, b, c) in y: `op` 0 to 5 are a + b, a - b, a b, a / b, root of a, a b + c."""
    start, stop = share(count, tid, threads)
    n, at = stop - start, 2 * start
    if rounding == 0 and flush == 0:
        arithmetic_nearest(op, a + at, b + at, c + at, y + at, n)
    else:
        arithmetic_by(op, a + at, b + at, c + at, y + at, n, rounding, flush)
    return OK


def widen(x: Array) -> Array:
    """Return halves as float32: `refimpl.half.widen`."""
    x = np.ascontiguousarray(x, np.float16)
    y = np.empty(x.shape, np.float32)
    _run(half_widen, x, y, x.size)
    return y


def narrow(x: Array, rounding: str = "nearest_even", flush: bool = False) -> Array:
    """Round float32 to halves: `refimpl.half.narrow`."""
    x = np.ascontiguousarray(x, np.float32)
    y = np.empty(x.shape, np.float16)
    _run(half_narrow, x, y, x.size, ROUNDINGS.index(rounding), int(flush))
    return y


def arithmetic(name: str, *operands: Array, mode: Mode = IEEE) -> Array:
    """Apply add, sub, mul, div, sqrt or fma of `refimpl.half` to halves of one shape; every NaN is some quiet one."""
    given = [np.ascontiguousarray(x, np.float16) for x in operands]
    y = np.empty(given[0].shape, np.float16)
    places = (*given, *given[:1] * (3 - len(given)), y)
    order = ("add", "sub", "mul", "div", "sqrt", "fma")
    settings = (ROUNDINGS.index(mode.rounding), int(mode.flush))
    _run(half_arithmetic, order.index(name), *places, y.size, *settings)
    return y


def _run(kernel: Kernel, *arguments: Any) -> None:
    """Call a kernel on this thread."""
    slots = [address_of(a) if isinstance(a, np.ndarray) else a for a in arguments]
    block = array("q", slots)
    callable_of(kernel)(block.buffer_info()[0], 0, 1)
