"""Hybrid convolutions and fully connected layers by products of bytes: sums of a block of rows, scaled to float32.

A block's sums go to scratch memory first, units of columns side by side, and are scaled from there while they are in
the first-level cache. Zero points are known when the plan runs; so the table has the sums of the filters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..ir import Array
from .conv import limits, shifted
from .conv_amx import AMX, AMX_WAY
from .conv_dot4 import CHUNK, DOT4_WAY, SPARE, STRIP, Way, in_rows
from .dynamic_range import quantize_steps
from .gemm_amx import SIDE, configure, release
from .gemm_amx import sums_block as amx_block
from .gemm_dot4 import TALL, pack_quads, sums_block, tall_for
from .kernel import F64, I64, OK, S32, S64, Inlined, Kernel, inlined, kernel, kernel_for, share
from .lowering import Operand, Site, Step
from .patches import geometry
from .requant_tiles import BYTES, ROWS
from .simd import LANES, Value, Vectors, tile
from .strips import copy_strip

BIAS, SCALE, FILTERS = 1, 2, 3  # rows of a unit's table, behind where its sums start, which is 0
BLOCK = 32 << 10  # bytes of sums that are kept


@tile("scale_sums")
def scale_sums(
    v: Vectors, sums: I64, pitch: I64, table: I64, units: I64, y: I64, ldc: I64, rows: I64,
    columns: I64, zero: I64, scale: I64, step: I64, first: I64, low: F64, high: F64,
) -> None:  # fmt: skip
    """Y = clamp((sums - zero filters) (scales) + bias), of rows that lie `pitch` and `ldc` bytes apart.

    A row's scale is `step` bytes behind the one before it. If `first` is 1 it is multiplied by the filters' before
    the sums are.
    """
    ends = [v.splat(v.narrow(x, "f32")) for x in (low, high)]
    offset = v.splat(v.scalar("s32", zero))
    both = v.splat(v.b.icmp_signed("!=", first, v.const(0)))
    one = v.full("f32", 1.0)

    def unit(u: Value) -> list[Value]:
        mine, across = v.pointer(table, v.mul(u, BYTES)), v.mul(u, 4 * LANES)
        bias, factor = (v.load("f32", mine, 4 * v.lanes * i) for i in (BIAS, SCALE))
        moved = v.b.mul(v.load("s32", mine, 4 * v.lanes * FILTERS), offset)
        left = v.b.sub(columns, v.mul(u, LANES))
        whole = v.b.icmp_signed(">=", left, v.const(LANES))

        def row(i: Value) -> list[Value]:
            x = v.load("s32", sums, v.add(v.mul(i, pitch), across))
            own = v.repeat("f32", scale, v.mul(i, step))
            early, late = v.b.select(both, own, one), v.b.select(both, one, own)
            value = v.b.fmul(v.b.sitofp(v.b.sub(x, moved), bias.type), v.b.fmul(factor, early))
            value = v.clamp(v.b.fadd(v.b.fmul(value, late), bias), *ends)
            to = v.pointer(y, v.add(v.mul(i, ldc), across))
            with v.b.if_else(whole) as (all_of_them, some):
                with all_of_them:
                    v.store(value, to)
                with some:
                    if "avx2" in v.isa:
                        v.store_some(value, v.mask(left), to)
                    else:
                        v.store_first(left, [value], to)
            return []

        v.carry(rows, [], row)
        return []

    v.carry(units, [], unit)


def rows_of(block: Inlined) -> Inlined:
    """Return the body of a kernel for rows that lie `lda` bytes apart, `m` for each of some images."""

    @inlined
    def body(  # type: ignore[no-untyped-def]
        q, scale, zero, w, table, y, offsets, scratch, images, m, n, quads, lda, ldc, rows, room, how,
        step, product_first, low, high, tid, threads,
    ):  # fmt: skip
        units = (n + LANES - 1) // LANES
        start, stop, first, last = 0, m, 0, units
        if m >= 2 * CHUNK * threads:
            start, stop = share((m + CHUNK - 1) // CHUNK, tid, threads)
            start, stop = start * CHUNK, min(stop * CHUNK, m)
        else:
            first, last = share(units, tid, threads)
        spare = scratch + tid * room
        sums, column, padded = spare + SPARE, first * LANES * 4, units * LANES
        for image in range(images if first < last else 0):
            i = start
            while i < stop:
                count = min(rows, stop - i)
                line = image * m + i
                block(
                    q + line * lda, lda, 0, 1, count, how, offsets, 1, quads, w, first, last, table,
                    sums, padded * 4, padded, 0, 0, 0, 0, spare,
                )  # fmt: skip
                scale_sums(
                    sums + column, padded * 4, table + first * BYTES, last - first,
                    y + line * ldc + column, ldc, count, n - first * LANES, zero + 4 * image,
                    scale + 4 * image + step * i, step, product_first, low, high,
                )  # fmt: skip
                i += count

    return body


def windows_of(block: Inlined) -> Inlined:
    """Return the body of a kernel for windows: `lines` lines of the output at a time, in a strip."""

    @inlined
    def body(  # type: ignore[no-untyped-def]
        q, scale, zero, w, table, y, offsets, scratch, g, channel, n, pieces, quads, pitch, ldc, lines,
        kept, room, how, zeros, product_first, low, high, tid, threads,
    ):  # fmt: skip
        channels, sy, sx, oh, ow = g[2], g[5], g[6], g[11], g[12]
        units = (n + LANES - 1) // LANES
        start, stop, first, last = 0, g[14] * oh, 0, units
        if stop >= threads:
            start, stop = share(stop, tid, threads)
        else:
            first, last = share(units, tid, threads)
        spare = scratch + tid * room
        sums, column, padded = spare + SPARE, first * LANES * 4, units * LANES
        mine = sums + kept
        while start < stop and first < last:
            image = start // oh
            row = start - image * oh
            rows = min(lines, stop - start, oh - row)
            copy_strip(mine, pitch, q, g, image, row, rows, 0, zeros[image])
            block(
                mine + channel, sx * channels, sy * pitch, rows, ow, how, offsets, pieces, quads, w,
                first, last, table, sums, padded * 4, padded, 0, 0, 0, 0, spare,
            )  # fmt: skip
            scale_sums(
                sums + column, padded * 4, table + first * BYTES, last - first,
                y + start * ow * ldc + column, ldc, rows * ow, n - first * LANES, zero + 4 * image,
                scale + 4 * image, 0, product_first, low, high,
            )  # fmt: skip
            start += rows

    return body


rows_by_dot4, windows_by_dot4 = rows_of(sums_block), windows_of(sums_block)
rows_by_amx, windows_by_amx = rows_of(amx_block), windows_of(amx_block)


@kernel
def hybrid_rows(
    q: I64, scale: I64, zero: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64,
    images: I64, m: I64, n: I64, quads: I64, lda: I64, ldc: I64, rows: I64, room: I64, how: I64,
    step: I64, product_first: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = clamp(Q W scale + bias) for rows of each image, or with a scale for each row."""
    rows_by_dot4(
        q, scale, zero, w, table, y, offsets, scratch, images, m, n, quads, lda, ldc, rows, room, how,
        step, product_first, low, high, tid, threads,
    )  # fmt: skip
    return OK


