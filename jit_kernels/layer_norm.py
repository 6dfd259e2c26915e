"""Layer normalization, and that by the root mean square: three passes over a row, with four vectors of partial sums."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.norm import layer_norm, rms_norm
from .kernel import F64, I64, OK, kernel, share
from .lowering import Site, Step, lowers
from .simd import Value, Vectors, tile

PARTS = 4  # vectors of partial sums, so that additions need not wait for each other


def total(v: Vectors, parts: list[Value]) -> Value:
    """Return the sum of all lanes of some vectors, halves first."""
    whole, *rest = parts
    for part in rest:
        whole = v.b.fadd(whole, part)
    lanes = whole.type.count
    while lanes > 1:
        lanes //= 2
        low = v.shuffle(whole, whole, range(lanes))
        whole = v.b.fadd(low, v.shuffle(whole, whole, range(lanes, 2 * lanes)))
    return v.b.extract_element(whole, v.const(0))


def summed(v: Vectors, x: Value, count: Value, term) -> Value:  # type: ignore[no-untyped-def]
    """Return the sum of `term(vector)` over `count` float32 numbers at `x`."""
    step = PARTS * v.lanes
    rounds = v.b.sdiv(count, v.const(step))

    def add(i: Value, *parts: Value) -> list[Value]:
        at = v.mul(i, 4 * step)
        loaded = [v.load("f32", x, v.add(at, 4 * v.lanes * j)) for j in range(PARTS)]
        return [v.b.fadd(p, term(y)) for p, y in zip(parts, loaded, strict=True)]

    parts = v.carry(rounds, [v.full("f32", 0.0)] * PARTS, add)
    done = v.mul(rounds, step)

    def one(i: Value, part: Value) -> list[Value]:
        return [v.b.fadd(part, term(v.load("f32", x, v.mul(v.add(done, i), 4), lanes=1)))]

    (rest,) = v.carry(v.b.sub(count, done), [v.full("f32", 0.0, lanes=1)], one)
    return v.b.fadd(total(v, parts), v.b.extract_element(rest, v.const(0)))


@tile("f32_layer_norm_row")
def normalize(
    v: Vectors, x: I64, scale: I64, bias: I64, y: I64, count: I64, inverse: F64, epsilon: F64
) -> None:
    """Mean, variance, and scale (x - mean) / sqrt(variance + epsilon) + bias of one row."""
    part, little = v.narrow(inverse, "f32"), v.narrow(epsilon, "f32")
    mean = v.b.fmul(summed(v, x, count, lambda a: a), part)

    def squared(a: Value) -> Value:
        d = v.b.fsub(a, v.splat(mean, a.type.count))
        return v.b.fmul(d, d)

    variance = v.b.fadd(v.b.fmul(summed(v, x, count, squared), part), little)
    root = v.call("llvm.sqrt.f32", variance.type, variance)
    factor = v.b.fdiv(v.element("f32")(1.0), root)

    def write(at: Value, lanes: int) -> list[Value]:
        a, s, b = (v.load("f32", p, at, lanes=lanes) for p in (x, scale, bias))
        d = v.b.fmul(v.b.fsub(a, v.splat(mean, lanes)), v.splat(factor, lanes))
        v.store(v.fma(d, s, b), y, at)
        return []

    whole = v.b.sdiv(count, v.const(v.lanes))
    v.carry(whole, [], lambda i: write(v.mul(i, 4 * v.lanes), v.lanes))
    done = v.mul(whole, v.lanes)
    v.carry(v.b.sub(count, done), [], lambda i: write(v.mul(v.add(done, i), 4), 1))


@kernel
def f32_layer_norm(
    x: I64, scale: I64, bias: I64, y: I64, rows: I64, count: I64, inverse: F64, epsilon: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Threads share the rows."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        at = row * count * 4
        normalize(x + at, scale, bias, y + at, count, inverse, epsilon)
    return OK


@lowers((layer_norm, "f32"))
def lower_layer_norm(site: Site) -> list[Step]:
    """A row is all from the axis on; an absent bias is zeros."""
    x, scale, *rest = site.inputs
    assert x is not None
    count = math.prod(x.type.shape[site.attributes["axis"] :])
    bias = rest[0] if rest and rest[0] else site.constant(np.zeros(count, np.float32))
    sizes = (x.type.size // max(count, 1), count, 1 / max(count, 1))
    epsilon = float(np.float32(site.attributes["epsilon"]))
    return [Step(f32_layer_norm, (x, scale, bias, site.outputs[0], *sizes, epsilon))]


@tile("f32_rms_norm_row")
def divide_by_root(
    v: Vectors, x: I64, scale: I64, y: I64, count: I64, inverse: F64, epsilon: F64
) -> None:
    """Mean square, and x / sqrt(mean square + epsilon) scale of one row."""
    part, little = v.narrow(inverse, "f32"), v.narrow(epsilon, "f32")
    square = v.b.fmul(summed(v, x, count, lambda a: v.b.fmul(a, a)), part)
    square = v.b.fadd(square, little)
    root = v.call("llvm.sqrt.f32", square.type, square)
    factor = v.b.fdiv(v.element("f32")(1.0), root)

    def write(at: Value, lanes: int) -> list[Value]:
        a, s = (v.load("f32", p, at, lanes=lanes) for p in (x, scale))
        v.store(v.b.fmul(v.b.fmul(a, v.splat(factor, lanes)), s), y, at)
        return []

    whole = v.b.sdiv(count, v.const(v.lanes))
    v.carry(whole, [], lambda i: write(v.mul(i, 4 * v.lanes), v.lanes))
    done = v.mul(whole, v.lanes)
    v.carry(v.b.sub(count, done), [], lambda i: write(v.mul(v.add(done, i), 4), 1))


@kernel
def f32_rms_norm(
    x: I64, scale: I64, y: I64, rows: I64, count: I64, inverse: F64, epsilon: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Threads share the rows."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        at = row * count * 4
        divide_by_root(x + at, scale, y + at, count, inverse, epsilon)
    return OK


@lowers((rms_norm, "f32"))
def lower_rms_norm(site: Site) -> list[Step]:
    """A row is all from the axis on."""
    x, scale = site.inputs
    assert x is not None
    count = math.prod(x.type.shape[site.attributes["axis"] :])
    sizes = (x.type.size // max(count, 1), count, 1 / max(count, 1))
    epsilon = float(np.float32(site.attributes["epsilon"]))
    return [Step(f32_rms_norm, (x, scale, site.outputs[0], *sizes, epsilon))]
