"""Depthwise convolution on int8 and uint8 tensors of any window: its taps two by two, requantization fused."""

from __future__ import annotations

import numpy as np

from ..ir import Array
from .conv_int8 import byte_code, conv_table, ending, quants
from .depthwise import offsets, store_word, taps_at, widths
from .gemm_int8 import Requantizer
from .kernel import I64, OK, S64, kernel, share
from .lowering import Site, Step
from .patches import geometry, inner, runs
from .simd import Value, Vectors, tile


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


@kernel
def q8_depthwise(
    x: I64,
    w: I64,
    table: I64,
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
    mine = edge + tid * 16 * pairs
    # The partner of a last single tap has weight zero, wherever it is.
    store_word(mine + 8 * (2 * pairs - 1), 0)
    first, last = inner(width, -left, sx, (kx - 1) * dx + 1, ow)
    start, stop = share(images * oh, tid, threads)
    for line in range(start, stop):
        image = line // oh
        y0 = (line - image * oh) * sy - top
        whole = y0 >= 0 and y0 + (ky - 1) * dy < height
        for ox in range(ow):
            x0 = ox * sx - left
            here = x + ((image * height + y0) * width + x0) * channels
            to = y + (line * ow + ox) * channels
            use = inside
            if not whole or ox < first or ox >= last:
                use = mine
                taps_at(mine, g, y0, x0, here, zeros, 1)
                if taps % 2 == 1:
                    store_word(mine + 8 * taps, zeros - here)
            q8_place(here, use, pairs, w, table, to, channels, flip, x_zero, low, high, y_zero)
    return OK


def pack_taps(w: Array) -> Array:
    """Pack filters (taps, C) of int16 as (ceil(taps / 2), C, 2); the last partner is zero.

    >>> pack_taps(np.ones((9, 4), np.int16)).shape
    (5, 4, 2)
    """
    padded = np.zeros((-(-len(w) // 2) * 2, w.shape[1]), np.int16)
    padded[: len(w)] = w
    return np.ascontiguousarray(padded.reshape(-1, 2, w.shape[1]).swapaxes(1, 2))


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
        y,
        site.constant(g),
        site.constant(np.full(channels, flip ^ zero, np.uint8)),
        site.constant(np.concatenate([inside, inside[-1:]])),
        site.scratch(site.threads * 16 * -(-taps // 2)),
    )
    end = ending(site, site.attributes["activation"])
    return [Step(q8_depthwise, (*places, x.type.shape[0], flip, zero, *end))]
