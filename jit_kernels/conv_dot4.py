"""Convolution on int8 and uint8 tensors by products of bytes, of four or of a tile: kernels and lowering.

It takes weights that fit into int8, known when the plan is made, and sums that `requant_tiles` allows. Zero points
are in the bias. Where bytes of activations are not fit to be multiplied where they are, they are copied to a strip.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..ir import Array, TensorType
from .conv import FAR, shifted
from .conv_int8 import byte_code, ending, fixed_channels, quants
from .gemm_dot4 import bounded_block, pack_quads, tall_for, unit_starts
from .isa import HOST
from .kernel import I64, OK, S64, Inlined, Kernel, inlined, kernel, share
from .lowering import Operand, Site, Step
from .patches import geometry
from .requant_tiles import bounded_table, by_units
from .simd import LANES
from .simd_int import signed_bytes
from .strips import SLACK, copy_strip, flip_bytes

# The instruction of this machine; without one, products of int16 are faster.
_KNOWN = ("avx512vnni", "avxvnni", "i8mm", "dotprod")
DOT4 = frozenset([*(f for f in _KNOWN if f in HOST), "avx512vnni"][:1])
CHUNK = 32  # rows that threads share out
REST = 16  # rows: a block takes so few more, and is never smaller where there are as many
SPARE = 8 << 10  # bytes that a product of a block of rows has for itself
STRIP = 24 << 10  # bytes of a strip that shall stay in the first-level cache


def product_of_rows(block: Inlined) -> Inlined:
    """Return the body of a kernel: rows of `lda` bytes, which are `copied` first where X is not fit to be read."""

    @inlined
    def body(  # type: ignore[no-untyped-def]
        x, w, table, y, offsets, scratch, m, n, quads, lda, ldc, rows, room, how, copied, flip,
        low, high, zero, out, tid, threads,
    ):  # fmt: skip
        start, stop, first, last = 0, m, 0, (n + LANES - 1) // LANES
        if m >= 2 * CHUNK * threads:
            start, stop = share((m + CHUNK - 1) // CHUNK, tid, threads)
            start, stop = start * CHUNK, min(stop * CHUNK, m)
        else:
            first, last = share(last, tid, threads)
        spare = scratch + tid * room
        mine = spare + SPARE
        while start < stop and first < last:
            count = stop - start
            if count >= rows + REST:
                count = rows
            a = x + start * lda
            if copied != 0:
                # Of a group of channels the last row ends before the next group's.
                flip_bytes(mine, a, min(count * lda, (m - 1 - start) * lda + copied), flip)
                a = mine
            block(
                a, lda, 0, 1, count, how, offsets, 1, quads, w, first, last, table,
                y + start * ldc, ldc, n, low, high, zero, out, spare,
            )  # fmt: skip
            start += count

    return body


def product_of_windows(block: Inlined) -> Inlined:
    """Return the body of a kernel for windows: `lines` lines of the output at a time, in a strip."""

    @inlined
    def body(  # type: ignore[no-untyped-def]
        x, w, table, y, offsets, scratch, g, channel, n, pieces, quads, pitch, ldc, lines, room, how,
        flip, pad, low, high, out, tid, threads,
    ):  # fmt: skip
        channels, sy, sx, oh, ow = g[2], g[5], g[6], g[11], g[12]
        start, stop, first, last = 0, g[14] * oh, 0, (n + LANES - 1) // LANES
        if stop >= threads:
            start, stop = share(stop, tid, threads)
        else:
            first, last = share(last, tid, threads)
        spare = scratch + tid * room
        mine = spare + SPARE
        while start < stop and first < last:
            image = start // oh
            row = start - image * oh
            rows = min(lines, stop - start, oh - row)
            copy_strip(mine, pitch, x, g, image, row, rows, flip, pad)
            block(
                mine + channel, sx * channels, sy * pitch, rows, ow, how, offsets, pieces, quads,
                w, first, last, table, y + start * ow * ldc, ldc, n, low, high, 0, out, spare,
            )  # fmt: skip
            start += rows

    return body


rows_by_dot4, windows_by_dot4 = product_of_rows(bounded_block), product_of_windows(bounded_block)


@kernel
def dot4_rows(
    x: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, m: I64, n: I64, quads: I64,
    lda: I64, ldc: I64, rows: I64, room: I64, how: I64, copied: I64, flip: I64,
    low: I64, high: I64, out: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = requantize(X W + bias) for rows of X."""
    rows_by_dot4(
        x, w, table, y, offsets, scratch, m, n, quads, lda, ldc, rows, room, how, copied, flip,
        low, high, 0, out, tid, threads,
    )  # fmt: skip
    return OK


