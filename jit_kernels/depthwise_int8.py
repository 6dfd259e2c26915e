"""Depthwise convolution on int8 and uint8 tensors: the taps of a window two by two, requantization fused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir import Array
from .conv_int8 import byte_code, conv_table, ending, quants
from .depthwise import offsets, store_word, taps_at, widths
from .gemm_int8 import Requantizer
from .kernel import I64, OK, S64, inlined, kernel, share
from .lowering import Operand, Site, Step
from .patches import geometry, inner, runs
from .simd import Tile, Value, Vectors, tile

GROUP = 4  # windows side by side whose sums are made together


def narrow_widths(lanes: int) -> tuple[int, ...]:
    """Return those for windows side by side."""
    return (lanes, 4) if lanes > 4 else (4,)


def groups_of(v: Vectors, count: Value, size: int, do: Callable[[Value, int], None]) -> None:
    """Call `do(first, size)` for whole groups of `count` things, and `do(first, 1)` for the rest."""
    groups = v.b.sdiv(count, v.const(size))
    v.carry(groups, [], lambda i: do(v.mul(i, size), size) or [])  # type: ignore[func-returns-value]
    done = v.mul(groups, size)
    v.carry(v.b.sub(count, done), [], lambda i: do(v.add(done, i), 1) or [])  # type: ignore[func-returns-value]


@inlined
def side_by_side(g):  # type: ignore[no-untyped-def]
    """Return the stride, 1 or 2, where windows of 3 x 3 can be made in groups; else 0."""
    fits = g[3] == 3 and g[4] == 3 and g[10] == 1 and g[6] <= 2 and g[2] >= 4
    return g[6] if fits else 0


@tile("q8_depthwise_place")
def q8_place(
    v: Vectors, x: I64, offsets: I64, pairs: I64, w: I64, table: I64, y: I64, channels: I64,
    flip: I64, x_zero: I64, low: I64, high: I64, zero: I64,
) -> None:  # fmt: skip
    """y[c] = requantize(bias[c] + sum over pairs of taps); offsets[t] says where tap t of x is."""
    mask, x_zero = v.narrow(flip, "s8"), v.narrow(x_zero, "s16")
    requantize = Requantizer(v, "twice", low, high, zero)
    row = v.mul(channels, 4)

    def do(c: Value, width: int) -> None:
        at = v.mul(c, 4)
        part = min(width, v.lanes)
        parts = range(0, width, part)
        order = [i // 2 + part * (i % 2) for i in range(2 * part)]

        def pair(t: Value, *sums: Value) -> list[Value]:
            first, second = (
                v.pointer(x, v.add(v.scalar("s64", offsets, v.add(v.mul(t, 16), 8 * i)), c))
                for i in (0, 1)
            )
            weights = v.pointer(w, v.add(v.mul(t, row), at))
            new = []
            for i, acc in zip(parts, sums, strict=True):
                both = v.shuffle(v.load("s8", first, i, part), v.load("s8", second, i, part), order)
                both = v.widen(v.b.xor(both, v.splat(mask, 2 * part)), "s16", signed=False)
                both = v.b.sub(both, v.splat(x_zero, 2 * part))
                new.append(v.dot2_s16(acc, both, v.load("s16", weights, 4 * i, 2 * part)))
            return new

        bias = [v.load("s32", table, v.add(at, 4 * i), part) for i in parts]
        for i, acc in zip(parts, v.carry(pairs, bias, pair), strict=True):
            constants = requantize.constants(table, v.add(at, 4 * i), row, part)
            v.store(requantize(acc, constants), y, v.add(c, i))

    runs(v, channels, widths(v.lanes), do)


def _three(stride: int) -> Tile:
    @tile(f"q8_depthwise_3x3_{stride}")
    def places(
        v: Vectors, x: I64, pitch: I64, w: I64, table: I64, y: I64, channels: I64, count: I64,
        flip: I64, low: I64, high: I64, zero: I64,
    ) -> None:  # fmt: skip
        """A run of `count` windows of 3 x 3 inside of the image; bytes are not less the zero point here.

        A row of a window is two pairs: its first two elements, and the third with one of weight zero. A pair
        serves two windows.
        """
        mask = v.narrow(flip, "s8")
        requantize = Requantizer(v, "twice", low, high, zero)
        row_bytes = v.mul(channels, 4)

        def do(c: Value, width: int) -> None:
            at = v.mul(c, 4)
            taps = [v.load("s16", w, v.add(at, v.mul(row_bytes, t)), 2 * width) for t in range(6)]
            start = v.load("s32", table, at, width)
            constants = requantize.constants(table, at, row_bytes, width)
            order = [i // 2 + width * (i % 2) for i in range(2 * width)]
            flips = v.splat(mask, width)

            def some(first: Value, many: int) -> None:
                acc = [start] * many
                source = v.pointer(x, v.add(c, v.mul(first, v.mul(channels, stride))))
                columns = (many - 1) * stride + 3
                for row in range(3):
                    line = v.pointer(source, v.mul(pitch, row))
                    bytes_ = [
                        v.b.xor(v.load("s8", line, v.mul(channels, j), width), flips)
                        for j in range(columns)
                    ]
                    for j in range(0, columns, stride):
                        pair = v.shuffle(bytes_[j], bytes_[min(j + 1, columns - 1)], order)
                        pair = v.widen(pair, "s16", signed=False)
                        for i in range(many):
                            if j - i * stride in (0, 2):
                                tap = taps[2 * row + (j - i * stride) // 2]
                                acc[i] = v.dot2_s16(acc[i], pair, tap)
                to = v.pointer(y, v.add(c, v.mul(first, channels)))
                for i, total in enumerate(acc):
                    v.store(requantize(total, constants), to, v.mul(channels, i))

            groups_of(v, count, GROUP, some)

        runs(v, channels, narrow_widths(v.lanes), do, short=False)

    return places


three_1, three_2 = _three(1), _three(2)


@kernel
def q8_depthwise(
    x: I64,
    w: I64,
    table: I64,
    w3: I64,
    table3: I64,
    y: I64,
    g: S64,
    zeros: I64,
    inside: I64,
    edge: I64,
    images: I64,
    flip: I64,
    x_zero: I64,
    low: I64,
    high: I64,
    y_zero: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Threads share the rows of the output; `edge` is room for a list of offsets for each thread."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx, oh, ow = g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12]
    taps = ky * kx
    pairs = (taps + 1) // 2
    pitch, three = dy * width * channels, side_by_side(g)
    mine = edge + tid * 16 * pairs
    # The partner of a last single tap has weight zero, wherever it is.
    store_word(mine + 8 * (2 * pairs - 1), 0)
    first, last = inner(width, -left, sx, (kx - 1) * dx + 1, ow)
    start, stop = share(images * oh, tid, threads)
    for line in range(start, stop):
        image = line // oh
        y0 = (line - image * oh) * sy - top
        whole = y0 >= 0 and y0 + (ky - 1) * dy < height
        ox = 0
        while ox < ow:
            x0 = ox * sx - left
            here = x + ((image * height + y0) * width + x0) * channels
            to = y + (line * ow + ox) * channels
            count, use = 1, inside
            edged = not whole or ox < first or ox >= last
            if not edged and three > 0:
                count = last - ox
                if three == 1:
                    three_1(here, pitch, w3, table3, to, channels, count, flip, low, high, y_zero)
                else:
                    three_2(here, pitch, w3, table3, to, channels, count, flip, low, high, y_zero)
            else:
                if edged:
                    use = mine
                    taps_at(mine, g, y0, x0, here, zeros, 1)
                    if taps % 2 == 1:
                        store_word(mine + 8 * taps, zeros - here)
                q8_place(here, use, pairs, w, table, to, channels, flip, x_zero, low, high, y_zero)
            ox += count
    return OK


def pack_taps(w: Array) -> Array:
    """Pack filters (taps, C) of int16 as (ceil(taps / 2), C, 2); the last partner is zero.

    >>> pack_taps(np.ones((9, 4), np.int16)).shape
    (5, 4, 2)
    """
    padded = np.zeros((-(-len(w) // 2) * 2, w.shape[1]), np.int16)
    padded[: len(w)] = w
    return np.ascontiguousarray(padded.reshape(-1, 2, w.shape[1]).swapaxes(1, 2))


def _three_by_three(
    site: Site, filters: Array, bias: Array, zero: int
) -> tuple[Operand | None, ...]:
    """Return what the tile for windows of 3 x 3 reads: pairs by row, and the zero point in the bias."""
    if len(filters) != 9:
        return None, None
    rows = np.zeros((3, 4, filters.shape[1]), np.int16)
    rows[:, :3] = filters.reshape(3, 3, -1)
    moved = bias - zero * filters.astype(np.int64).sum(axis=0)
    table = conv_table(site, moved.astype(np.int32))
    return site.constant(pack_taps(rows.reshape(12, -1))), site.constant(table)


def lower_q8_depthwise(site: Site) -> list[Step]:
    """Filters and bias are known; one filter a channel."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None and w.value is not None
    g = geometry(x.type.shape, w.type.shape[1:3], y.type.shape, site.attributes)
    channels, taps = x.type.shape[3], int(g[3] * g[4])
    filters = w.value.reshape(taps, channels).astype(np.int16) - quants(site)[1].zero_point[0]
    bias = np.zeros(channels, np.int32) if b is None else b.value
    assert bias is not None
    inside = offsets(g, 1)
    flip, zero = byte_code(x.type)
    places = (
        x,
        site.constant(pack_taps(filters.astype(np.int16))),
        site.constant(conv_table(site, bias)),
        *_three_by_three(site, filters, bias, zero),
        y,
        site.constant(g),
        site.constant(np.full(channels, flip ^ zero, np.uint8)),
        site.constant(np.concatenate([inside, inside[-1:]])),
        site.scratch(site.threads * 16 * -(-taps // 2)),
    )
    end = ending(site, site.attributes["activation"])
    return [Step(q8_depthwise, (*places, x.type.shape[0], flip, zero, *end))]
