"""Reductions: two tables, made with the plan, say where each result starts and where its elements lie from there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array
from ..quant.reduce import mean_multiplier, sum_multiplier
from ..refimpl.reduce import (
    mean,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduce_sum_abs,
    reduce_sum_square,
    reduced_axes,
    sum,
)
from .conv_plain import scale_twice
from .kernel import (
    F32,
    F64,
    I64,
    OK,
    S8,
    S16,
    S64,
    U8,
    Kernel,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lowering import CPU, Argument, Lowering, Site, Step, lowers
from .reduce_tiles import adds_bytes, adds_floats, lower_byte_sum, lower_float_sum

WHOLE = ("s8", "u8", "s16", "s32", "u32", "s64", "u64")


@kernel
def f32_sum(
    x: F32, y: F32, base: S64, step: S64, results: I64, count: I64, by: F64, tid: I64, threads: I64
) -> I64:
    """Add in float64, and divide."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        total, at = 0.0, base[r]
        for k in range(count):
            total += x[at + step[k]]
        y[r] = np.float32(total / by)
    return OK


@kernel_family("f64")
def double_sum(
    x: T, y: T, base: S64, step: S64, results: I64, count: I64, by: F64, tid: I64, threads: I64
) -> I64:
    """Add, and divide."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        total, at = 0.0, base[r]
        for k in range(count):
            total += x[at + step[k]]
        y[r] = total / by
    return OK


@kernel_family("s32", "s64")
def whole_sum(
    x: T, y: T, base: S64, step: S64, results: I64, count: I64, by: I64, tid: I64, threads: I64
) -> I64:
    """Add in 64 bits, and divide towards zero."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        total, at = np.int64(0), base[r]
        for k in range(count):
            total += x[at + step[k]]
        quotient = total // by
        y[r] = quotient + (total < 0 and quotient * by != total)
    return OK


