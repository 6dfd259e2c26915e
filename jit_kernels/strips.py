"""Strips of an image as unsigned bytes, with the padding around it: windows are read from them in place."""

from __future__ import annotations

from .kernel import I64, inlined
from .patches import runs
from .simd import Value, Vectors, tile

SLACK = 64  # bytes behind a strip that are read, but do not count


@tile("flip_bytes")
def flip_bytes(v: Vectors, to: I64, source: I64, count: I64, flip: I64) -> None:
    """Copy bytes, with the bits of `flip` changed."""
    mask = v.narrow(flip, "s8")

    def do(i: Value, width: int) -> None:
        v.store(v.b.xor(v.load("s8", source, i, width), v.splat(mask, width)), to, i)

    runs(v, count, (4 * v.lanes, 16) if v.lanes > 4 else (16,), do)


@tile("fill_bytes")
def fill_bytes(v: Vectors, to: I64, count: I64, value: I64) -> None:
    """Set bytes to a value."""
    byte = v.narrow(value, "s8")
    runs(v, count, (16,), lambda i, width: v.store(v.splat(byte, width), to, i))


@inlined
def copy_strip(to, pitch, x, g, image, first, rows, flip, pad):  # type: ignore[no-untyped-def]
    """Write the lines of an image that windows in output rows first .. first + rows - 1 lie over.

    `pitch` bytes a line: from the first column of the first window to the last of the last. `pad` is what stands
    around the image, after `flip`.
    """
    height, width, channels, ky = g[0], g[1], g[2], g[3]
    sy, top, left, dy = g[5], g[7], g[8], g[9]
    span = (ky - 1) * dy + 1
    before = min(left * channels, pitch)
    inside = max(min(width * channels, pitch - before), 0)
    for r in range((rows - 1) * sy + span):
        if r % sy < span:  # else no window needs it
            at, row = to + r * pitch, first * sy - top + r
            if 0 <= row < height:
                fill_bytes(at, before, pad)
                flip_bytes(at + before, x + (image * height + row) * width * channels, inside, flip)
                fill_bytes(at + before + inside, pitch - before - inside, pad)
            else:
                fill_bytes(at, pitch, pad)
