"""Convolution on int8 and uint8 tensors by the four-way dot product of bytes.

Activations are unsigned there: int8 ones have their sign bits flipped as they are copied to a strip. Zero points
are in the bias. It takes weights that fit into int8, known when the plan is made, and sums that `bounded` allows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..ir import Array
from .bounded import bounded_table, by_units
from .conv import rows_of_a_block, shifted
from .conv_int8 import byte_code, ending, fixed_channels, quants
from .gemm_dot4 import LANES, TALL, dot4_block, pack_quads, tall_for, unit_starts
from .kernel import I64, OK, S64, kernel, share
from .lowering import Site, Step
from .patches import geometry
from .strips import SLACK, copy_strip, flip_bytes

DOT4 = frozenset({"avx512vnni"})  # without the instruction, products of int16 are faster
STRIP = 24 << 10  # bytes of a strip that shall stay in the first-level cache


@kernel
def dot4_rows(
    x: I64,
    w: I64,
    table: I64,
    y: I64,
    offsets: I64,
    scratch: I64,
    m: I64,
    n: I64,
    quads: I64,
    lda: I64,
    ldc: I64,
    block: I64,
    tall: I64,
    copied: I64,
    flip: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Y = requantize(X W + bias) for rows of `lda` bytes, which are `copied` first where X is not fit to be read."""
    start, stop, first, last = 0, m, 0, (n + LANES - 1) // LANES
    if m >= 2 * TALL * threads:
        start, stop = share((m + TALL - 1) // TALL, tid, threads)
        start, stop = start * TALL, min(stop * TALL, m)
    else:
        first, last = share(last, tid, threads)
    mine = scratch + tid * (block * lda + SLACK)
    while start < stop and first < last:
        rows = min(block, stop - start)
        a = x + start * lda
        if copied != 0:
            # Of a group of channels the last row ends before the next group's.
            flip_bytes(mine, a, min(rows * lda, (m - 1 - start) * lda + copied), flip)
            a = mine
        dot4_block(
            a, lda, 0, 1, rows, tall, offsets, 1, quads, w, first, last, table,
            y + start * ldc, ldc, n, low, high, out,
        )  # fmt: skip
        start += rows
    return OK


@kernel
def dot4_windows(
    x: I64,
    w: I64,
    table: I64,
    y: I64,
    offsets: I64,
    scratch: I64,
    g: S64,
    channel: I64,
    n: I64,
    pieces: I64,
    quads: I64,
    pitch: I64,
    ldc: I64,
    lines: I64,
    tall: I64,
    room: I64,
    flip: I64,
    pad: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """The same for windows, `lines` lines of the output at a time, from channel number `channel` on."""
    channels, sy, sx, oh, ow = g[2], g[5], g[6], g[11], g[12]
    start, stop, first, last = 0, g[14] * oh, 0, (n + LANES - 1) // LANES
    if stop >= threads:
        start, stop = share(stop, tid, threads)
    else:
        first, last = share(last, tid, threads)
    mine = scratch + tid * room
    while start < stop and first < last:
        image = start // oh
        row = start - image * oh
        rows = min(lines, stop - start, oh - row)
        copy_strip(mine, pitch, x, g, image, row, rows, flip, pad)
        dot4_block(
            mine + channel, sx * channels, sy * pitch, rows, ow, tall, offsets, pieces, quads,
            w, first, last, table, y + start * ow * ldc, ldc, n, low, high, out,
        )  # fmt: skip
        start += rows
    return OK


class Folded(NamedTuple):
    """Weights and table of some filters, ready to be packed.

    Attributes:
        w: (N, ky, kx, D), int8.
        rows: the table of `bounded`.
    """

    w: Array
    rows: Array


def signed_weights(site: Site) -> Array | None:
    """Return the weights less their zero point as int8; None where these do not fit or are not known."""
    w = site.inputs[1]
    assert w is not None
    if w.value is None:
        return None
    value = w.value.astype(np.int16) - np.int16(quants(site)[1].zero_point[0])
    return value.astype(np.int8) if value.min() >= -128 and value.max() <= 127 else None


def folded(site: Site) -> Folded | None:
    """Return what the dot product multiplies by and adds; None where it cannot run this node."""
    w, b = signed_weights(site), site.inputs[2] if len(site.inputs) > 2 else None
    if w is None or (b is not None and b.value is None):
        return None
    zero = byte_code(site.inputs[0].type)[1]  # type: ignore[union-attr]
    flat = w.reshape(len(w), -1)
    bias = np.zeros(len(w), np.int64) if b is None or b.value is None else b.value.astype(np.int64)
    spread = np.abs(flat.astype(np.int16)).sum(axis=1, dtype=np.int64) * max(zero, 255 - zero)
    moved = -zero * flat.sum(axis=1, dtype=np.int64)
    scales = fixed_channels(site, len(w))
    stored_zero = ending(site, "none")[2] - output_code(site)[1]
    rows = bounded_table(bias, spread, moved, *scales, stored_zero)
    return None if rows is None else Folded(w, rows)


def output_code(site: Site) -> tuple[int, int]:
    """Return (bits to flip, what to take off): a result is int8 before it is stored."""
    return (0, 0) if site.outputs[0].type.dtype == np.int8 else (128, 128)


def _end(site: Site) -> tuple[int, int, int]:
    """Return the least and the largest int8 result, and the bits to flip then."""
    low, high, _ = ending(site, site.attributes["activation"])
    flip, off = output_code(site)
    return low - off, high - off, flip


def takes_dot4(site: Site) -> bool:
    """Whether the weights are known and small, and the sums as well."""
    return folded(site) is not None


def _group(site: Site, fold: Folded, group: int, n: int, pieces: int) -> tuple[Any, Any]:
    """Return packed weights and table of a group's filters, a window cut into pieces."""
    mine = slice(group * n, (group + 1) * n)
    w = fold.w[mine].reshape(n, pieces, -1).transpose(1, 2, 0)
    table = by_units(fold.rows[:, mine], unit_starts(n))
    return site.constant(pack_quads(w)), site.constant(table)


def lower_dot4_conv2d(site: Site) -> list[Step]:
    """Single places in a row are rows of a matrix; windows are read in strips of the padded image."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    fold = folded(site)
    assert fold is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    rowwise = (p, q) == site.attributes["stride"] == (1, 1) and not any(site.attributes["pad"])
    lower = _rows if rowwise else _windows
    return lower(site, fold, c // d, o * d // c)


def _rows(site: Site, fold: Folded, groups: int, n: int) -> list[Step]:
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None
    m, c, d = math.prod(y.type.shape[:3]), x.type.shape[3], fold.w.shape[3]
    flip = byte_code(x.type)[0]
    block = rows_of_a_block(m, c, n, 1)
    copied = flip != 0 or d % 4 != 0
    scratch = site.scratch(site.threads * (block * c + SLACK)) if copied else None
    steps = []
    for group in range(groups):
        weights, table = _group(site, fold, group, n, 1)
        places = (shifted(x, group * d), weights, table, shifted(y, group * n))
        places += (site.constant(np.zeros(1, np.int64)), scratch)
        sizes = (m, n, -(-d // 4), c, n * groups, block, tall_for(m), d * copied)
        steps.append(Step(dot4_rows, (*places, *sizes, flip, *_end(site))))
    return steps


def _windows(site: Site, fold: Folded, groups: int, n: int) -> list[Step]:
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None
    (_, p, q, d), c = fold.w.shape, x.type.shape[3]
    attributes = site.attributes
    sy, sx = attributes["stride"]
    dy, dx = attributes["dilation"]
    oh, ow = y.type.shape[1:3]
    pitch = ((ow - 1) * sx + (q - 1) * dx + 1) * c
    joined = dx == 1 and groups == 1  # a line of a window is one piece
    pieces, quads = (p, -(-q * c // 4)) if joined else (p * q, -(-d // 4))
    columns = np.zeros(1, np.int64) if joined else np.arange(q) * dx * c
    offsets = (np.arange(p)[:, None] * dy * pitch + columns).astype(np.int64).reshape(-1)
    span = (p - 1) * dy + 1
    lines = min(oh, max(1, (STRIP // pitch - span) // sy + 1))
    room = -(-(((lines - 1) * sy + span) * pitch + SLACK) // 64) * 64
    flip, pad = byte_code(x.type)
    g = site.constant(geometry(x.type.shape, (p, q), y.type.shape, attributes, d))
    scratch = site.scratch(site.threads * room)
    steps = []
    for group in range(groups):
        weights, table = _group(site, fold, group, n, pieces)
        places = (x, weights, table, shifted(y, group * n), site.constant(offsets), scratch, g)
        sizes = (group * d, n, pieces, quads, pitch, n * groups, lines, tall_for(ow), room)
        steps.append(Step(dot4_windows, (*places, *sizes, flip, pad, *_end(site))))
    return steps
