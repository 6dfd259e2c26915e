"""Depthwise convolution of 3 x 3 and 5 x 5 windows on int8 and uint8 tensors, by the four-way dot product of bytes.

Four rows of the image are interleaved, so that each lane of a vector has four bytes of a channel one above the other:
with the weights moved down by a row, the same bytes serve the next row of windows. Padding is read from a row of
zero points. Channels that are a fraction of a vector go side by side with those of the next places, where the windows
are inside: there the bytes of a row are a line, and the weights repeat.
"""

from __future__ import annotations

import numpy as np

from .conv_dot4 import bytes_end, operand_code
from .depthwise_walk import band, bands_of, each_chunk, line
from .depthwise_weights import (
    ROWS,
    TILED,
    UNIT,
    WIDTHS,
    Folded,
    bytes_of_channel,
    folded,
    pack,
    terms,
)
from .kernel import I64, OK, S64, Inlined, inlined, kernel, share
from .lowering import Operand, Site, Step
from .patches import geometry
from .requant_tiles import ROWS as TABLE
from .requant_tiles import START, Bounded
from .simd import Tile, Value, Vectors, tile

BLOCK = 256  # channels that go through the same places before the next ones, about


def _sums(
    u: Vectors, w: Value, places: list[list[Value]], c: Value, flip: Value, stride: int, sets: int
) -> list[list[Value]]:
    """Return the sums of ROWS windows, four vectors each; `places` is where each element of the rows begins."""
    width, column, fours = 4 * u.lanes, -1, list[list[Value]]()
    start = [u.load("s32", w, width * (TABLE * j + START)) for j in range(4)]
    acc, at = [list(start) for _ in range(ROWS)], 4 * TABLE * width
    for q, t, o in terms(len(places[0]), stride):
        if q != column:
            rows = [u.b.xor(u.load("s8", p[q], c, width), u.splat(flip, width)) for p in places]
            rows += [rows[-1]] * (-len(rows) % 4)
            fours = [u.quads(rows[i : i + 4]) for i in range(0, len(rows), 4)]
            column = q
        for _ in range(sets):
            for j in range(4):
                acc[o][j] = u.dot4(acc[o][j], fours[t][j], u.load("s8", w, at, width))
                at += width
    return acc


