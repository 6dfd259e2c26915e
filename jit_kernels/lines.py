"""Convolution in float32 that reads windows where they are: the rows of a tile are places side by side in a line.

A window is runs of elements that lie one after the other; how far they start behind the window's first element is
the same for all windows. Where there is padding, a block of lines of the image is copied with it first.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array
from .gemm import HEIGHTS, PANEL, ROWS, THIN_HEIGHTS, f32_tiles
from .gemm_block import STREAMED, height_for
from .kernel import inlined
from .patches import clear_words, copy_words
from .simd import LANES

SHORT = 64  # elements of lines that are cleared all at once: their ends cost more than what lies between


def reach(count: int, stride: int, kernel: int, dilation: int) -> int:
    """Return how many places `count` windows along an axis extend over.

    >>> reach(3, stride=2, kernel=3, dilation=1)
    7
    """
    return (count - 1) * stride + (kernel - 1) * dilation + 1


def run_offsets(g: Array, width: int, spread: int) -> tuple[Array, int]:
    """Return where the runs of a window start, in bytes, and the elements of each.

    Lines have `width` places, which are `spread` elements apart.
    """
    ky, kx, dy, dx, depth = (int(g[i]) for i in (3, 4, 9, 10, 13))
    if dx == 1 and depth == spread:
        return np.arange(ky) * (dy * width * spread * 4), kx * depth
    rows, columns = np.mgrid[:ky, :kx]
    return ((rows * dy * width + columns * dx) * spread * 4).ravel(), depth


@inlined
def copy_line(to, source, count, channels, depth, spread):  # type: ignore[no-untyped-def]
    """Copy `depth` channels of places that are next to each other; they will be `spread` elements apart."""
    if spread == channels:
        copy_words(to, source, count * channels)
    else:
        for i in range(count):
            copy_words(to + i * spread * 4, source + i * channels * 4, depth)


@inlined
def copy_lines(to, x, g, image, first, count, width, spread):  # type: ignore[no-untyped-def]
    """Copy lines of an image, the first number `first`, with padding around them: `width` places each."""
    height, own, channels, left = g[0], g[1], g[2], min(g[8], width)
    inside = min(own, width - left)
    short = width * spread <= SHORT
    if short:
        clear_words(to, count * width * spread)
    for i in range(first, first + count):
        if short:
            if 0 <= i < height:
                source = x + (image * height + i) * own * channels * 4
                copy_line(to + left * spread * 4, source, inside, channels, g[13], spread)
        elif 0 <= i < height:
            clear_words(to, left * spread)
            source = x + (image * height + i) * own * channels * 4
            copy_line(to + left * spread * 4, source, inside, channels, g[13], spread)
            clear_words(to + (left + inside) * spread * 4, (width - left - inside) * spread)
        else:
            clear_words(to, width * spread)
        to += width * spread * 4


@inlined
def find_lines(x, scratch, g, image, line, count, spread):  # type: ignore[no-untyped-def]
    """Return where the first of `count` lines of windows starts, and the bytes from one to the next.

    They are in the image itself, unless there is `scratch` for padding.
    """
    width, kx, sy, sx, dx = g[1], g[4], g[5], g[6], g[10]
    if scratch == 0:
        pitch = width * spread * 4
        return x + (image * g[0] + line * sy) * pitch, sy * pitch
    places = (g[12] - 1) * sx + (kx - 1) * dx + 1
    rows = (count - 1) * sy + (g[3] - 1) * g[9] + 1
    copy_lines(scratch, x, g, image, line * sy - g[7], rows, places, spread)
    return scratch, sy * places * spread * 4


@inlined
def f32_lines(  # type: ignore[no-untyped-def]
    a,
    pitch,
    lines,
    ow,
    lda,
    offsets,
    runs,
    k,
    b,
    n,
    first,
    last,
    bias,
    c,
    ldc,
    apart,
    low,
    high,
    plus,
):
    """C = clamp(A B + bias + R) for some `lines` of `ow` windows, `pitch` bytes apart, and some panels.

    Rows of C are `ldc` elements apart, its lines `apart` bytes. Short lines that follow each other are taken two at a
    time.
    """
    size = runs * k * PANEL * 4
    wide, thin = height_for(ow, HEIGHTS), height_for(ow, THIN_HEIGHTS)
    pairs = lines // 2 if 2 * ow <= ROWS and apart == ow * ldc * 4 else 0
    tiles = (ow + wide - 1) // wide
    pace = max(1, PANEL * 4 // (tiles * lines - pairs)) if n * runs * k * 4 >= STREAMED else 0
    for p in range(first, last):
        at = p * PANEL * 4
        columns = min(PANEL, n - p * PANEL)
        height, vectors = (thin, 1) if columns <= LANES else (wide, 2)
        w, s, to, r = b + p * size, bias + at, c + at, plus + at if plus else 0
        ahead, speed = w + size, pace if p + 1 < last else 0
        i = 0
        while i < lines:
            if i < 2 * pairs and vectors == 2:
                f32_tiles(
                    2 * ow, 2, 2 * ow, a + i * pitch, lda, pitch, offsets, runs, k, w, s, r, to, ldc,
                    columns, ahead, speed, low, high,
                )  # fmt: skip
                done = 2
            else:
                half = (height + 1) // 2 * lda * 4
                f32_tiles(
                    height, vectors, ow, a + i * pitch, lda, half, offsets, runs, k, w, s, r, to, ldc,
                    columns, ahead, speed, low, high,
                )  # fmt: skip
                done = 1
            i += done
            to += done * apart
            r = r + done * apart if r else 0
            ahead += tiles * runs * k * speed