@kernel
def hybrid_windows(
    q: I64, scale: I64, zero: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, g: S64,
    zeros: S32, channel: I64, n: I64, pieces: I64, quads: I64, pitch: I64, ldc: I64, lines: I64,
    kept: I64, room: I64, how: I64, product_first: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The same for windows over images, from channel number `channel` on; around them are their zero points."""
    windows_by_dot4(
        q, scale, zero, w, table, y, offsets, scratch, g, channel, n, pieces, quads, pitch, ldc,
        lines, kept, room, how, zeros, product_first, low, high, tid, threads,
    )  # fmt: skip
    return OK


@kernel_for(AMX)
def amx_hybrid_rows(
    config: I64, q: I64, scale: I64, zero: I64, w: I64, table: I64, y: I64, offsets: I64,
    scratch: I64, images: I64, m: I64, n: I64, quads: I64, lda: I64, ldc: I64, rows: I64, room: I64,
    how: I64, step: I64, product_first: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """As `hybrid_rows`."""
    configure(config)
    rows_by_amx(
        q, scale, zero, w, table, y, offsets, scratch, images, m, n, quads, lda, ldc, rows, room, how,
        step, product_first, low, high, tid, threads,
    )  # fmt: skip
    release()
    return OK


@kernel_for(AMX)
def amx_hybrid_windows(
    config: I64, q: I64, scale: I64, zero: I64, w: I64, table: I64, y: I64, offsets: I64,
    scratch: I64, g: S64, zeros: S32, channel: I64, n: I64, pieces: I64, quads: I64, pitch: I64,
    ldc: I64, lines: I64, kept: I64, room: I64, how: I64, product_first: I64, low: F64, high: F64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """As `hybrid_windows`."""
    configure(config)
    windows_by_amx(
        q, scale, zero, w, table, y, offsets, scratch, g, channel, n, pieces, quads, pitch, ldc,
        lines, kept, room, how, zeros, product_first, low, high, tid, threads,
    )  # fmt: skip
    release()
    return OK


class HybridWay(NamedTuple):
    """How bytes are multiplied: what there is to know of a way, its kernels, and what they are told for rows."""

    way: Way
    rows: Kernel
    windows: Kernel
    how: Callable[[int], int]


DOT4_HYBRID = HybridWay(DOT4_WAY, hybrid_rows, hybrid_windows, tall_for)
AMX_HYBRID = HybridWay(AMX_WAY, amx_hybrid_rows, amx_hybrid_windows, lambda count: 0)


def pack_hybrid(w: Array, first: int, n: int, pieces: int, quads: int) -> Array:
    """Pack filters first .. first + n - 1, cut into pieces, in whole units of columns."""
    mine = np.zeros((-(-n // LANES) * LANES, pieces, w[0].size // pieces), np.int8)
    mine[:n] = w[first : first + n].reshape(n, pieces, -1)
    return pack_quads(mine.transpose(1, 2, 0), quads)


def hybrid_table(w: Array, first: int, n: int, scales: Array, bias: Array | None) -> Array:
    """Return the table of units for `scale_sums`."""
    table = np.zeros((ROWS, -(-n // LANES) * LANES), np.int32)
    mine = slice(first, first + n)
    # Nothing is added where there is no bias, to no zero of either sign.
    own = np.full(n, -0.0, np.float32) if bias is None else bias[mine]
    table[BIAS, :n] = np.ascontiguousarray(own).view(np.int32)
    table[SCALE, :n] = np.ascontiguousarray(scales[mine]).view(np.int32)
    table[FILTERS, :n] = w[mine].reshape(n, -1).sum(axis=1, dtype=np.int32)
    return np.ascontiguousarray(table.reshape(ROWS, -1, LANES).swapaxes(0, 1))


def hybrid_scales(site: Site, channels: int) -> Array:
    """Return the scale of each filter."""
    w = site.inputs[1]
    assert w is not None and w.type.quant is not None
    return np.array(np.broadcast_to(np.array(w.type.quant.scale, np.float32), (channels,)))


def hybrid_bias(site: Site) -> Array | None:
    """Return the bias, if there is one."""
    b = site.inputs[2] if len(site.inputs) > 2 else None
    return None if b is None else b.value


class Group(NamedTuple):
    """Filters first .. first + n - 1 of a layer, in windows of some pieces."""

    first: int
    n: int
    pieces: int
    quads: int


def _places(site: Site, made: tuple[Operand, ...], group: Group) -> tuple[Any, ...]:
    """Return the first operands of the kernels: bytes, scales, zero points, weights, table, result."""
    w, y = site.inputs[1], site.outputs[0]
    assert w is not None and w.value is not None
    table = hybrid_table(
        w.value, group.first, group.n, hybrid_scales(site, len(w.value)), hybrid_bias(site)
    )
    weights = site.packed(pack_hybrid, w.value, *group)
    return (*made, weights, site.constant(table), shifted(y, group.first))


def _room(rows: int, n: int, strip: int) -> tuple[int, int]:
    """Return the bytes of sums and those of a thread's scratch."""
    sums = rows * -(-n // LANES) * LANES * 4
    return sums, -(-(SPARE + sums + strip) // 64) * 64


def _rows_of_a_block(m: int, n: int, least: int) -> int:
    """Return how many rows' sums are kept at a time."""
    return min(m, max(least, BLOCK // (4 * n) // least * least))


def lower_rows(
    site: Site, how: HybridWay, groups: list[Group], sizes: tuple[int, int, int], centred: bool
) -> list[Step]:
    """Rows of a matrix: `sizes` are images, rows of each, and bytes of a row. Without images each row has a scale."""
    images, m, lda = sizes
    own = images == 0
    quantize, made = quantize_steps(site, m if own else images, centred, how.way.slack(lda))
    n = groups[0].n
    block = _rows_of_a_block(m, n, 2 * SIDE if how is AMX_HYBRID else TALL)
    _, room = _room(block, n, 0)
    scratch = site.scratch(site.threads * room)
    end = (4 * own, centred, *limits(site.attributes["activation"]))
    steps = []
    for group in groups:
        q, *rest = _places(site, made, group)
        places = (shifted(q, group.first // n * lda // len(groups)), *rest)
        where = (site.constant(np.zeros(1, np.int64)), scratch)
        counts = (max(images, 1), m, n, group.quads, lda, 4 * n * len(groups), block, room)
        extra = how.way.extra(site, group.quads, 0)
        steps.append(Step(how.rows, (*extra, *places, *where, *counts, how.how(m), *end)))
    return [*quantize, *steps]


def lower_windows(site: Site, how: HybridWay, centred: bool) -> list[Step]:
    """Windows of images, read in strips of the padded image."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    (sy, sx), (dy, dx) = site.attributes["stride"], site.attributes["dilation"]
    oh, ow = y.type.shape[1:3]
    groups, way = c // d, how.way
    n = o // groups
    pitch = ((ow - 1) * sx + (q - 1) * dx + 1) * c
    joined = dx == 1 and groups == 1  # a line of a window is one piece
    pieces, quads = (p, way.quads(q * c)) if joined else (p * q, way.quads(d))
    columns = np.zeros(1, np.int64) if joined else np.arange(q) * dx * c
    offsets = (np.arange(p)[:, None] * dy * pitch + columns).astype(np.int64).reshape(-1)
    span = (p - 1) * dy + 1
    lines = min(oh, max(1, (STRIP // pitch - span) // sy + 1), max(1, BLOCK // (4 * n * ow)))
    strip = ((lines - 1) * sy + span) * pitch + way.slack(sx * c)
    kept, room = _room(lines * ow, n, strip)
    quantize, made = quantize_steps(site, x.type.shape[0], centred)
    g = site.constant(geometry(x.type.shape, (p, q), y.type.shape, site.attributes, d))
    where = (site.constant(offsets), site.scratch(site.threads * room), g, made[2])
    end = (how.how(ow), centred, *limits(site.attributes["activation"]))
    extra = way.extra(site, quads, 0)
    steps = []
    for group in range(groups):
        places = _places(site, made, Group(group * n, n, pieces, quads))
        sizes = (group * d, n, pieces, quads, pitch, 4 * o, lines, kept, room)
        steps.append(Step(how.windows, (*extra, *places, *where, *sizes, *end)))
    return [*quantize, *steps]


def lower_hybrid_conv2d(site: Site, how: HybridWay, centred: bool) -> list[Step]:
    """Single places are rows of a matrix; windows are read in strips."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    if not in_rows(site):
        return lower_windows(site, how, centred)
    (o, _, _, d), c = w.type.shape, x.type.shape[3]
    n, quads = o * d // c, how.way.quads(d)
    groups = [Group(first, n, 1, quads) for first in range(0, o, n)]
    return lower_rows(
        site, how, groups, (x.type.shape[0], math.prod(y.type.shape[1:3]), c), centred
    )


def lower_hybrid_fully_connected(site: Site, how: HybridWay) -> list[Step]:
    """Each row has a scale of its own."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None
    n, k = w.type.shape
    return lower_rows(site, how, [Group(0, n, 1, how.way.quads(k))], (0, x.type.size // k, k), True)