def _tile(k: int, stride: int, sets: int) -> Tile:
    """Return the tile; weights that do not fit into int8 are the sums of two `sets`."""
    size, high_rows = bytes_of_channel(k, stride, sets), (ROWS - 1) * stride + k

    @tile(f"q8_depthwise_{k}_{stride}_{sets}")
    def windows(
        v: Vectors, x: I64, w: I64, y: I64, pad: I64, pitch: I64, pitch_y: I64, step: I64, over: I64,
        over_y: I64, channels: I64, first: I64, last: I64, rows: I64, some: I64, most: I64, count: I64,
        flip: I64, low: I64, high: I64, out: I64,
    ) -> None:  # fmt: skip
        """`count` windows, ROWS high, each `over` bytes after the one before; see `walk_dot4`."""
        flip_in = v.narrow(flip, "s8")

        def window(i: Value) -> list[Value]:
            source, target = v.pointer(x, v.mul(i, over)), v.pointer(y, v.mul(i, over_y))
            places = [
                [
                    v.b.select(
                        v.b.and_(v.between(row, first, last), v.between(q, some, most)),
                        v.pointer(source, v.add(v.mul(pitch, row), v.mul(step, q))),
                        v.pointer(pad),
                    )
                    for q in range(k)
                ]
                for row in range(high_rows)
            ]

            def do(c: Value, at: Value, width: int) -> None:
                u = Vectors(v.b, width // 4, v.isa)
                packed = v.pointer(w, v.mul(at, size))
                acc = _sums(u, packed, places, c, flip_in, stride, sets)
                finish = Bounded(u, low, high, v.const(0), out)
                constants = [
                    finish.constants(v.pointer(packed, 4 * u.lanes * TABLE * j)) for j in range(4)
                ]
                # A row that is not wanted goes where the first one goes after it.
                for o in reversed(range(ROWS)):
                    there = v.b.select(
                        v.b.icmp_signed(">", rows, v.const(o)), v.mul(pitch_y, o), v.const(0)
                    )
                    scaled = [finish.scaled(*each) for each in zip(acc[o], constants, strict=True)]
                    u.store(finish.clamped(u.pack_s8(scaled)), v.pointer(target, c), there)

            each_chunk(v, channels, do, WIDTHS)
            return []

        v.carry(count, [], window)

    return windows


def walk_dot4(k: int, stride: int, sets: int) -> Inlined:
    """Return the loops around the tile of windows of k x k at a stride."""
    run, size = _tile(k, stride, sets), bytes_of_channel(k, stride, sets)

    def loop(x, w, flat, y, g, pad, blocks, end, tid, threads):  # type: ignore[no-untyped-def]
        """Threads share the bands of rows and the blocks of channels. `flat` has the weights repeated, or is 0."""
        width, channels, dy, dx, ow = g[1], g[2], g[9], g[10], g[12]
        pitch, pitch_y, step = dy * width * channels, dy * ow * channels, dx * channels
        start, stop = share(g[14] * blocks * dy * bands_of(g, ROWS), tid, threads)
        for item in range(start, stop):
            c, count, at, to, low, high, rows = band(g, item, ROWS, stride, UNIT, blocks)
            source, target = x + at * width * channels + c, y + to * ow * channels + c
            for remainder in range(dx if rows > 0 else 0):
                x0, columns, least, most, first, last = line(g, remainder, k, stride)
                i = 0
                while i < columns:
                    here = source + (x0 + i * stride * dx) * channels
                    there = target + (remainder + i * dx) * channels
                    whole = first <= i < last
                    together = last - i if whole else 1
                    cells = together * channels
                    if whole and flat != 0 and cells >= UNIT:
                        run(
                            here, flat, there, pad, pitch, pitch_y, step, UNIT, UNIT, UNIT,
                            low, high, rows, 0, k, cells // UNIT, *end,
                        )  # fmt: skip
                        rest = cells - UNIT  # the last vector, which overlaps the one before
                        if cells % UNIT != 0:
                            run(
                                here + rest, flat, there + rest, pad, pitch, pitch_y, step, UNIT,
                                UNIT, UNIT, low, high, rows, 0, k, 1, *end,
                            )  # fmt: skip
                    else:
                        some = 0 if whole else least - i * stride
                        run(
                            here, w + c * size, there, pad, pitch, pitch_y, step, stride * step,
                            step, count, low, high, rows, some,
                            k if whole else most - i * stride, together, *end,
                        )  # fmt: skip
                    i += together

    return inlined(loop)


three_1, three_2 = walk_dot4(3, 1, 1), walk_dot4(3, 2, 1)
wide_1, wide_2 = walk_dot4(3, 1, 2), walk_dot4(3, 2, 2)
five_1, five_2 = walk_dot4(5, 1, 1), walk_dot4(5, 2, 1)


@kernel
def q8_depthwise_3x3(
    x: I64,
    w: I64,
    flat: I64,
    y: I64,
    g: S64,
    pad: I64,
    blocks: I64,
    flip: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Windows of 3 x 3, weights that fit into int8."""
    end = flip, low, high, out
    if g[6] == 1:
        three_1(x, w, flat, y, g, pad, blocks, end, tid, threads)
    else:
        three_2(x, w, flat, y, g, pad, blocks, end, tid, threads)
    return OK


@kernel
def q8_depthwise_3x3_wide(
    x: I64,
    w: I64,
    flat: I64,
    y: I64,
    g: S64,
    pad: I64,
    blocks: I64,
    flip: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Windows of 3 x 3, weights of 9 bits in two parts."""
    end = flip, low, high, out
    if g[6] == 1:
        wide_1(x, w, flat, y, g, pad, blocks, end, tid, threads)
    else:
        wide_2(x, w, flat, y, g, pad, blocks, end, tid, threads)
    return OK


@kernel
def q8_depthwise_5x5(
    x: I64,
    w: I64,
    flat: I64,
    y: I64,
    g: S64,
    pad: I64,
    blocks: I64,
    flip: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Windows of 5 x 5, weights that fit into int8."""
    end = flip, low, high, out
    if g[6] == 1:
        five_1(x, w, flat, y, g, pad, blocks, end, tid, threads)
    else:
        five_2(x, w, flat, y, g, pad, blocks, end, tid, threads)
    return OK


KERNELS = dict(zip(TILED, (q8_depthwise_3x3, q8_depthwise_3x3_wide, q8_depthwise_5x5), strict=True))


def takes_dot4(site: Site) -> bool:
    """Whether the tiles take the windows, weights and sums of this node."""
    return folded(site) is not None


def _flat(fold: Folded, site: Site) -> Operand | None:
    """Return the weights of a vector that holds the channels of some places, where channels divide it."""
    channels, stride = fold.filters.shape[2], site.attributes["stride"][0]
    if channels >= UNIT or UNIT % channels or stride != 1 or site.attributes["dilation"][1] != 1:
        return None
    times = UNIT // channels
    filters, rows = np.tile(fold.filters, (1, 1, times)), np.tile(fold.rows, (1, times))
    return site.constant(pack(filters, rows, stride, fold.sets))


def lower_dot4_depthwise(site: Site) -> list[Step]:
    """Weights are packed with the plan."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    fold = folded(site)
    assert x is not None and w is not None and fold is not None
    channels, stride = x.type.shape[3], site.attributes["stride"][0]
    g = geometry(x.type.shape, w.type.shape[1:3], y.type.shape, site.attributes)
    flip, zero = operand_code(x.type)
    pad = np.full(max(channels, UNIT), np.uint8((zero & 255) ^ flip), np.uint8)
    packed = site.constant(pack(fold.filters, fold.rows, stride, fold.sets))
    places = (x, packed, _flat(fold, site), y, site.constant(g), site.constant(pad))
    run = KERNELS[w.type.shape[1], fold.sets]
    blocks = max(1, round(channels / BLOCK))
    return [Step(run, (*places, blocks, flip, *bytes_end(site)))]
