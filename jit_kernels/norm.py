"""Normalisations: a row of channels at a time."""

from __future__ import annotations

import math

import numpy as np

from ..quant.norm import HALF_SQRT_2, ONE, ONE_AND_A_HALF
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.norm import LEAST_NORM, l2_normalization, local_response_normalization
from .conv_plain import scale_twice
from .kernel import F32, F64, I64, OK, S8, U8, inlined, kernel, share
from .lowering import Site, Step, lowers
from .simd import Value, Vectors, tile

INT32_MAX = 2**31 - 1


@tile("l2_rows")
def l2_rows(
    v: Vectors, x: I64, y: I64, rows: I64, depth: I64, least: F64, low: F64, high: F64
) -> None:
    """Squares are added in float64, and their root divided by there; the end of a row by a mask."""
    wide, vectors = v.vector("f64"), v.b.sdiv(depth, v.const(v.lanes))
    done = v.mul(vectors, 4 * v.lanes)
    some = v.mask(v.b.sub(depth, v.mul(vectors, v.lanes)))
    ends = [v.splat(v.narrow(end, "f32")) for end in (low, high)]

    def row(r: Value) -> list[Value]:
        source, target = (v.pointer(p, v.mul(v.mul(r, depth), 4)) for p in (x, y))

        def square(acc: Value, a: Value) -> Value:
            real = v.b.fpext(a, wide)
            return v.fma(real, real, acc)

        def add(i: Value, acc: Value) -> list[Value]:
            return [square(acc, v.load("f32", source, v.mul(i, 4 * v.lanes)))]

        (acc,) = v.carry(vectors, [v.full("f64", 0.0)], add)
        total = v.fold(square(acc, v.load_some("f32", some, source, done)), v.b.fadd)
        length = v.call("llvm.sqrt.f64", total.type, total)
        length = v.b.select(v.b.fcmp_ordered("<", length, least), least, length)
        by = v.splat(v.b.fdiv(v.ir.Constant(length.type, 1.0), length))

        def scaled(a: Value) -> Value:
            return v.clamp(v.b.fptrunc(v.b.fmul(v.b.fpext(a, wide), by), a.type), *ends)

        def divide(i: Value) -> list[Value]:
            at = v.mul(i, 4 * v.lanes)
            v.store(scaled(v.load("f32", source, at)), target, at)
            return []

        v.carry(vectors, [], divide)
        v.store_some(scaled(v.load_some("f32", some, source, done)), some, target, done)
        return []

    v.carry(rows, [], row)


@kernel
def f32_l2(
    x: I64, y: I64, rows: I64, depth: I64, least: F64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Threads share the rows."""
    start, stop = share(rows, tid, threads)
    at = 4 * start * depth
    l2_rows(x + at, y + at, stop - start, depth, least, low, high)
    return OK


@inlined
def times(a, b):  # type: ignore[no-untyped-def]
    """Rounded high half of 2ab, for numbers that are not both the least."""
    return (a * b + (1 << 30)) >> 31


@inlined
def clip32(x):  # type: ignore[no-untyped-def]
    """Saturate to int32."""
    return min(max(x, -INT32_MAX - 1), INT32_MAX)


@inlined
def inverse_sqrt(x):  # type: ignore[no-untyped-def]
    """Scalar twin of `quant.norm.inverse_sqrt_multiplier`."""
    if x <= 1:
        return np.int64(INT32_MAX), np.int64(0)
    places = np.int64(11)
    while x >= 1 << 29:
        x, places = x // 4, places + 1
    while x < 1 << 27:
        x, places = x * 4, places - 1
    half = ((x >> 1) + 1) >> 1
    root = np.int64(ONE)
    for _ in range(5):
        cube = clip32(times(times(root, root), root) << 6)
        root = clip32((times(ONE_AND_A_HALF, root) - times(half, cube)) << 3)
    root = times(root, HALF_SQRT_2)
    if places < 0:
        return root << -places, np.int64(0)
    return root, -places


@inlined
def fixed_l2(x, y, rows, depth, zero, early, late, middle, low, high, tid, threads):  # type: ignore[no-untyped-def]
    """Multiply by 2**early before the inverse length, and by 2**late with it."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        total = np.int64(0)
        for k in range(row * depth, (row + 1) * depth):
            v = np.int64(x[k]) - zero
            total += v * v
        multiplier, shift = inverse_sqrt(np.int64(np.int32(total)))
        for k in range(row * depth, (row + 1) * depth):
            v = (np.int64(x[k]) - zero) << early
            y[k] = min(max(scale_twice(v, multiplier, shift + late) + middle, low), high)


@kernel
def s8_l2(x: S8, y: S8, rows: I64, depth: I64, zero: I64, tid: I64, threads: I64) -> I64:
    """In int8, about 0."""
    fixed_l2(x, y, rows, depth, zero, 0, 7, 0, -128, 127, tid, threads)
    return OK


@kernel
def u8_l2(x: U8, y: U8, rows: I64, depth: I64, zero: I64, tid: I64, threads: I64) -> I64:
    """In uint8, about 128."""
    fixed_l2(x, y, rows, depth, zero, 7, 0, 128, 0, 255, tid, threads)
    return OK


def _sizes(site: Site) -> tuple[int, int]:
    type = site.outputs[0].type
    depth = type.shape[-1]
    return type.size // max(depth, 1), depth


@lowers((l2_normalization, "f32"))
def lower_f32_l2(site: Site) -> list[Step]:
    """Pass the range of the fused activation."""
    bounds = ACTIVATIONS[site.attributes["activation"]]
    operands = (site.inputs[0], site.outputs[0])
    return [Step(f32_l2, (*operands, *_sizes(site), LEAST_NORM, *bounds))]


@lowers((l2_normalization, "s8"), (l2_normalization, "u8"))
def lower_fixed_l2(site: Site) -> list[Step]:
    """The output's quantization is prescribed."""
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None and x.type.quant is not None
    run = s8_l2 if x.type.format == "s8" else u8_l2
    return [Step(run, (x, y, *_sizes(site), x.type.quant.zero_point[0]))]


@kernel
def f32_lrn(
    x: F32, y: F32, rows: I64, depth: I64, before: I64, reach: I64, bias: F64, alpha: F64, beta: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Energy and power in float64."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        at = row * depth
        for c in range(depth):
            energy = 0.0
            for k in range(max(c - before, 0), min(c + reach, depth)):
                energy += np.float64(x[at + k]) * np.float64(x[at + k])
            y[at + c] = np.float32(x[at + c] * math.pow(bias + alpha * energy, -beta))
    return OK


@lowers((local_response_normalization, "f32"))
def lower_lrn(site: Site) -> list[Step]:
    """The reals are those of the file, in float32."""
    a = site.attributes
    reals = tuple(float(np.float32(a[name])) for name in ("bias", "alpha", "beta"))
    operands = (site.inputs[0], site.outputs[0])
    before, reach = a["radius"], a["radius"] if a["after"] < 0 else a["after"] + 1
    return [Step(f32_lrn, (*operands, *_sizes(site), before, reach, *reals))]