@kernel
def dot4_windows(
    x: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, g: S64, channel: I64, n: I64,
    pieces: I64, quads: I64, pitch: I64, ldc: I64, lines: I64, room: I64, how: I64, flip: I64,
    pad: I64, low: I64, high: I64, out: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The same for windows over X, from channel number `channel` on."""
    windows_by_dot4(
        x, w, table, y, offsets, scratch, g, channel, n, pieces, quads, pitch, ldc, lines, room, how,
        flip, pad, low, high, out, tid, threads,
    )  # fmt: skip
    return OK


LEAST = -128 if signed_bytes(HOST) else 0  # operand of the four-way dot product


def operand_code(t: TensorType) -> tuple[int, int]:
    """Return (flip, zero): as operand of the dot product the stored byte b is b ^ flip, and stands for that - zero."""
    flip, zero = byte_code(t)
    return (flip ^ 128, zero - 128) if LEAST else (flip, zero)


def widest(zero: int, least: int = LEAST) -> int:
    """Return the largest absolute value of an operand, which is not below `least`, less its zero point."""
    return max(zero - least, least + 255 - zero)


class Way:
    """How bytes are multiplied: four by four in vectors.

    `split`: weights may be a sum of two int8. `size` is that of a result, in bytes.
    """

    split = False
    size = 1
    rows: Kernel = dot4_rows
    windows: Kernel = dot4_windows

    def code(self, t: TensorType) -> tuple[int, int, int]:
        """Return (flip, zero, least): the stored byte b becomes b ^ flip, not below `least`; zero stands for 0."""
        return (*operand_code(t), LEAST)

    def end(self, site: Site) -> tuple[int, int, int]:
        """Return the least and the largest int8 result, and the bits to flip then."""
        return bytes_end(site)

    def quads(self, size: int) -> int:
        """Return in how many fours a piece of `size` bytes is taken."""
        return -(-size // 4)

    def how(self, site: Site, count: int, more: int) -> int:
        """Return what the product of blocks of `count` rows is told."""
        return tall_for(count)

    def slack(self, lda: int) -> int:
        """Return how many bytes behind a strip may be read."""
        return SLACK

    def fit(self, rows: int) -> bool:
        """Return whether so many rows can be read where they are."""
        return True

    def extra(self, site: Site, quads: int, more: int) -> tuple[Operand, ...]:
        """Return what else the kernels take, in front."""
        return ()


def rows_of_a_pass(m: int, k: int, n: int) -> int:
    """Return how many rows go through all of B at a time: of A and C as much as stays in a cache beside it."""
    room = STRIP if k * n <= FAR else FAR
    blocks = max(1, round(m * (k + n) / room))
    return -(-m // blocks // CHUNK) * CHUNK


class Factors(NamedTuple):
    """What the dot product multiplies by and adds, for N outputs.

    Attributes:
        w: (N, ...), int8.
        bias: (N,), int64.
        spread: the largest absolute value of the products' sums.
        moved: what the bias lacks because products are taken of stored bytes, not less their zero point.
        more: what all weights are larger than `w`.
    """

    w: Array
    bias: Array
    spread: Array
    moved: Array
    more: int


def factors(site: Site, way: Way) -> Factors | None:
    """Return the weights less their zero point, and so on; None where they do not fit or are not known."""
    x, w, b = site.inputs[0], site.inputs[1], site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None
    if w.value is None or (b is not None and b.value is None):
        return None
    value = w.value.astype(np.int16) - np.int16(quants(site)[1].zero_point[0])
    least, most = int(value.min(initial=0)), int(value.max(initial=0))
    more = 0 if least >= -128 and most <= 127 else most - 127
    if more and not (way.split and least - more >= -128 and -128 <= more <= 127):
        return None
    bias = np.zeros(len(value)) if b is None or b.value is None else b.value
    flat, (_, zero, least) = value.reshape(len(value), -1), way.code(x.type)
    spread = np.abs(flat).sum(axis=1, dtype=np.int64) * widest(zero, least)
    moved = -zero * flat.sum(axis=1, dtype=np.int64)
    return Factors((value - more).astype(np.int8), bias.astype(np.int64), spread, moved, more)


class Folded(NamedTuple):
    """Filters (N, ky, kx, D) of int8 and what they lack, and their table's rows as `bounded_table` has them."""

    w: Array
    more: int
    rows: Array


def folded(site: Site, way: Way) -> Folded | None:
    """Return the filters ready to be packed; None where the dot product cannot run this node."""
    f = factors(site, way)
    if f is None:
        return None
    zero = ending(site, "none")[2] - output_code(site)[1]
    scales = fixed_channels(site, len(f.w))
    rows = bounded_table(f.bias, f.spread, f.moved, *scales, zero)
    return None if rows is None else Folded(f.w, f.more, rows)


def output_code(site: Site) -> tuple[int, int]:
    """Return (bits to flip, what to take off): a result is int8 before it is stored."""
    return (0, 0) if site.outputs[0].type.dtype == np.int8 else (128, 128)


def bytes_end(site: Site) -> tuple[int, int, int]:
    """Return the least and the largest int8 result, and the bits to flip then."""
    low, high, _ = ending(site, site.attributes["activation"])
    flip, off = output_code(site)
    return low - off, high - off, flip


def takes_dot4(site: Site) -> bool:
    """Whether the weights are known and small, and the sums as well."""
    return folded(site, DOT4_WAY) is not None


def in_rows(site: Site) -> bool:
    """Whether each window is a single place, one after the other."""
    w, attributes = site.inputs[1], site.attributes
    assert w is not None
    return w.type.shape[1:3] == attributes["stride"] == (1, 1) and not any(attributes["pad"])


def packed_for(way: Way, w: Array, more: int) -> Array:
    """Return B (pieces, K, N) packed; what all of it lacks is one more unit."""
    quads = way.quads(w.shape[1])
    packed = pack_quads(w, quads)
    if more:
        rest = pack_quads(np.full((*w.shape[:2], LANES), more), quads)
        packed = np.concatenate([packed, rest])
    return packed


def _group(site: Site, way: Way, fold: Folded, group: int, n: int, pieces: int) -> tuple[Any, Any]:
    """Return packed weights and table of a group's filters, a window cut into pieces."""
    mine = slice(group * n, (group + 1) * n)
    w = fold.w[mine].reshape(n, pieces, -1).transpose(1, 2, 0)
    table = by_units(fold.rows[:, mine], unit_starts(n))
    return site.constant(packed_for(way, w, fold.more)), site.constant(table)


def lower_conv2d(site: Site, way: Way) -> list[Step]:
    """A group at a time."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None
    fold = folded(site, way)
    assert fold is not None
    return group_by_group(site, way, fold, x.type.shape[3] // w.type.shape[3])


def group_by_group(site: Site, way: Way, fold: Folded, groups: int) -> list[Step]:
    """Single places are rows of a matrix; windows are read in strips of the padded image."""
    lower = _rows if in_rows(site) else _windows
    return lower(site, way, fold, groups, len(fold.w) // groups)


def blocks(way: Way, m: int, lda: int, n: int, copied: bool) -> tuple[int, bool, int]:
    """Return the rows of a block, whether they are copied, and the scratch memory of a thread."""
    block, copied = rows_of_a_pass(m, lda, n), copied or not way.fit(m)
    strip = (block + REST) * lda + way.slack(lda)
    return block, copied, SPARE + copied * (-(-strip // 64) * 64)


def _rows(site: Site, way: Way, fold: Folded, groups: int, n: int) -> list[Step]:
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None
    m, c, d = math.prod(y.type.shape[:3]), x.type.shape[3], fold.w.shape[3]
    flip, quads = way.code(x.type)[0], way.quads(d)
    block, copied, room = blocks(way, m, c, n, flip != 0 or d != 4 * quads)
    scratch = site.scratch(site.threads * room)
    extra, how = way.extra(site, quads, fold.more), way.how(site, m, fold.more)
    steps = []
    for group in range(groups):
        weights, table = _group(site, way, fold, group, n, 1)
        where = (site.constant(np.zeros(1, np.int64)), scratch)
        places = (shifted(x, group * d), weights, table, shifted(y, group * n), *where)
        sizes = (m, n, quads, c, way.size * n * groups, block, room, how, d * copied)
        steps.append(Step(way.rows, (*extra, *places, *sizes, flip, *way.end(site))))
    return steps


def _windows(site: Site, way: Way, fold: Folded, groups: int, n: int) -> list[Step]:
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None
    (_, p, q, d), c = fold.w.shape, x.type.shape[3]
    attributes = site.attributes
    sy, sx = attributes["stride"]
    dy, dx = attributes["dilation"]
    oh, ow = y.type.shape[1:3]
    pitch = ((ow - 1) * sx + (q - 1) * dx + 1) * c
    joined = dx == 1 and groups == 1  # a line of a window is one piece
    pieces, quads = (p, way.quads(q * c)) if joined else (p * q, way.quads(d))
    columns = np.zeros(1, np.int64) if joined else np.arange(q) * dx * c
    offsets = (np.arange(p)[:, None] * dy * pitch + columns).astype(np.int64).reshape(-1)
    span = (p - 1) * dy + 1
    lines = min(oh, max(1, (STRIP // pitch - span) // sy + 1))
    room = SPARE + -(-(((lines - 1) * sy + span) * pitch + way.slack(sx * c)) // 64) * 64
    flip, pad, _ = way.code(x.type)
    g = site.constant(geometry(x.type.shape, (p, q), y.type.shape, attributes, d))
    where = (site.constant(offsets), site.scratch(site.threads * room), g)
    extra, how = way.extra(site, quads, fold.more), way.how(site, ow, fold.more)
    steps = []
    for group in range(groups):
        weights, table = _group(site, way, fold, group, n, pieces)
        places = (x, weights, table, shifted(y, group * n), *where)
        ldc = way.size * n * groups
        sizes = (group * d, n, pieces, quads, pitch, ldc, lines, room, how)
        steps.append(Step(way.windows, (*extra, *places, *sizes, flip, pad, *way.end(site))))
    return steps


DOT4_WAY = Way()


def lower_dot4_conv2d(site: Site) -> list[Step]:
    """Four bytes by four."""
    return lower_conv2d(site, DOT4_WAY)
