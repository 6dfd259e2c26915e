"""Products of bytes less their zero points: plain loops, whose inner one runs over outputs that lie side by side."""

from __future__ import annotations

import math

import numpy as np

from ..ir import Array
from ..refimpl.integer_products import BYTES, conv_integer, matmul_integer
from .conv_nd import all_places, outputs_last, window
from .convert import converted
from .integer_products_dot4 import CONV_DOT4, MATMUL_DOT4
from .kernel import I64, OK, S32, S64, R, T, kernel_family, share
from .lowering import CPU, Lowering, Operand, Site, Step
from .matmul import matrix_places
from .strided import operand
from .windows import geometry, meet

PAIRS = (("s8", "s8"), ("s8", "u8"), ("u8", "s8"), ("u8", "u8"))


@kernel_family(*PAIRS)
def multiply_bytes(
    x: T, w: R, xz: S32, wz: S32, y: S32, places: S64, batches: I64, m: I64, k: I64, n: I64, xzb: I64, xzm: I64,
    wzb: I64, wzn: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """A row of the result at a time; xzb .. wzn are the distances of zero points for matrices, rows and columns."""
    start, stop = share(batches * m, tid, threads)
    for item in range(start, stop):
        batch = item // m
        row = item - batch * m
        left, right = places[2 * batch], places[2 * batch + 1]
        zero, zeros = xz[left * xzb + row * xzm], right * wzb
        to, source, other = item * n, (left * m + row) * k, right * k * n
        for j in range(n):
            y[to + j] = 0
        for i in range(k):
            v = np.int32(x[source + i]) - zero
            at = other + i * n
            if wzn:
                for j in range(n):
                    y[to + j] += v * (np.int32(w[at + j]) - wz[zeros + j])
            else:
                z = wz[zeros]
                for j in range(n):
                    y[to + j] += v * (np.int32(w[at + j]) - z)
    return OK


def _zero_points(site: Site, position: int) -> tuple[list[Step], Operand]:
    """Return zero points as int32; where there are none, a zero."""
    zero = site.inputs[position] if len(site.inputs) > position else None
    if zero is None:
        return [], site.constant(np.zeros((), np.int32))
    return converted(site, zero, "s32")


def lower_matmul_integer(site: Site) -> list[Step]:
    """Zero points are found by the place of their matrix, their row or their column."""
    x, w, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    before, xz = _zero_points(site, 2)
    more, wz = _zero_points(site, 3)
    m, n = y.type.shape[-2:]
    k = x.type.shape[-1]
    places = site.constant(matrix_places(x.type.shape, w.type.shape, y.type.shape))
    distances = [*_distances(x, xz, m), *_distances(w, wz, n)]
    batches = math.prod(y.type.shape[:-2])
    loop = multiply_bytes[x.type.format, w.type.format]
    return [*before, *more, Step(loop, (x, w, xz, wz, y, places, batches, m, k, n, *distances))]


def _distances(matrix: Operand, zero: Operand, count: int) -> tuple[int, int]:
    """Return how far the zero points of two matrices, and of two of `count` rows or columns, are apart."""
    single = zero.type.shape == ()
    stacked = not single and len(zero.type.shape) == len(matrix.type.shape)
    return (count if stacked else 0), int(not single)


@kernel_family(*PAIRS)
def slide_bytes(
    x: T, w: R, xz: S32, wz: S32, y: S32, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64,
    places: I64, groups: I64, depth: I64, outputs: I64, wg: I64, wt: I64, wd: I64, wo: I64, wzo: I64, tid: I64,
    threads: I64,
) -> I64:  # fmt: skip
    """For each element of `x` that a window meets the outputs of its group, side by side, take a product each.

    wg, wt, wd, wo are the distances in `w` of groups, taps, elements and outputs, wzo that of zero points of outputs.
    """
    start, stop = share(images * windows, tid, threads)
    zero = xz[0]
    for row in range(start, stop):
        image = row // windows
        to = row * groups * outputs
        for o in range(groups * outputs):
            y[to + o] = 0
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at < 0:
                continue
            source = (image * places + at) * groups * depth
            for k in range(groups):
                for d in range(depth):
                    v, of = np.int32(x[source + k * depth + d]) - zero, k * wg + tap * wt + d * wd
                    first = k * outputs
                    for o in range(outputs):
                        z = wz[(first + o) * wzo]
                        y[to + first + o] += v * (np.int32(w[of + o * wo]) - z)
    return OK


@kernel_family(*PAIRS)
def slide_bytes_by_channel(
    x: T, w: R, xz: S32, wz: S32, y: S32, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64,
    places: I64, channels: I64, wzo: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The same with a filter a channel; `w` is (taps, channels)."""
    start, stop = share(images * windows, tid, threads)
    zero = xz[0]
    for row in range(start, stop):
        image = row // windows
        to = row * channels
        for c in range(channels):
            y[to + c] = 0
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at < 0:
                continue
            source, of = (image * places + at) * channels, tap * channels
            if wzo:
                for c in range(channels):
                    y[to + c] += (np.int32(x[source + c]) - zero) * (np.int32(w[of + c]) - wz[c])
            else:
                z = wz[0]
                for c in range(channels):
                    y[to + c] += (np.int32(x[source + c]) - zero) * (np.int32(w[of + c]) - z)
    return OK


def channels_last(w: Array) -> Array:
    """Return filters (C, *K, 1) as (taps, C)."""
    return np.ascontiguousarray(w.reshape(len(w), -1).T)


def lower_conv_integer(site: Site) -> list[Step]:
    """Window i meets place i s + k e - before; constant filters are turned so that outputs lie side by side."""
    x, w, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    size, kernel, counts, stride, dilation, before = window(site)
    steps, xz = _zero_points(site, 2)
    more, wz = _zero_points(site, 3)
    shifts = site.constant(all_places(kernel, dilation, tuple(-b for b in before)))
    g = geometry(counts, stride, (1,) * len(size), size)
    o, d, taps = w.type.shape[0], w.type.shape[-1], math.prod(kernel)
    types = x.type.format, w.type.format
    groups = x.type.shape[-1] // d
    numbers: tuple[int, ...] = (len(size), taps, x.type.shape[0], math.prod(counts))
    numbers = (*numbers, math.prod(size))
    places: tuple[Operand, ...] = (xz, wz, y, site.constant(g), shifts)
    apart = int(wz.type.shape != ())
    if w.value is not None and d == 1 and o == groups:
        turned = site.packed(channels_last, w.value)
        loop = slide_bytes_by_channel[types]
        return [*steps, *more, Step(loop, (x, turned, *places, *numbers, o, apart))]
    each = o // groups
    strides: tuple[int, ...] = (each * taps * d, d, 1, taps * d)
    if w.value is not None:
        w = site.packed(outputs_last, w.value, groups)
        strides = (taps * d * each, d * each, each, 1)
    numbers = (*numbers, groups, d, each, *strides, apart)
    return [*steps, *more, Step(slide_bytes[types], (x, w, *places, *numbers))]


for _op, _ways in (
    (matmul_integer, (MATMUL_DOT4, Lowering(lower_matmul_integer))),
    (conv_integer, (CONV_DOT4, Lowering(lower_conv_integer))),
):
    CPU.of(*((_op, form) for form in BYTES))(_ways)
