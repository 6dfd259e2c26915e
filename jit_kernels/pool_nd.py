"""Pooling over any number of axes: place by place of a window, all channels of it."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.pool_nd import avg_pool, lp_pool, max_pool, places_met
from .kernel import F32, F64P, I64, OK, S64, T, inlined, kernel, kernel_family, share
from .lowering import Operand, Site, Step, lowers
from .strided import operand
from .windows import forward, meet


@kernel
def f32_avg_pool_nd(
    x: F32, y: F32, counts: F32, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64, places: I64,
    channels: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Add up, then divide by what counts in each window."""
    start, stop = share(images * windows, tid, threads)
    for row in range(start, stop):
        image, to = row // windows, row * channels
        window = row - image * windows
        for c in range(channels):
            y[to + c] = np.float32(0)
        for tap in range(taps):
            at = meet(g, shifts, axes, window, tap)
            if at >= 0:
                source = (image * places + at) * channels
                for c in range(channels):
                    y[to + c] += x[source + c]
        for c in range(channels):
            y[to + c] /= counts[window]
    return OK


@inlined
def turned(g, axes, place):  # type: ignore[no-untyped-def]
    """Return the number that a place has where the first axis runs fastest."""
    number = 0
    for a in range(axes - 1, -1, -1):
        size = g[4 * a + 3]
        number = number * size + place % size
        place = place // size
    return number


@kernel_family("f32", "s8", "u8")
def max_pool_nd(
    x: T, y: T, number: S64, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64, places: I64,
    channels: I64, column_major: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The first of the largest, and its place."""
    start, stop = share(images * windows, tid, threads)
    for row in range(start, stop):
        image, to = row // windows, row * channels
        fresh = True
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at < 0:
                continue
            source = (image * places + at) * channels
            place = turned(g, axes, at) if column_major else at
            for c in range(channels):
                new, old = x[source + c], y[to + c]
                if fresh or new > old or (new != new and old == old):
                    y[to + c] = new
                    number[to + c] = place
            fresh = False
    return OK


@inlined
def whole_power(x, p):  # type: ignore[no-untyped-def]
    """Return x to the power of a positive whole number."""
    y = 1.0
    while p > 0:
        if p & 1:
            y *= x
        x *= x
        p >>= 1
    return y


@inlined
def larger_sizes(x, source, room, most, channels):  # type: ignore[no-untyped-def]
    """Keep the largest size of each channel; a NaN stays."""
    for c in range(channels):
        size = abs(np.float64(x[source + c]))
        if size > room[most + c] or size != size:
            room[most + c] = size


@inlined
def more_powers(x, source, room, most, total, channels, p):  # type: ignore[no-untyped-def]
    """Add the powers of one place, in units of the largest."""
    for c in range(channels):
        size = abs(np.float64(x[source + c])) / room[most + c]
        room[total + c] += whole_power(size, p)


@kernel
def f32_lp_pool_nd(
    x: F32, y: F32, room: F64P, g: S64, shifts: S64, axes: I64, taps: I64, images: I64, windows: I64, places: I64,
    channels: I64, p: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """In float64, scaled by the largest of a window. `room` has two numbers a channel for each thread."""
    start, stop = share(images * windows, tid, threads)
    most, total = tid * 2 * channels, (tid * 2 + 1) * channels
    for row in range(start, stop):
        image = row // windows
        for c in range(2 * channels):
            room[most + c] = 0.0
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at >= 0:
                larger_sizes(x, (image * places + at) * channels, room, most, channels)
        for c in range(channels):
            if not 0 < room[most + c] < np.inf:
                room[most + c] = 1.0
        for tap in range(taps):
            at = meet(g, shifts, axes, row - image * windows, tap)
            if at >= 0:
                more_powers(x, (image * places + at) * channels, room, most, total, channels, p)
        for c in range(channels):
            root = math.pow(room[total + c], 1.0 / p)
            y[row * channels + c] = np.float32(root * room[most + c])
    return OK


def _sizes(site: Site) -> tuple[Operand | int, ...]:
    """Return the arguments that say where windows are; none where there is nothing to do."""
    x, y = operand(site.inputs[0]).type.shape, site.outputs[0].type
    if y.size == 0:
        return ()
    g, shifts, axes, taps = forward(site, site.attributes["kernel"])
    return (g, shifts, axes, taps, x[0], math.prod(y.shape[1:-1]), math.prod(x[1:-1]), x[-1])


@lowers((avg_pool, "f32"))
def lower_avg_pool(site: Site) -> list[Step]:
    """The numbers that count are found when the plan is made."""
    x, y, a = operand(site.inputs[0]), site.outputs[0], site.attributes
    window = (a["kernel"], a["stride"], a["pad"], a["dilation"], a["ceil"])
    sizes = _sizes(site)
    if not sizes:
        return []
    like = np.broadcast_to(np.float32(0), x.type.shape)
    counts = places_met(like, *window, a["include_pad"]).astype(np.float32)
    return [Step(f32_avg_pool_nd, (x, y, site.constant(counts.reshape(-1)), *sizes))]


@lowers((max_pool, "f32"), (max_pool, "s8"), (max_pool, "u8"))
def lower_max_pool(site: Site) -> list[Step]:
    """One step."""
    x, (y, number) = operand(site.inputs[0]), site.outputs
    sizes = _sizes(site)
    arguments = (x, y, number, *sizes, int(site.attributes["column_major"]))
    return [Step(max_pool_nd[x.type.format], arguments)] if sizes else []


@lowers((lp_pool, "f32"))
def lower_lp_pool(site: Site) -> list[Step]:
    """Room for the sums."""
    x, y, sizes = operand(site.inputs[0]), site.outputs[0], _sizes(site)
    room = site.scratch(site.threads * 16 * x.type.shape[-1])
    return [Step(f32_lp_pool_nd, (x, y, room, *sizes, site.attributes["p"]))] if sizes else []
