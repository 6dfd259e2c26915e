"""Sampling at places: neighbours and weights along each axis first, then every combination of them."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.sample import FAR, MODES, PADDINGS, grid_sample
from .kernel import F32, F64, F64P, I64, OK, S64, inlined, kernel, share
from .lowering import Site, Step, lowers
from .strided import operand

MOST = 4  # neighbours along an axis


@inlined
def reflected(at, low, high):  # type: ignore[no-untyped-def]
    """Scalar twin of `refimpl.sample.reflected`."""
    span = high - low
    if span <= 0:
        return low
    if low <= at <= high:
        return at
    beyond = low - at if at < low else at - high
    turns = math.floor(beyond / span)
    rest = beyond - turns * span
    even = turns - 2 * math.floor(turns / 2) == 0
    return low + rest if (at < low) == even else high - rest


@inlined
def rounded(x):  # type: ignore[no-untyped-def]
    """Return the nearest whole number, ties to even."""
    low = math.floor(x)
    rest = x - low
    if rest < 0.5 or (rest == 0.5 and low - 2 * math.floor(low / 2) == 0):
        return low
    return low + 1


@inlined
def place(g, size, mode, padding, align_corners, normalized, far):  # type: ignore[no-untyped-def]
    """Scalar twin of `sampled_places`; NaN where a coordinate is not finite."""
    at = g
    if normalized:
        at = (g + 1) / 2 * (size - 1) if align_corners else ((g + 1) * size - 1) / 2
    if not (-np.inf < at < np.inf):
        return np.nan
    at = min(max(at, -far), far)
    if mode == 0:
        at = rounded(at)
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    if padding == 1 and not low <= at <= high:
        at = min(max(at, 0.0), size - 1.0)
    if padding == 2:
        at = reflected(at, low, high)
    return at


@inlined
def weight_of(k, r, s, mode):  # type: ignore[no-untyped-def]
    """Scalar twin of `refimpl.resample.neighbour_weights` with -3/4: the weight of neighbour k."""
    if mode == 0:
        return 1.0
    if mode == 1:
        return r if k else s
    if k == 0:
        return -0.75 * r * s * s
    if k == 1:
        return s * (1 + r - 1.25 * r * r)
    return r * (1 + s - 1.25 * s * s) if k == 2 else -0.75 * s * r * r


@inlined
def around(at, size, mode, padding, align_corners, index, weight, to):  # type: ignore[no-untyped-def]
    """Write the neighbours of a place and their weights from `to` on."""
    count = 1 if mode == 0 else 2 * mode
    first = math.floor(at) - (1 if mode == 2 else 0)
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    for k in range(count):
        near, w = first + k, weight_of(k, at - math.floor(at), math.floor(at) + 1 - at, mode)
        if padding == 0 and (near < 0 or near > size - 1):
            w = 0.0
        if padding == 2:
            near = reflected(near, low, high)
        index[to + k] = np.int64(min(max(near, 0.0), size - 1.0))
        weight[to + k] = w


@inlined
def gathered(x, y, to, source, sizes, axes, count, index, weight, room, channels):  # type: ignore[no-untyped-def]
    """Add up all combinations of neighbours that weigh anything."""
    combinations = 1
    for _ in range(axes):
        combinations *= count
    fresh = True
    for combination in range(combinations):
        rest, at, scale, w = combination, 0, 1, 1.0
        for a in range(axes - 1, -1, -1):
            k = room + a * 4 + rest % count
            rest = rest // count
            at += index[k] * scale
            scale *= sizes[a]
            w *= weight[k]
        if w != 0:
            of, factor = source + at * channels, np.float32(w)
            for c in range(channels):
                term = factor * x[of + c]
                y[to + c] = term if fresh else y[to + c] + term
            fresh = False
    if fresh:
        for c in range(channels):
            y[to + c] = np.float32(0)


@kernel
def f32_grid_sample(
    x: F32, grid: F32, y: F32, sizes: S64, index: S64, weight: F64P, axes: I64, images: I64, outputs: I64,
    places: I64, channels: I64, mode: I64, padding: I64, align_corners: I64, normalized: I64, far: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """`index` and `weight` have room for four neighbours an axis for each thread."""
    start, stop = share(images * outputs, tid, threads)
    room, count = tid * axes * 4, 1 if mode == 0 else 2 * mode
    for row in range(start, stop):
        known = True
        for a in range(axes):
            g = np.float64(grid[row * axes + axes - 1 - a])
            at = place(g, sizes[a], mode, padding, align_corners, normalized, far)
            if at != at:
                known = False
            else:
                around(at, sizes[a], mode, padding, align_corners, index, weight, room + a * 4)
        if known:
            source = row // outputs * places * channels
            to = row * channels
            gathered(x, y, to, source, sizes, axes, count, index, weight, room, channels)
        else:
            for c in range(channels):
                y[row * channels + c] = np.float32(np.nan)
    return OK


@lowers((grid_sample, "f32"))
def lower_grid_sample(site: Site) -> list[Step]:
    """One step."""
    x, grid, y, a = (
        operand(site.inputs[0]),
        operand(site.inputs[1]),
        site.outputs[0],
        site.attributes,
    )
    if y.type.size == 0:
        return []
    size, n = x.type.shape[1:-1], len(x.type.shape) - 2
    index, weight = (site.scratch(site.threads * n * MOST * 8) for _ in range(2))
    kinds = (list(MODES).index(a["mode"]), PADDINGS.index(a["padding"]))
    shape = (n, x.type.shape[0], math.prod(grid.type.shape[1:-1]), math.prod(size))
    flags = (int(a["align_corners"]), int(a["normalized"]), FAR)
    arguments = (site.constant(np.array(size, np.int64)), index, weight, *shape)
    return [Step(f32_grid_sample, (x, grid, y, *arguments, x.type.shape[-1], *kinds, *flags))]
