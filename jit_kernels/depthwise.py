"""Depthwise convolution in float32 of any window: a vector is channels of one place, which lie one after the other.

A list of offsets says where the elements of a window are: the same list for all windows inside of the image,
one made on the spot for those over its edge, where a place outside is a row of zeros.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array
from .conv import limits
from .kernel import F64, I64, OK, S64, inlined, kernel, share
from .lowering import Site, Step
from .patches import geometry, inner, runs
from .simd import Value, Vectors, tile


def widths(lanes: int) -> tuple[int, ...]:
    """Return the numbers of channels that are taken at a time."""
    return (4 * lanes, lanes, 4) if lanes > 4 else (16, 4)


@tile("f32_depthwise_place")
def f32_place(
    v: Vectors, x: I64, offsets: I64, taps: I64, w: I64, bias: I64, y: I64, channels: I64, low: F64,
    high: F64,
) -> None:  # fmt: skip
    """y[c] = clamp(bias[c] + sum over taps t of x[offsets[t] + c] w[t, c])."""
    lo, hi = v.narrow(low, "f32"), v.narrow(high, "f32")
    row = v.mul(channels, 4)

    def do(c: Value, width: int) -> None:
        at = v.mul(c, 4)

        def tap(t: Value, acc: Value) -> list[Value]:
            offset = v.add(v.scalar("s64", offsets, v.mul(t, 8)), at)
            weights = v.load("f32", w, v.add(v.mul(t, row), at), width)
            return [v.fma(v.load("f32", x, offset, width), weights, acc)]

        (acc,) = v.carry(taps, [v.load("f32", bias, at, width)], tap)
        v.store(v.clamp(acc, v.splat(lo, width), v.splat(hi, width)), y, at)

    runs(v, channels, widths(v.lanes), do)


@tile("store_word", inline=True)
def store_word(v: Vectors, to: I64, value: I64) -> None:
    """Write a 64-bit integer to an address."""
    v.store(value, to)


@inlined
def taps_at(to, g, y0, x0, here, zeros, size):  # type: ignore[no-untyped-def]
    """List where the elements of the window at (y0, x0) are, from `here` on; `zeros` stands for those outside."""
    height, width, channels, ky, kx, dy, dx = g[0], g[1], g[2], g[3], g[4], g[9], g[10]
    for p in range(ky):
        for q in range(kx):
            y, x = y0 + p * dy, x0 + q * dx
            inside = 0 <= y < height and 0 <= x < width
            at = (p * dy * width + q * dx) * channels * size if inside else zeros - here
            store_word(to + 8 * (p * kx + q), at)


@kernel
def f32_depthwise(
    x: I64,
    w: I64,
    bias: I64,
    y: I64,
    g: S64,
    zeros: I64,
    inside: I64,
    edge: I64,
    images: I64,
    low: F64,
    high: F64,
    tid: I64,
    threads: I64,
) -> I64:
    """Threads share the rows of the output; `edge` is room for a list of offsets for each thread."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx, oh, ow = g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12]
    taps = ky * kx
    mine = edge + tid * 8 * taps
    first, last = inner(width, -left, sx, (kx - 1) * dx + 1, ow)
    start, stop = share(images * oh, tid, threads)
    for line in range(start, stop):
        image = line // oh
        y0 = (line - image * oh) * sy - top
        whole = y0 >= 0 and y0 + (ky - 1) * dy < height
        for ox in range(ow):
            x0 = ox * sx - left
            here = x + ((image * height + y0) * width + x0) * channels * 4
            to = y + (line * ow + ox) * channels * 4
            if not whole or ox < first or ox >= last:
                taps_at(mine, g, y0, x0, here, zeros, 4)
                f32_place(here, mine, taps, w, bias, to, channels, low, high)
            else:
                f32_place(here, inside, taps, w, bias, to, channels, low, high)
    return OK


def offsets(g: Array, size: int) -> Array:
    """Return the offsets of a window inside of the image, in bytes."""
    width, channels, ky, kx, dy, dx = (int(g[i]) for i in (1, 2, 3, 4, 9, 10))
    rows, columns = np.mgrid[:ky, :kx]
    return ((rows * dy * width + columns * dx) * channels * size).ravel().astype(np.int64)


def lower_f32_depthwise(site: Site) -> list[Step]:
    """In place: the layout of the weights is what the tile wants."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None
    g = geometry(x.type.shape, w.type.shape[1:3], y.type.shape, site.attributes)
    channels, list_bytes = x.type.shape[3], 8 * int(g[3] * g[4])
    bias = b if b is not None else site.constant(np.zeros(channels, np.float32))
    zeros = site.constant(np.zeros(channels, np.float32))
    places = (x, w, bias, y, site.constant(g), zeros, site.constant(offsets(g, 4)))
    edge = site.scratch(site.threads * list_bytes)
    low, high = limits(site.attributes["activation"])
    return [Step(f32_depthwise, (*places, edge, x.type.shape[0], low, high))]
