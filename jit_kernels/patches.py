"""Windows of an image as rows of a matrix, a block at a time: the A of a convolution's matrix product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array
from .kernel import I64, inlined
from .simd import LANES, Value, Vectors, tile


def geometry(
    x: tuple[int, ...],
    kernel: tuple[int, ...],
    y: tuple[int, ...],
    attributes: Any,
    depth: int | None = None,
) -> Array:
    """Return what `gather` reads: sizes of input, window and output, stride, padding, dilation, images.

    `depth` channels from each place are taken, of the C that it has.
    """
    pad, dilation = attributes["pad"], attributes.get("dilation", (1, 1))
    sizes = (*x[1:4], *kernel, *attributes["stride"], pad[0], pad[2], *dilation, *y[1:3])
    return np.array([*sizes, x[3] if depth is None else depth, x[0]], np.int64)


def runs(
    v: Vectors,
    count: Value,
    widths: tuple[int, ...],
    do: Callable[[Value, int], None],
    short: bool = True,
) -> None:
    """Call `do(index, width)` so that all of `count` elements are met, the last of them perhaps twice.

    Without `short` there are at least as many as the last width.
    """
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
        if not short:
            do(last, widths[-1])
            return
        with v.b.if_else(v.b.icmp_signed(">=", last, v.const(0))) as (overlap, few):
            with overlap:
                do(last, widths[-1])
            with few:
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


@tile("copy_windows")
def copy_windows(
    v: Vectors, to: I64, line: I64, source: I64, step: I64, count: I64, rows: I64, pitch: I64, run: I64
) -> None:  # fmt: skip
    """Copy windows of `rows` runs of `run` 32-bit elements, in whole vectors: over the end of each run."""
    _windows(v, (to, line, source, step, count, rows, pitch), run, v.lanes, lambda x: x, "s32")


@tile("widen_windows")
def widen_windows(
    v: Vectors, to: I64, line: I64, source: I64, step: I64, count: I64, rows: I64, pitch: I64, run: I64,
    flip: I64, zero: I64,
) -> None:  # fmt: skip
    """The same for bytes, which become int16 as in `widen_bytes`."""
    lanes = 2 * v.lanes
    mask, offset = v.splat(v.narrow(flip, "s8"), lanes), v.splat(v.narrow(zero, "s16"), lanes)

    def widen(x: Value) -> Value:
        return v.b.sub(v.widen(v.b.xor(x, mask), "s16", signed=False), offset)

    _windows(v, (to, line, source, step, count, rows, pitch), run, lanes, widen, "s8")


def _windows(
    v: Vectors,
    places: tuple[Value, ...],
    run: Value,
    lanes: int,
    convert: Callable[[Value], Value],
    kind: str,
) -> None:
    to, line, source, step, count, rows, pitch = places
    size, wider = (1, 2) if kind == "s8" else (4, 4)
    vectors = v.b.sdiv(v.add(run, lanes - 1), v.const(lanes))

    def window(i: Value) -> list[Value]:
        here, there = v.pointer(source, v.mul(i, step)), v.pointer(to, v.mul(i, line))

        def row(r: Value) -> list[Value]:
            first, last = v.mul(r, pitch), v.mul(v.mul(r, run), wider)

            def part(j: Value) -> list[Value]:
                x = v.load(kind, here, v.add(first, v.mul(j, lanes * size)), lanes)
                v.store(convert(x), there, v.add(last, v.mul(j, lanes * wider)))
                return []

            v.carry(vectors, [], part)
            return []

        v.carry(rows, [], row)
        return []

    v.carry(count, [], window)


@inlined
def inner(size, start, step, span, count):  # type: ignore[no-untyped-def]
    """Return the first and the last + 1 of `count` windows that lie inside: start + i step, `span` elements."""
    first = min(max(0, (step - 1 - start) // step), count)
    last = (size - span - start) // step + 1 if size >= span + start else 0
    return first, max(first, min(last, count))


SLACK = 128  # bytes behind a matrix that `gather` may write to
REACH = (
    2 * LANES
)  # elements of a vector of `widen_windows`; those of `copy_windows` are half as many


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
    size, reach = (1, REACH) if wide else (4, REACH // 2)
    pitch, step, run = dy * width * channels * size, sx * channels * size, kx * depth
    # Where the last window starts whose vectors end inside of x.
    vectors = (run + reach - 1) // reach
    end = x + g[14] * height * width * channels * size - (ky - 1) * pitch - vectors * reach * size
    left_end, right_end = inner(width, -left, sx, kx, ow)
    if dx != 1 or depth != channels:
        right_end = left_end
    image = first // (oh * ow)
    oy = (first - image * oh * ow) // ow
    ox = first - (image * oh + oy) * ow
    r = 0
    while r < rows:
        y0, x0 = oy * sy - top, ox * sx - left
        source = x + ((image * height + y0) * width + x0) * channels * size
        count = min(right_end - ox, rows - r, (end - source) // step + 1)
        inside = y0 >= 0 and y0 + (ky - 1) * dy < height and ox >= left_end
        if inside and count > 0:
            if wide:
                widen_windows(to + r * line, line, source, step, count, ky, pitch, run, flip, zero)
            else:
                copy_windows(to + r * line, line, source, step, count, ky, pitch, run)
        else:
            count = 1
            gather_one(to + r * line, source, g, y0, x0, wide, flip, zero)
        r += count
        ox += count
        if ox == ow:
            ox = 0
            oy += 1
            if oy == oh:
                oy = 0
                image += 1


@inlined
def gather_one(at, source, g, y0, x0, wide, flip, zero):  # type: ignore[no-untyped-def]
    """Write one window, which may lie over the edge."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    dy, dx, depth = g[9], g[10], g[13]
    size, wider = (1, 2) if wide else (4, 4)
    for p in range(ky):
        row = source + p * dy * width * channels * size
        inside = 0 <= y0 + p * dy < height
        for q in range(kx):
            if inside and 0 <= x0 + q * dx < width:
                put(at, row + q * dx * channels * size, depth, wide, flip, zero)
            else:
                clear(at, depth, wide)
            at += depth * wider
