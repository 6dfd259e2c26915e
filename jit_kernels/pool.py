"""Pooling: for each place of a window a row of channels is added or compared, so that channels are the vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..quant.activation import activation_range
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.pool import avg_pool2d, max_pool2d
from .kernel import F32, F64, I64, OK, S8, S32, U8, Kernel, inlined, kernel, share
from .lowering import Site, Step, lowers


@inlined
def extent(position, kernel, size):  # type: ignore[no-untyped-def]
    """Return the (first, last + 1) elements of a window that starts at `position`, cut to [0, size)."""
    return max(position, 0), min(position + kernel, size)


@inlined
def rounded_mean(total, count):  # type: ignore[no-untyped-def]
    """Divide int32 numbers, halves away from zero: their float64 quotient never rounds up to a whole number."""
    whole = np.int32((abs(total) + (count >> 1)) / count)
    return whole if total >= 0 else -whole


@kernel
def f32_avg_pool(
    x: F32, y: F32, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Average float32 windows; the sums are gathered in `y` itself."""
    least, most = np.float32(low), np.float32(high)
    start, stop = share(n * rows, tid, threads)
    for row in range(start, stop):
        image, first = row // rows * h, row % rows * s - top
        u0, u1 = extent(first, p, h)
        for j in range(columns):
            v0, v1 = extent(j * t - left, q, w)
            to = (row * columns + j) * c
            for k in range(c):
                y[to + k] = np.float32(0)
            for u in range(u0, u1):
                for v in range(v0, v1):
                    at = ((image + u) * w + v) * c
                    for k in range(c):
                        y[to + k] += x[at + k]
            count = np.float32((u1 - u0) * (v1 - v0))
            for k in range(c):
                mean = y[to + k] / count
                mean = least if mean < least else mean
                y[to + k] = most if mean > most else mean
    return OK


@inlined
def avg_pool(  # type: ignore[no-untyped-def]
    x, y, sums, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads
):
    """Average stored integers; `sums` holds c of them for each thread."""
    mine = tid * c
    start, stop = share(n * rows, tid, threads)
    for row in range(start, stop):
        image, first = row // rows * h, row % rows * s - top
        u0, u1 = extent(first, p, h)
        for j in range(columns):
            v0, v1 = extent(j * t - left, q, w)
            for k in range(c):
                sums[mine + k] = 0
            for u in range(u0, u1):
                for v in range(v0, v1):
                    at = ((image + u) * w + v) * c
                    for k in range(c):
                        sums[mine + k] += x[at + k]
            count = np.int32((u1 - u0) * (v1 - v0))
            to = (row * columns + j) * c
            for k in range(c):
                y[to + k] = min(max(rounded_mean(sums[mine + k], count), low), high)


@kernel
def s8_avg_pool(
    x: S8, y: S8, sums: S32, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Average int8 windows."""
    avg_pool(
        x, y, sums, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads
    )  # fmt: skip
    return OK


@kernel
def u8_avg_pool(
    x: U8, y: U8, sums: S32, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Average uint8 windows."""
    avg_pool(
        x, y, sums, n, h, w, c, rows, columns, p, q, s, t, top, left, low, high, tid, threads
    )  # fmt: skip
    return OK


@inlined
def max_pool(  # type: ignore[no-untyped-def]
    x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, least, most, tid, threads
):
    """Take the largest of each window, clamped to [least, most], both of the elements' type; a NaN stays."""
    start, stop = share(n * rows, tid, threads)
    for row in range(start, stop):
        image, first = row // rows * h, row % rows * s - top
        u0, u1 = extent(first, p, h)
        for j in range(columns):
            v0, v1 = extent(j * t - left, q, w)
            to = (row * columns + j) * c
            begin = ((image + u0) * w + v0) * c
            for k in range(c):
                y[to + k] = x[begin + k]
            for u in range(u0, u1):
                for v in range(v0, v1):
                    at = ((image + u) * w + v) * c
                    for k in range(c):
                        new, old = x[at + k], y[to + k]
                        y[to + k] = new if (new > old) | (new != new) else old
            for k in range(c):
                largest = y[to + k]
                largest = least if largest < least else largest
                y[to + k] = most if largest > most else largest


@kernel
def f32_max_pool(
    x: F32, y: F32, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest of float32 windows."""
    least, most = np.float32(low), np.float32(high)
    max_pool(
        x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, least, most, tid, threads
    )  # fmt: skip
    return OK


@kernel
def s8_max_pool(
    x: S8, y: S8, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest of int8 windows."""
    least, most = np.int8(low), np.int8(high)
    max_pool(
        x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, least, most, tid, threads
    )  # fmt: skip
    return OK


@kernel
def u8_max_pool(
    x: U8, y: U8, n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64,
    p: I64, q: I64, s: I64, t: I64, top: I64, left: I64, low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Largest of uint8 windows."""
    least, most = np.uint8(low), np.uint8(high)
    max_pool(
        x, y, n, h, w, c, rows, columns, p, q, s, t, top, left, least, most, tid, threads
    )  # fmt: skip
    return OK


AVERAGE: dict[str, Kernel] = {"f32": f32_avg_pool, "s8": s8_avg_pool, "u8": u8_avg_pool}
LARGEST: dict[str, Kernel] = {"f32": f32_max_pool, "s8": s8_max_pool, "u8": u8_max_pool}


def _geometry(site: Site) -> tuple[Any, ...]:
    """Return the sizes, the window and the bounds that all these kernels take."""
    (n, h, w, c), out = site.inputs[0].type.shape, site.outputs[0].type  # type: ignore[union-attr]
    a = site.attributes
    bounds: tuple[float, float] = ACTIVATIONS[a["activation"]]
    if out.format != "f32":
        bounds = activation_range(out, a["activation"])
    window = (*a["kernel"], *a["stride"], a["pad"][0], a["pad"][2])
    return (n, h, w, c, *out.shape[1:3], *window, *bounds)


@lowers((avg_pool2d, "f32"), (avg_pool2d, "s8"), (avg_pool2d, "u8"))
def lower_avg_pool(site: Site) -> list[Step]:
    """Integer windows need a row of sums for each thread."""
    x, y = site.inputs[0], site.outputs[0]
    sums = () if y.type.format == "f32" else (site.scratch(4 * y.type.shape[3] * site.threads),)
    return [Step(AVERAGE[y.type.format], (x, y, *sums, *_geometry(site)))]


@lowers((max_pool2d, "f32"), (max_pool2d, "s8"), (max_pool2d, "u8"))
def lower_max_pool(site: Site) -> list[Step]:
    """One step."""
    x, y = site.inputs[0], site.outputs[0]
    return [Step(LARGEST[y.type.format], (x, y, *_geometry(site)))]
