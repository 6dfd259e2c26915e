"""Softmax and its logarithm; the quantized one looks its powers up in a table of 256 made with the plan."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from ..ir import Array
from ..quant.fixedpoint import rounding_divide_by_pot, scale_rounding_twice
from ..quant.softmax import SLOPE, START, SUM_BITS, SoftmaxScale, exp_of_negative, require_output
from ..refimpl.softmax import softmax
from .exponential import exp_of
from .kernel import F64, I64, OK, S8, S16, S32, U8, Kernel, inlined, kernel, share
from .lowering import Site, Step, lowers
from .simd import Value, Vectors, tile

INT32_MAX = 2**31 - 1
PARTS = 4  # vectors of a row that do not wait for each other
Join = Callable[[Value, Value], Value]


@inlined
def largest(x, at, depth):  # type: ignore[no-untyped-def]
    """Return the largest of `depth` elements from `at` on."""
    most = x[at]
    for k in range(1, depth):
        most = x[at + k] if x[at + k] > most else most
    return most


def across(
    v: Vectors, vectors: Value, start: Value, take: Callable[[Value, Value], Value], join: Join
) -> Value:
    """Take all vectors of a row: take(what is there, offset), PARTS side by side, which are joined."""

    def several(parts: int, first: Value) -> Callable[..., list[Value]]:
        def body(i: Value, *state: Value) -> list[Value]:
            base = v.add(first, v.mul(i, parts))
            places = [v.mul(v.add(base, j), 4 * v.lanes) for j in range(parts)]
            taken = [take(a, at) for a, at in zip(state, places, strict=False)]
            return [*taken, *state[parts:]]

        return body

    rounds = v.b.sdiv(vectors, v.const(PARTS))
    parts = v.carry(rounds, [start] * PARTS, several(PARTS, v.const(0)))
    met = v.mul(rounds, PARTS)
    parts = v.carry(v.b.sub(vectors, met), parts, several(1, met))
    return functools.reduce(join, parts)


def _larger(v: Vectors) -> Join:
    return lambda a, b: v.b.select(v.b.fcmp_ordered(">", a, b), a, b)


@tile("softmax_rows")
def softmax_rows(v: Vectors, x: I64, y: I64, rows: I64, depth: I64, beta: F64) -> None:
    """Powers, their sum, and a product with its reciprocal; the end of a row by masks."""
    slope, vectors = v.splat(v.narrow(beta, "f32")), v.b.sdiv(depth, v.const(v.lanes))
    join, done = _larger(v), v.mul(vectors, 4 * v.lanes)
    some = v.mask(v.b.sub(depth, v.mul(vectors, v.lanes)))
    lowest, nothing = v.full("f32", -math.inf), v.full("f32", 0.0)

    def row(r: Value) -> list[Value]:
        source, target = (v.pointer(p, v.mul(v.mul(r, depth), 4)) for p in (x, y))

        def larger(acc: Value, at: Value, mask: Value | None) -> Value:
            if mask is None:
                new = v.load("f32", source, at)
            else:
                new = v.b.select(mask, v.load_some("f32", mask, source, at), lowest)
            return join(acc, new)

        def power(acc: Value, at: Value, mask: Value | None) -> Value:
            if mask is None:
                y = exp_of(v, v.b.fmul(v.b.fsub(v.load("f32", source, at), most), slope))
                v.store(y, target, at)
                return v.b.fadd(acc, y)
            new = v.b.fsub(v.load_some("f32", mask, source, at), most)
            y = exp_of(v, v.b.fmul(new, slope))
            v.store_some(y, mask, target, at)
            return v.b.fadd(acc, v.b.select(mask, y, nothing))

        def scale(acc: Value, at: Value, mask: Value | None) -> Value:
            if mask is None:
                v.store(v.b.fmul(v.load("f32", target, at), factor), target, at)
            else:
                new = v.b.fmul(v.load_some("f32", mask, target, at), factor)
                v.store_some(new, mask, target, at)
            return acc

        def whole(start: Value, take: Callable[..., Value], join: Join) -> Value:
            found = across(v, vectors, start, lambda acc, at: take(acc, at, None), join)
            return take(found, done, some)

        most = v.splat(v.fold(whole(lowest, larger, join), join))
        total = v.fold(whole(nothing, power, v.b.fadd), v.b.fadd)
        factor = v.splat(v.b.fdiv(v.ir.Constant(v.element("f32"), 1.0), total))
        whole(nothing, scale, join)
        return []

    v.carry(rows, [], row)


@kernel
def f32_softmax(x: I64, y: I64, rows: I64, depth: I64, beta: F64, tid: I64, threads: I64) -> I64:
    """Threads share the rows."""
    start, stop = share(rows, tid, threads)
    at = 4 * start * depth
    softmax_rows(x + at, y + at, stop - start, depth, beta)
    return OK


@inlined
def times(a, b):  # type: ignore[no-untyped-def]
    """`saturating_rounding_doubling_high_mul` of numbers that are not both the least."""
    return (a * b + (1 << 30)) >> 31


@inlined
def reciprocal_of(x):  # type: ignore[no-untyped-def]
    """`quant.softmax.reciprocal`: a raw factor and the number of bits above one."""
    zeros = 0
    while x << zeros < 1 << 31:
        zeros += 1
    half = ((x << zeros) - (1 << 31) + INT32_MAX + 1) >> 1
    y = START + times(half, SLOPE)
    for _ in range(3):
        error = (1 << 29) - times(half, y)
        y += min(max(times(y, error) << 2, -(1 << 31)), INT32_MAX)
    return min(y << 1, INT32_MAX), SUM_BITS - zeros


@inlined
def fixed_softmax(x, y, powers, terms, rows, depth, bits, low, high, tid, threads):  # type: ignore[no-untyped-def]
    """Softmax of stored integers: entry d of the tables is for an element d below the largest."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        at = row * depth
        most, total = np.int64(largest(x, at, depth)), np.int64(0)
        for k in range(at, at + depth):
            total += terms[most - x[k]]
        factor, above = reciprocal_of(total)
        places = above + 31 - bits
        mask = (np.int64(1) << places) - 1
        for k in range(at, at + depth):
            scaled = times(factor, np.int64(powers[most - x[k]]))
            # neither is negative: a half is rounded up
            whole = (scaled >> places) + ((scaled & mask) > (mask >> 1))
            y[k] = min(whole + low, high)


