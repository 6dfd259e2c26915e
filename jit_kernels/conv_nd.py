"""Convolutions over any number of axes, and their transposes: one loop, in which the output gathers what reaches it."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ..ir import Array
from ..refimpl.conv_nd import conv
from .conv_folded import folds, lower_folded
from .kernel import F32, I64, OK, S64, kernel, share
from .lowering import CPU, Lowering, Operand, Site, Step
from .strided import operand
from .windows import each, geometry, meet


@kernel
def f32_conv_nd(
    x: F32, w: F32, b: F32, y: F32, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64,
    places: I64, groups: I64, depth: I64, outputs: I64, wg: I64, wt: I64, wd: I64, wo: I64, biased: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Outputs of a group lie side by side: for each element of `x` that a window meets they take a product each.

    wg, wt, wd, wo are the distances in `w` of groups, taps, elements and outputs.
    """
    start, stop = share(images * windows, tid, threads)
    for row in range(start, stop):
        image = row // windows
        to = row * groups * outputs
        for o in range(groups * outputs):
            y[to + o] = b[o] if biased else np.float32(0)
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at < 0:
                continue
            source = (image * places + at) * groups * depth
            for k in range(groups):
                for d in range(depth):
                    value, of = x[source + k * depth + d], k * wg + tap * wt + d * wd
                    for o in range(outputs):
                        y[to + k * outputs + o] += value * w[of + o * wo]
    return OK


@kernel
def f32_conv_channels(
    x: F32, w: F32, b: F32, y: F32, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64,
    places: I64, channels: I64, biased: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Each channel by itself, with a filter of its own: a row of `w` has the numbers of all channels at one tap."""
    start, stop = share(images * windows, tid, threads)
    for row in range(start, stop):
        image = row // windows
        to = row * channels
        for c in range(channels):
            y[to + c] = b[c] if biased else np.float32(0)
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at < 0:
                continue
            source, of = (image * places + at) * channels, tap * channels
            for c in range(channels):
                y[to + c] += x[source + c] * w[of + c]
    return OK


def channels_last(w: Array) -> Array:
    """Return filters (C, *K, 1) as (taps, C).

    >>> channels_last(np.ones((6, 2, 3, 1), "f")).shape
    (6, 6)
    """
    return np.ascontiguousarray(w.reshape(w.shape[0], -1).T)


def outputs_last(w: Array, groups: int) -> Array:
    """Return filters (O, *K, D) as (groups, taps, D, O / groups).

    >>> outputs_last(np.ones((6, 2, 3, 4), "f"), 2).shape
    (2, 6, 4, 3)
    """
    o, d = w.shape[0], w.shape[-1]
    by_group = w.reshape(groups, o // groups, -1, d)
    return np.ascontiguousarray(by_group.transpose(0, 2, 3, 1))


def _steps(site: Site, b: Operand | None, g: Array, shifts: Array) -> list[Step]:
    x, w, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    o, d, taps = w.type.shape[0], w.type.shape[-1], math.prod(w.type.shape[1:-1])
    groups = x.type.shape[-1] // d
    each_group = o // groups
    windows, places = math.prod(y.type.shape[1:-1]), math.prod(x.type.shape[1:-1])
    counts, tables = (len(g) // 4, taps, x.type.shape[0], windows, places), (g, shifts)
    if y.type.size == 0:
        return []
    if d == each_group == 1 and w.value is not None:
        rows = site.packed(channels_last, w.value)
        kept = map(site.constant, tables)
        return [Step(f32_conv_channels, (x, rows, b, y, *kept, *counts, o, int(b is not None)))]
    strides: tuple[int, ...] = (each_group * taps * d, d, 1, taps * d)
    if w.value is not None:
        w = site.packed(outputs_last, w.value, groups)
        strides = (taps * d * each_group, d * each_group, each_group, 1)
    sizes = (*counts, groups, d, each_group, *strides, int(b is not None))
    return [Step(f32_conv_nd, (x, w, b, y, *map(site.constant, tables), *sizes))]


def all_places(kernel: tuple[int, ...], factor: tuple[int, ...], base: tuple[int, ...]) -> Array:
    """Return what each place of a window adds to an element's, axis by axis."""
    lines = [[k * f + c for k in range(n)] for n, f, c in zip(kernel, factor, base, strict=True)]
    return np.array(list(itertools.product(*lines)), np.int64).reshape(-1)


def window(site: Site) -> tuple[tuple[int, ...], ...]:
    """Return size of x, kernel, size of y, stride, dilation and padding before."""
    x, w, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    n = len(x.type.shape) - 2
    stride, dilation = (
        each(site.attributes.get(name, ()), n, 1) for name in ("stride", "dilation")
    )
    before = each(site.attributes["pad"], 2 * n, 0)[::2]
    return x.type.shape[1:-1], w.type.shape[1:-1], y.type.shape[1:-1], stride, dilation, before


def lower_conv(site: Site) -> list[Step]:
    """Window i meets place i s + k e - before."""
    size, kernel, counts, stride, dilation, before = window(site)
    shifts = all_places(kernel, dilation, tuple(-b for b in before))
    b = site.inputs[2] if len(site.inputs) > 2 else None
    return _steps(site, b, geometry(counts, stride, (1,) * len(size), size), shifts)


def transposed_windows(site: Site) -> tuple[Array, Array]:
    """Return the tables of `meet`: place j of y meets the element (j + before - k e) / s, where s divides that."""
    size, kernel, counts, stride, dilation, before = window(site)
    shifts = all_places(kernel, tuple(-d for d in dilation), before)
    return geometry(counts, (1,) * len(size), stride, size), shifts


def lower_conv_transpose(site: Site) -> list[Step]:
    """Windows over what is spread by the stride."""
    b = site.inputs[3] if len(site.inputs) > 3 else None
    return _steps(site, b, *transposed_windows(site))


CPU.of((conv, "f32"))((Lowering(lower_folded, folds), Lowering(lower_conv)))
