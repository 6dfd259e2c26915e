"""Resizing images. Places in the source are found when the plan is made, as the reference finds them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import ANY
from ..quant.resize import bilinear_axis_10
from ..refimpl.resize import bilinear_axis, nearest_axis, resize_bilinear, resize_nearest_neighbor
from .gather import move
from .kernel import F32, I64, OK, S64, U8, Kernel, T, inlined, kernel, kernel_family, share
from .lowering import CPU, Lowering, Operand, Site, Step, lowers
from .resize_tiles import f32_resize_tiles, many_channels, s8_resize_tiles, u8_resize_tiles
from .strided import operand


@inlined
def row_of(places, row, rows, h, w, c):  # type: ignore[no-untyped-def]
    """Return where the source row of target row (image, i) starts."""
    return (row // rows * h + places[row % rows]) * w * c


@inlined
def bilinear_mean(x, r0, r1, c0, c1, f, g, k):  # type: ignore[no-untyped-def]
    """Return the float32 mean of four elements, term by term in the order of TFLite."""
    one = np.float32(1)
    y = np.float32(x[r0 + c0 + k]) * (one - f) * (one - g)
    y += np.float32(x[r1 + c0 + k]) * f * (one - g)
    y += np.float32(x[r0 + c1 + k]) * (one - f) * g
    y += np.float32(x[r1 + c1 + k]) * f * g
    return y


@kernel
def f32_resize_bilinear(
    x: F32, y: F32, top: S64, bottom: S64, f: F32, left: S64, right: S64, g: F32,
    n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Resize float32 images, a row at a time."""
    start, stop = share(n * rows, tid, threads)
    for row in range(start, stop):
        r0, r1 = row_of(top, row, rows, h, w, c), row_of(bottom, row, rows, h, w, c)
        for j in range(columns):
            to, weight = (row * columns + j) * c, f[row % rows]
            for k in range(c):
                y[to + k] = bilinear_mean(x, r0, r1, left[j] * c, right[j] * c, weight, g[j], k)
    return OK


@kernel
def u8_resize_bilinear(
    x: U8, y: U8, top: S64, bottom: S64, f: F32, left: S64, right: S64, g: F32,
    n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Resize u8 images in float32, a row at a time."""
    start, stop = share(n * rows, tid, threads)
    for row in range(start, stop):
        r0, r1 = row_of(top, row, rows, h, w, c), row_of(bottom, row, rows, h, w, c)
        for j in range(columns):
            to, weight = (row * columns + j) * c, f[row % rows]
            for k in range(c):
                mean = bilinear_mean(x, r0, r1, left[j] * c, right[j] * c, weight, g[j], k)
                y[to + k] = np.uint8(mean + np.float32(0.5))
    return OK


@kernel_family("s8", "s16")
def whole_resize_bilinear(
    x: T, y: T, top: S64, bottom: S64, f: S64, left: S64, right: S64, g: S64,
    n: I64, h: I64, w: I64, c: I64, rows: I64, columns: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Resize integer images with weights in 1/1024, a row at a time."""
    start, stop = share(n * rows, tid, threads)
    for row in range(start, stop):
        r0, r1 = row_of(top, row, rows, h, w, c), row_of(bottom, row, rows, h, w, c)
        p = f[row % rows]
        for j in range(columns):
            c0, c1, q, to = left[j] * c, right[j] * c, g[j], (row * columns + j) * c
            for k in range(c):
                total = np.int64(x[r0 + c0 + k]) * (1024 - p) * (1024 - q)
                total += np.int64(x[r1 + c0 + k]) * p * (1024 - q)
                total += np.int64(x[r0 + c1 + k]) * (1024 - p) * q
                total += np.int64(x[r1 + c1 + k]) * p * q
                mean = (abs(total) + (1 << 19)) >> 20
                y[to + k] = mean if total > 0 else -mean
    return OK


BILINEAR: dict[str, Any] = {
    "f32": (f32_resize_bilinear, bilinear_axis),
    "u8": (u8_resize_bilinear, bilinear_axis),
    "s8": (whole_resize_bilinear["s8"], bilinear_axis_10),
    "s16": (whole_resize_bilinear["s16"], bilinear_axis_10),
}


TILES: dict[str, Kernel] = {
    "f32": f32_resize_tiles,
    "u8": u8_resize_tiles,
    "s8": s8_resize_tiles,
}


def _bilinear(site: Site, run: Kernel, places: Any, scratch: int) -> list[Step]:
    """Tables of places and weights for rows and columns."""
    x, y = operand(site.inputs[0]), site.outputs[0]
    (n, h, w, c), (_, rows, columns, _) = x.type.shape, y.type.shape
    if y.type.size == 0:
        return []
    modes = site.attributes["align_corners"], site.attributes["half_pixel_centers"]
    tables: list[Operand] = []
    for source, target in ((h, rows), (w, columns)):
        tables += [site.constant(table) for table in places(source, target, *modes)]
    room = (site.scratch(scratch),) if scratch else ()
    return [Step(run, (x, y, *tables, *room, n, h, w, c, rows, columns))]


def lower_resize_bilinear(site: Site) -> list[Step]:
    """An element at a time."""
    run, places = BILINEAR[operand(site.inputs[0]).type.format]
    return _bilinear(site, run, places, 0)


def lower_resize_tiles(site: Site) -> list[Step]:
    """Two rows of the source, weighed, or their sum, for each thread."""
    x = operand(site.inputs[0]).type
    _, _, w, c = x.shape
    places = BILINEAR[x.format][1]
    return _bilinear(site, TILES[x.format], places, site.threads * 8 * w * c)


_plain = Lowering(lower_resize_bilinear)
CPU.of((resize_bilinear, "s16"))((_plain,))
CPU.of((resize_bilinear, "f32"), (resize_bilinear, "u8"), (resize_bilinear, "s8"))(
    (Lowering(lower_resize_tiles, many_channels), _plain)
)


@kernel
def u8_resize_nearest(
    x: U8, y: U8, up: S64, across: S64, n: I64, h: I64, w: I64, run: I64, rows: I64, columns: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Copy pixels of `run` bytes, a row of the result at a time."""
    start, stop = share(n * rows, tid, threads)
    for row in range(start, stop):
        source = row_of(up, row, rows, h, w, run)
        for j in range(columns):
            move(x, source + across[j] * run, y, (row * columns + j) * run, run)
    return OK


@lowers(*((resize_nearest_neighbor, fmt) for fmt in ANY))
def lower_resize_nearest_neighbor(site: Site) -> list[Step]:
    """Tables of places for rows and columns."""
    x, y = operand(site.inputs[0]), site.outputs[0]
    (n, h, w, c), (_, rows, columns, _) = x.type.shape, y.type.shape
    if y.type.size == 0:
        return []
    modes = site.attributes["align_corners"], site.attributes["half_pixel_centers"]
    up = site.constant(nearest_axis(h, rows, *modes))
    across = site.constant(nearest_axis(w, columns, *modes))
    run = c * x.type.dtype.itemsize
    return [Step(u8_resize_nearest, (x, y, up, across, n, h, w, run, rows, columns))]