@kernel
def f32_magnitudes(
    x: F32,
    y: F32,
    base: S64,
    step: S64,
    results: I64,
    count: I64,
    squares: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Add squares, or magnitudes, in float64."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        total, at = 0.0, base[r]
        for k in range(count):
            v = np.float64(x[at + step[k]])
            total += v * v if squares else abs(v)
        y[r] = np.float32(total)
    return OK


@kernel_family("s32", "s64")
def whole_magnitudes(
    x: T, y: T, base: S64, step: S64, results: I64, count: I64, squares: I64, tid: I64, threads: I64
) -> I64:
    """Add squares, or magnitudes, in 64 bits."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        total, at = np.int64(0), base[r]
        for k in range(count):
            v = np.int64(x[at + step[k]])
            total += v * v if squares else abs(v)
        y[r] = total
    return OK


@kernel
def f32_prod(
    x: F32, y: F32, base: S64, step: S64, results: I64, count: I64, tid: I64, threads: I64
) -> I64:
    """Multiply in float64."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        product, at = 1.0, base[r]
        for k in range(count):
            product *= x[at + step[k]]
        y[r] = np.float32(product)
    return OK


@kernel_family("s32", "s64")
def whole_prod(
    x: T, y: T, base: S64, step: S64, results: I64, count: I64, tid: I64, threads: I64
) -> I64:
    """Multiply in 64 bits."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        product, at = np.int64(1), base[r]
        for k in range(count):
            product *= x[at + step[k]]
        y[r] = product
    return OK


@inlined
def extreme(x, y, base, step, results, count, largest, empty, tid, threads):  # type: ignore[no-untyped-def]
    """The first largest or smallest element; a NaN wins."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        at = base[r]
        if count == 0:
            y[r] = empty
            continue
        best = x[at + step[0]]
        for k in range(1, count):
            v = x[at + step[k]]
            better = v > best if largest else v < best
            if better or (v != v and best == best):
                best = v
        y[r] = best


@kernel
def f32_extreme(
    x: F32, y: F32, base: S64, step: S64, results: I64, count: I64, largest: I64, empty: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest or smallest float32."""
    extreme(x, y, base, step, results, count, largest, np.float32(empty), tid, threads)
    return OK


@kernel_family(*WHOLE)
def whole_extreme(
    x: T, y: T, base: S64, step: S64, results: I64, count: I64, largest: I64, empty: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest or smallest integer."""
    extreme(x, y, base, step, results, count, largest, empty, tid, threads)
    return OK


@inlined
def fixed_sum(  # type: ignore[no-untyped-def]
    x, y, base, step, results, count, bias, multiplier, shift, zero, low, high, tid, threads
):
    """Add stored integers in 32 bits, less `bias`, and requantize."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        total, at = np.int64(0), base[r]
        for k in range(count):
            total += x[at + step[k]]
        scaled = scale_twice(np.int64(np.int32(total - bias)), multiplier, shift) + zero
        y[r] = min(max(scaled, low), high) if count else 0


@kernel
def s8_sum(
    x: S8, y: S8, base: S64, step: S64, results: I64, count: I64, bias: I64, multiplier: I64,
    shift: I64, zero: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Sum or mean of quantized int8."""
    fixed_sum(
        x, y, base, step, results, count, bias, multiplier, shift, zero, -128, 127, tid, threads
    )
    return OK


@kernel
def u8_sum(
    x: U8, y: U8, base: S64, step: S64, results: I64, count: I64, bias: I64, multiplier: I64,
    shift: I64, zero: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Sum or mean of quantized uint8."""
    fixed_sum(x, y, base, step, results, count, bias, multiplier, shift, zero, 0, 255, tid, threads)
    return OK


@kernel
def s16_sum(
    x: S16, y: S16, base: S64, step: S64, results: I64, count: I64, bias: I64, multiplier: I64,
    shift: I64, zero: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Mean of quantized int16."""
    fixed_sum(
        x, y, base, step, results, count, bias, multiplier, shift, zero, -32768, 32767, tid, threads
    )
    return OK


SUMS: dict[str, Kernel] = {"f32": f32_sum, **double_sum, **whole_sum}
MAGNITUDES: dict[str, Kernel] = {"f32": f32_magnitudes, **whole_magnitudes}
PRODUCTS: dict[str, Kernel] = {"f32": f32_prod, **whole_prod}
EXTREMES: dict[str, Kernel] = {"f32": f32_extreme, **whole_extreme}
FIXED: dict[str, Kernel] = {"s8": s8_sum, "u8": u8_sum, "s16": s16_sum}


def offset_tables(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Return where each result starts, and the distances of the elements that it is made of.

    >>> [t.tolist() for t in offset_tables((2, 3), (0,))]
    [[0, 1, 2], [0, 3]]
    """
    strides = [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    inner = tuple(n if i in axes else 1 for i, n in enumerate(shape))

    def offsets(sizes: tuple[int, ...]) -> Array:
        table = np.zeros(sizes, np.int64)
        for i, n in enumerate(sizes):
            steps = np.arange(n, dtype=np.int64) * strides[i]
            table += steps.reshape([-1 if j == i else 1 for j in range(len(sizes))])
        return table.ravel()

    return offsets(kept), offsets(inner)


def operands(site: Site) -> tuple[tuple[Argument, ...], int]:
    """Return what all kernels take first, and how many elements make a result."""
    x, axes, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and axes is not None and axes.value is not None
    chosen = reduced_axes(len(x.type.shape), axes.value)
    tables = offset_tables(x.type.shape, chosen)
    count = math.prod(x.type.shape[i] for i in chosen)
    return (x, y, *map(site.constant, tables), y.type.size, count), count


def lower_sum(site: Site) -> list[Step]:
    """A sum is divided by 1."""
    return [Step(SUMS[site.outputs[0].type.format], (*operands(site)[0], 1))]


def lower_mean(site: Site) -> list[Step]:
    """A mean of nothing is 0 / 0 in floats, and 0 in integers."""
    arguments, count = operands(site)
    by = count if site.outputs[0].type.format == "f32" else max(count, 1)
    return [Step(SUMS[site.outputs[0].type.format], (*arguments, by))]


@lowers(*((op, f) for op in (reduce_sum_square, reduce_sum_abs) for f in whole_magnitudes))
def lower_magnitudes(site: Site) -> list[Step]:
    """One loop for both."""
    squares = site.node.op is reduce_sum_square
    return [Step(MAGNITUDES[site.outputs[0].type.format], (*operands(site)[0], squares))]


@lowers((reduce_all, "bool"), (reduce_any, "bool"))
def lower_truth(site: Site) -> list[Step]:
    """All is the least of zeros and ones, any the largest."""
    largest = site.node.op is reduce_any
    return [Step(whole_extreme["u8"], (*operands(site)[0], largest, not largest))]


@lowers(*((reduce_prod, f) for f in PRODUCTS))
def lower_prod(site: Site) -> list[Step]:
    """Products take no more arguments."""
    return [Step(PRODUCTS[site.outputs[0].type.format], operands(site)[0])]


@lowers(*((op, f) for op in (reduce_max, reduce_min) for f in whole_extreme))
def lower_extreme(site: Site) -> list[Step]:
    """The extreme of nothing is the other end of the type."""
    dtype, largest = site.outputs[0].type.dtype, site.node.op is reduce_max
    info: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    empty = (float if dtype.kind == "f" else int)(info.min if largest else info.max)
    empty = -1 if empty == 2**64 - 1 else empty  # the same bits in the argument block
    return [Step(EXTREMES[site.outputs[0].type.format], (*operands(site)[0], int(largest), empty))]


def lower_fixed(site: Site) -> list[Step]:
    """The count of a mean goes into its multiplier; an empty tensor gives stored zeros."""
    arguments, count = operands(site)
    x, y = site.inputs[0], site.outputs[0].type.quant
    assert x is not None and x.type.quant is not None and y is not None
    derive = mean_multiplier if site.node.op is mean else sum_multiplier
    multiplier = derive(x.type.quant, y, max(count, 1))
    rest = (x.type.quant.zero_point[0] * count, *multiplier, y.zero_point[0])
    return [Step(FIXED[site.outputs[0].type.format], (*arguments, *rest))]


for _op, _lower in ((sum, lower_sum), (mean, lower_mean)):
    lowers(*((_op, f) for f in whole_sum))(_lower)
    CPU.of((_op, "f32"))((Lowering(lower_float_sum, adds_floats), Lowering(_lower)))
    CPU.of((_op, "s8"), (_op, "u8"))((Lowering(lower_byte_sum, adds_bytes), Lowering(lower_fixed)))
lowers((sum, "f64"))(lower_sum)
lowers((mean, "s16"))(lower_fixed)