@kernel
def s8_softmax(
    x: S8, y: S8, powers: S32, terms: S32, rows: I64, depth: I64, tid: I64, threads: I64
) -> I64:
    """From int8 to int8."""
    fixed_softmax(x, y, powers, terms, rows, depth, 8, -128, 127, tid, threads)
    return OK


@kernel
def u8_softmax(
    x: U8, y: U8, powers: S32, terms: S32, rows: I64, depth: I64, tid: I64, threads: I64
) -> I64:
    """From uint8 to uint8."""
    fixed_softmax(x, y, powers, terms, rows, depth, 8, 0, 255, tid, threads)
    return OK


@kernel
def s8_softmax_s16(
    x: S8, y: S16, powers: S32, terms: S32, rows: I64, depth: I64, tid: I64, threads: I64
) -> I64:
    """From int8 to int16."""
    fixed_softmax(x, y, powers, terms, rows, depth, 16, -32768, 32767, tid, threads)
    return OK


@kernel
def u8_softmax_s16(
    x: U8, y: S16, powers: S32, terms: S32, rows: I64, depth: I64, tid: I64, threads: I64
) -> I64:
    """From uint8 to int16."""
    fixed_softmax(x, y, powers, terms, rows, depth, 16, -32768, 32767, tid, threads)
    return OK


FIXED: dict[tuple[str, str], Kernel] = {
    ("s8", "s8"): s8_softmax,
    ("u8", "u8"): u8_softmax,
    ("s8", "s16"): s8_softmax_s16,
    ("u8", "s16"): u8_softmax_s16,
}


def power_tables(scale: np.float32, beta: float) -> tuple[Array, Array]:
    """Return the powers of the differences 0, -1, ..., -255, and what each adds to a row's sum."""
    how, difference = SoftmaxScale.of(scale, beta), -np.arange(256)
    counts = difference >= how.least
    argument = scale_rounding_twice(np.where(counts, difference, 0), how.multiplier, how.shift)
    powers = np.where(counts, exp_of_negative(argument), 0).astype(np.int32)
    return powers, rounding_divide_by_pot(powers, SUM_BITS)


@lowers((softmax, "f32"))
def lower_f32_softmax(site: Site) -> list[Step]:
    """A row is one piece of work."""
    y = site.outputs[0]
    depth = y.type.shape[-1]
    arguments = (site.inputs[0], y, y.type.size // depth, depth, float(site.attributes["beta"]))
    return [Step(f32_softmax, arguments)]


@lowers((softmax, "s8"), (softmax, "u8"), (softmax, "s8-nnacl"))
def lower_fixed_softmax(site: Site) -> list[Step]:
    """The tables depend on the input's scale alone."""
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None and x.type.quant is not None
    require_output(x.type, y.type)
    tables = power_tables(np.float32(x.type.quant.scale[0]), site.attributes["beta"])
    depth = y.type.shape[-1]
    constants = [site.constant(t) for t in tables]
    run = FIXED[x.type.format, y.type.format]
    return [Step(run, (x, y, *constants, y.type.size // depth, depth))]
