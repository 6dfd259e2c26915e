"""Windows of an image as rows of a matrix, a block at a time: the A of a convolution's matrix product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array
from .kernel import I64, inlined
from .simd import Value, Vectors, tile


def geometry(
    x: tuple[int, ...],
    kernel: tuple[int, ...],
    y: tuple[int, ...],
    attributes: Any,
    depth: int | None = None,
) -> Array:
    """Return what `gather` reads: sizes of input, window and output, stride, padding, dilation.

    `depth` channels from each place are taken, of the C that it has.
    """
    pad, dilation = attributes["pad"], attributes.get("dilation", (1, 1))
    sizes = (*x[1:4], *kernel, *attributes["stride"], pad[0], pad[2], *dilation, *y[1:3])
    return np.array([*sizes, x[3] if depth is None else depth], np.int64)


def runs(
    v: Vectors, count: Value, widths: tuple[int, ...], do: Callable[[Value, int], None]
) -> None:
    """Call `do(index, width)` so that all of `count` elements are met, the last of them perhaps twice."""
    done = v.const(0)
    for width in widths:
        rounds = v.b.sdiv(v.b.sub(count, done), v.const(width))
        start = done

        def body(i: Value, start: Value = start, width: int = width) -> list[Value]:
            do(v.add(start, v.mul(i, width)), width)
            return []

        v.carry(rounds, [], body)
        done = v.add(start, v.mul(rounds, width))
    with v.when(v.b.icmp_signed("<", done, count)):
        last = v.b.sub(count, v.const(widths[-1]))
        with v.b.if_else(v.b.icmp_signed(">=", last, v.const(0))) as (overlap, short):
            with overlap:
                do(last, widths[-1])
            with short:
                v.carry(count, [], lambda i: do(i, 1) or [])  # type: ignore[func-returns-value]


@tile("copy_words", inline=True)
def copy_words(v: Vectors, to: I64, source: I64, count: I64) -> None:
    """Copy 32-bit elements."""

    def do(i: Value, width: int) -> None:
        at = v.mul(i, 4)
        v.store(v.load("s32", source, at, width), to, at)

    runs(v, count, (v.lanes, 4) if v.lanes > 4 else (4,), do)


@tile("clear_words", inline=True)
def clear_words(v: Vectors, to: I64, count: I64) -> None:
    """Set 32-bit elements to zero."""
    zero = lambda i, width: v.store(v.full("s32", 0, width), to, v.mul(i, 4))  # noqa: E731
    runs(v, count, (v.lanes,), zero)


@tile("clear_halves", inline=True)
def clear_halves(v: Vectors, to: I64, count: I64) -> None:
    """Set 16-bit elements to zero."""
    zero = lambda i, width: v.store(v.full("s16", 0, width), to, v.mul(i, 2))  # noqa: E731
    runs(v, count, (2 * v.lanes,), zero)


@tile("widen_bytes", inline=True)
def widen_bytes(v: Vectors, to: I64, source: I64, count: I64, flip: I64, zero: I64) -> None:
    """Store (byte ^ flip) - zero as int16: `flip` 128 and `zero` + 128 make signed bytes of it."""
    mask, offset = v.narrow(flip, "s8"), v.narrow(zero, "s16")

    def do(i: Value, width: int) -> None:
        x = v.b.xor(v.load("s8", source, i, width), v.splat(mask, width))
        x = v.b.sub(v.widen(x, "s16", signed=False), v.splat(offset, width))
        v.store(x, to, v.mul(i, 2))

    runs(v, count, (2 * v.lanes, 8) if v.lanes > 4 else (8,), do)


@inlined
def put(to, source, count, wide, flip, zero):  # type: ignore[no-untyped-def]
    """Copy float32 elements, or widen bytes."""
    if wide:
        widen_bytes(to, source, count, flip, zero)
    else:
        copy_words(to, source, count)


@inlined
def clear(to, count, wide):  # type: ignore[no-untyped-def]
    """Write padding."""
    if wide:
        clear_halves(to, count)
    else:
        clear_words(to, count)


@inlined
def gather(to, line, x, g, first, rows, wide, flip, zero):  # type: ignore[no-untyped-def]
    """Write windows first .. first + rows - 1 as rows of `line` bytes at `to`.

    float32 elements stay what they are; bytes (`wide`) become int16, less the zero point.
    """
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx, oh, ow, depth = (
        g[5],
        g[6],
        g[7],
        g[8],
        g[9],
        g[10],
        g[11],
        g[12],
        g[13],
    )
    size, wider = (1, 2) if wide else (4, 4)
    image = first // (oh * ow)
    oy = (first - image * oh * ow) // ow
    ox = first - (image * oh + oy) * ow
    joined = dx == 1 and depth == channels
    for r in range(rows):
        at = to + r * line
        y0, x0 = oy * sy - top, ox * sx - left
        for p in range(ky):
            y = y0 + p * dy
            source = x + ((image * height + y) * width + x0) * channels * size
            if y < 0 or y >= height:
                clear(at, kx * depth, wide)
                at += kx * depth * wider
            elif joined and x0 >= 0 and x0 + kx <= width:
                put(at, source, kx * depth, wide, flip, zero)
                at += kx * depth * wider
            else:
                for q in range(kx):
                    if 0 <= x0 + q * dx < width:
                        put(at, source + q * dx * channels * size, depth, wide, flip, zero)
                    else:
                        clear(at, depth, wide)
                    at += depth * wider
        ox += 1
        if ox == ow:
            ox = 0
            oy += 1
            if oy == oh:
                oy = 0
                image += 1
