"""Sums of products over named axes, by tables of offsets; determinants by elimination in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..ir import Array
from ..refimpl.einsum import MOST, det, einsum, parse_equation, sizes_of
from .kernel import F32, F64P, I64, OK, S64, Kernel, T, inlined, kernel, kernel_family, share
from .lowering import Site, Step, lowers


@inlined
def products(a, b, c, d, e, f, y, base, step, operands, results, count, zero, tid, threads):  # type: ignore[no-untyped-def]
    """Add up the products of this thread's results; the tables have a row for each operand."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        total = zero
        i = base[r]
        j = base[results + r] if operands > 1 else np.int64(0)
        for k in range(count):
            p = a[i + step[k]] + zero
            if operands > 1:
                p *= b[j + step[count + k]]
            if operands > 2:
                p *= c[base[2 * results + r] + step[2 * count + k]]
            if operands > 3:
                p *= d[base[3 * results + r] + step[3 * count + k]]
            if operands > 4:
                p *= e[base[4 * results + r] + step[4 * count + k]]
            if operands > 5:
                p *= f[base[5 * results + r] + step[5 * count + k]]
            total += p
        y[r] = total


@kernel_family("f32", "f64")
def real_einsum(
    a: T, b: T, c: T, d: T, e: T, f: T, y: T, base: S64, step: S64, operands: I64, results: I64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Multiply and add in float64."""
    zero = np.float64(0)
    products(a, b, c, d, e, f, y, base, step, operands, results, count, zero, tid, threads)
    return OK


@kernel_family("s32", "s64")
def whole_einsum(
    a: T, b: T, c: T, d: T, e: T, f: T, y: T, base: S64, step: S64, operands: I64, results: I64,
    count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Multiply and add in 64 bits."""
    zero = np.int64(0)
    products(a, b, c, d, e, f, y, base, step, operands, results, count, zero, tid, threads)
    return OK


KERNELS: dict[str, Kernel] = {**real_einsum, **whole_einsum}


def offsets(
    names: Sequence[int], shape: Sequence[int], over: Sequence[int], sizes: dict[int, int]
) -> Array:
    """Return where the elements of a tensor lie for all choices of the indices named in `over`, in row-major order.

    >>> offsets([1, 2], (2, 3), [2, 5], {1: 2, 2: 3, 5: 2}).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    table = np.zeros([sizes[n] for n in over], np.int64)
    for axis, (name, n) in enumerate(zip(names, shape, strict=True)):
        if name in over and n > 1:
            steps = np.arange(n, dtype=np.int64) * math.prod(shape[axis + 1 :])
            place = over.index(name)
            table += steps.reshape([-1 if i == place else 1 for i in range(len(over))])
    return table.ravel()


@lowers(*((einsum, form) for form in KERNELS))
def lower_einsum(site: Site) -> list[Step]:
    """Lower to one loop over results, and one over what is summed."""
    y, xs = site.outputs[0], [x for x in site.inputs if x is not None]
    shapes = [x.type.shape for x in xs]
    named, out = parse_equation(site.attributes["equation"], [len(s) for s in shapes])
    sizes = sizes_of(named, shapes)
    summed = [n for n in sizes if n not in out]
    tables = [
        np.concatenate([offsets(n, s, over, sizes) for n, s in zip(named, shapes, strict=True)])
        for over in (list(out), summed)
    ]
    count = math.prod(sizes[n] for n in summed)
    places = [*xs, *[xs[0]] * (MOST - len(xs))]
    numbers = (len(xs), y.type.size, count)
    return [Step(KERNELS[y.type.format], (*places, y, *map(site.constant, tables), *numbers))]


@inlined
def eliminate(m, o, n):  # type: ignore[no-untyped-def]
    """Return the determinant of the matrix at `o`, which is overwritten; the largest of each column is the pivot."""
    total = 1.0
    for k in range(n):
        pivot, row = k, o + k * n
        for i in range(k + 1, n):
            if abs(m[o + i * n + k]) > abs(m[o + pivot * n + k]):
                pivot = i
        if pivot != k:
            other = o + pivot * n
            for j in range(k, n):
                kept = m[row + j]
                m[row + j] = m[other + j]
                m[other + j] = kept
            total = -total
        head = m[row + k]
        total *= head
        if head == 0:
            break
        for i in range(k + 1, n):
            below = o + i * n
            factor = m[below + k] / head
            for j in range(k + 1, n):
                m[below + j] -= factor * m[row + j]
    return total


@kernel
def f32_det(x: F32, y: F32, room: F64P, count: I64, n: I64, tid: I64, threads: I64) -> I64:
    """Copy each matrix to the room of this thread, and eliminate there."""
    start, stop = share(count, tid, threads)
    mine = tid * n * n
    for i in range(start, stop):
        for k in range(n * n):
            room[mine + k] = x[i * n * n + k]
        y[i] = np.float32(eliminate(room, mine, n))
    return OK


@lowers((det, "f32"))
def lower_det(site: Site) -> list[Step]:
    """Every thread has room for one matrix."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    n = x.type.shape[-1]
    room = site.scratch(max(8 * n * n * site.threads, 8))
    return [Step(f32_det, (x, y, room, y.type.size, n))]
