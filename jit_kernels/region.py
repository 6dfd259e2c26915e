"""Pooling of regions of images; a bin at a time, all channels of it."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.region import FARTHEST, MOST_SAMPLES, roi_align, roi_pool
from .kernel import (
    F32,
    F64,
    I64,
    INDEX_OUT_OF_RANGE,
    OK,
    OUT_OF_DOMAIN,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lowering import Site, Step, lowers
from .strided import operand


@inlined
def step_and_samples(start, end, bins, sampling, half_pixel):  # type: ignore[no-untyped-def]
    """Return the length of a bin and the number of its samples, as `refimpl.region.axis_samples`."""
    length = end - start
    if not half_pixel:
        length = max(length, 1.0)
    each = length / bins
    return each, float(sampling) if sampling else max(math.ceil(each), 0.0)


@inlined
def sample(start, b, each, i, count, size):  # type: ignore[no-untyped-def]
    """Return the lower neighbour of a sample and the weight of the upper one; -1 outside."""
    at = start + b * each + (i + 0.5) * each / count
    if at < -1 or at > size:
        return -1, 0.0
    at = min(max(at, 0.0), size - 1.0)
    low = math.floor(at)
    return int(low), at - low


@inlined
def add_corner(x, source, y, to, channels, weight, largest, fresh):  # type: ignore[no-untyped-def]
    """Add an element times its weight, or keep it if it is the largest so far; a NaN is."""
    w = np.float32(weight)
    for c in range(channels):
        term = w * x[source + c] if weight != 0 else np.float32(0)
        if largest:
            old = y[to + c]
            y[to + c] = term if fresh or term > old or term != term else old
        else:
            y[to + c] += term


@inlined
def add_sample(x, image, h, w, channels, u, f, v, g, y, to, largest, fresh):  # type: ignore[no-untyped-def]
    """Take the four corners of a sample; nothing where it is outside, which counts as 0."""
    if u < 0 or v < 0:
        add_corner(x, 0, y, to, channels, 0.0, largest, fresh)
        return
    below, right = min(u + 1, h - 1), min(v + 1, w - 1)
    for corner in range(4):
        row, column = below if corner & 2 else u, right if corner & 1 else v
        weight = (f if corner & 2 else 1 - f) * (g if corner & 1 else 1 - g)
        source = ((image * h + row) * w + column) * channels
        add_corner(x, source, y, to, channels, weight, largest, fresh and corner == 0)


@inlined
def align_bin(x, image, h, w, channels, top, i, tall, m, left, j, wide, k, y, to, largest):  # type: ignore[no-untyped-def]
    """Pool m by k samples of bin (i, j)."""
    for c in range(channels):
        y[to + c] = np.float32(0)
    for a in range(m):
        u, f = sample(top, i, tall, a, float(m), h)
        for b in range(k):
            v, g = sample(left, j, wide, b, float(k), w)
            add_sample(x, image, h, w, channels, u, f, v, g, y, to, largest, a + b == 0)
    if not largest and m * k > 1:
        for c in range(channels):
            y[to + c] /= np.float32(m * k)


@kernel_family("s16", "s32", "s64")
def f32_roi_align(
    x: F32, regions: F32, image: T, y: F32, images: I64, h: I64, w: I64, channels: I64, count: I64, rows: I64,
    columns: I64, sampling: I64, scale: F64, half_pixel: I64, largest: I64, most: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """A region at a time."""
    start, stop = share(count, tid, threads)
    shift = 0.5 if half_pixel else 0.0
    for r in range(start, stop):
        n = np.int64(image[r])
        if n < 0 or n >= images:
            return INDEX_OUT_OF_RANGE
        left = np.float64(regions[4 * r]) * scale - shift
        top = np.float64(regions[4 * r + 1]) * scale - shift
        right = np.float64(regions[4 * r + 2]) * scale - shift
        bottom = np.float64(regions[4 * r + 3]) * scale - shift
        tall, m = step_and_samples(top, bottom, rows, sampling, half_pixel)
        wide, k = step_and_samples(left, right, columns, sampling, half_pixel)
        if not (abs(left) + abs(top) + abs(right) + abs(bottom) < np.inf):
            return OUT_OF_DOMAIN
        if m > most or k > most:
            return OUT_OF_DOMAIN
        for i in range(rows):
            for j in range(columns):
                to = ((r * rows + i) * columns + j) * channels
                align_bin(
                    x, n, h, w, channels, top, i, tall, int(m), left, j, wide, int(k), y, to, largest
                )  # fmt: skip
    return OK


@inlined
def whole(v, farthest):  # type: ignore[no-untyped-def]
    """Round halves away from zero."""
    v = min(max(v, -farthest), farthest)
    size = np.int64(math.floor(abs(v) + 0.5))
    return -size if v < 0 else size


@inlined
def bin_of(first, last, bins, b, size):  # type: ignore[no-untyped-def]
    """Return (first, stop) of a bin, as `refimpl.region.bin_ends`."""
    length = max(last - first + 1, 1)
    begin, end = b * length // bins + first, -(-(b + 1) * length // bins) + first
    return min(max(begin, 0), size), min(max(end, 0), size)


@inlined
def largest_of(x, base, w, channels, u0, u1, v0, v1, y, to):  # type: ignore[no-untyped-def]
    """Write the largest elements of a part of an image."""
    for c in range(channels):
        y[to + c] = np.float32(0)
    fresh = True
    for u in range(u0, u1):
        for v in range(v0, v1):
            source = base + (u * w + v) * channels
            for c in range(channels):
                new, old = x[source + c], y[to + c]
                if fresh or new > old or new != new:
                    y[to + c] = new
            fresh = False


@kernel
def f32_roi_pool(
    x: F32, regions: F32, y: F32, images: I64, h: I64, w: I64, channels: I64, count: I64, rows: I64, columns: I64,
    scale: F64, farthest: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """A region at a time."""
    start, stop = share(count, tid, threads)
    for r in range(start, stop):
        total = 0.0
        for k in range(5):
            total += abs(np.float64(regions[5 * r + k]))
        if not total < np.inf:
            return OUT_OF_DOMAIN
        n = np.float64(regions[5 * r])
        if n <= -1 or n >= images:
            return INDEX_OUT_OF_RANGE
        left = whole(np.float64(regions[5 * r + 1]) * scale, farthest)
        top = whole(np.float64(regions[5 * r + 2]) * scale, farthest)
        right = whole(np.float64(regions[5 * r + 3]) * scale, farthest)
        bottom = whole(np.float64(regions[5 * r + 4]) * scale, farthest)
        base = int(n) * h * w * channels
        for i in range(rows):
            u0, u1 = bin_of(top, bottom, rows, i, h)
            for j in range(columns):
                v0, v1 = bin_of(left, right, columns, j, w)
                to = ((r * rows + i) * columns + j) * channels
                largest_of(x, base, w, channels, u0, u1, v0, v1, y, to)
    return OK


@lowers((roi_align, "f32"))
def lower_roi_align(site: Site) -> list[Step]:
    """One step."""
    (x, regions, image), y, a = map(operand, site.inputs), site.outputs[0], site.attributes
    if regions.type.shape[0] == 0:
        return []
    sizes = (*x.type.shape, regions.type.shape[0], *a["size"], a["sampling"])
    rest = (a["scale"], int(a["half_pixel"]), int(a["mode"] == "max"), MOST_SAMPLES)
    return [Step(f32_roi_align[image.type.format], (x, regions, image, y, *sizes, *rest))]


@lowers((roi_pool, "f32"))
def lower_roi_pool(site: Site) -> list[Step]:
    """One step."""
    (x, regions), y, a = map(operand, site.inputs), site.outputs[0], site.attributes
    if regions.type.shape[0] == 0:
        return []
    sizes = (*x.type.shape, regions.type.shape[0], *a["size"])
    return [Step(f32_roi_pool, (x, regions, y, *sizes, a["scale"], float(FARTHEST)))]
