"""How the windows of a depthwise convolution are walked: bands of rows, in them tiles of columns, in them channels.

A tile makes the sums of `ROWS` x `COLUMNS` windows of k x k for one vector of channels after the other. Rows outside
of the image are left out by a branch in the tile; a column of windows over the left or right edge is made by itself,
by a tile that takes only the part of each window that is inside. Dilated windows are those of the places that lie
`dilation` apart, an image of its own for each remainder: so tiles know no dilation.
"""

from __future__ import annotations

from collections.abc import Callable

from .kernel import Inlined, inlined, share
from .simd import LANES, REGISTERS, Tile, Value, Vectors

ROWS, COLUMNS = (4, 4) if REGISTERS == 32 else (2, 4)  # windows of a tile
BLOCK = 128  # channels that a tile goes through before the next one, about
WIDTHS = tuple(n for n in (16, 8, 4) if n <= LANES)  # channels that are taken at a time


def chunks(channels: int, widths: tuple[int, ...] = WIDTHS) -> list[tuple[int, int, int]]:
    """Return (first channel, channels, place in the packed weights) of each vector; the last may overlap.

    >>> chunks(18, (8, 4))
    [(0, 8, 0), (8, 8, 8), (14, 4, 16)]
    """
    found, done = [], 0
    for width in widths:
        while channels - done >= width:
            found.append((done, width, done))
            done += width
    if done < channels:
        found.append((channels - widths[-1], widths[-1], done))
    return found


def blocks_of(channels: int) -> int:
    """Return into how many blocks channels are cut, so that the places under a tile stay in the first-level cache."""
    return max(1, round(channels / BLOCK))


def each_chunk(
    v: Vectors,
    channels: Value,
    do: Callable[[Value, Value, int], None],
    widths: tuple[int, ...] = WIDTHS,
) -> None:
    """Call `do(first channel, place in the packed weights, width)` for each vector of `chunks`."""
    done = v.const(0)
    for width in widths:
        over = width - 1 if width == widths[-1] else 0
        rounds = v.b.sdiv(v.b.sub(v.add(channels, over), done), v.const(width))
        most = v.b.sub(channels, v.const(width))

        def body(
            i: Value, start: Value = done, width: int = width, most: Value = most
        ) -> list[Value]:
            place = v.add(start, v.mul(i, width))
            do(v.least(place, most) if width == widths[-1] else place, place, width)
            return []

        v.carry(rounds, [], body)
        done = v.add(done, v.mul(rounds, width))


def rows_of(k: int, stride: int, row: int, rows: int = ROWS) -> list[tuple[int, int]]:
    """Return (row of windows, row of the window) that a row of the image has a part in."""
    return [(o, row - o * stride) for o in range(rows) if 0 <= row - o * stride < k]


@inlined
def up(a, b):  # type: ignore[no-untyped-def]
    """Divide by b > 0, rounded up."""
    return -(-a // b)


@inlined
def within(size, start, step):  # type: ignore[no-untyped-def]
    """Return the first and the last + 1 of the whole numbers n for which start + n step lies in 0 .. size - 1."""
    return max(0, up(-start, step)), max(0, (size - 1 - start) // step + 1)


@inlined
def bands_of(g, rows):  # type: ignore[no-untyped-def]
    """Return how many bands of `rows` rows of windows there are at most in an image of a remainder."""
    return up(up(g[11], g[9]), rows)


@inlined
def band(g, item, rows, stride, unit, blocks):  # type: ignore[no-untyped-def]
    """Return what a piece of work is, of those that threads share: a band of `rows` rows and a block of channels.

    First channel and number of them (whole units of `unit`; the last block has what is left); the first row of
    the input and of the output, images one below the other; the rows of the input inside of the image, counted
    from there in steps of the dilation (first, last + 1); and the rows of windows that there are.
    """
    height, channels, top, dy, oh = g[0], g[2], g[7], g[9], g[11]
    bands = bands_of(g, rows)
    rest, j = item // bands, item % bands * rows
    rest, remainder = rest // dy, rest % dy
    image, block = rest // blocks, rest % blocks
    first, last = share(channels // unit, block, blocks)
    c, end = first * unit, channels if block == blocks - 1 else last * unit
    start = remainder * stride - top
    low, high = within(height, start, dy)
    m = j * stride
    at, to = image * height + start + m * dy, image * oh + remainder + j * dy
    return c, end - c, at, to, low - m, high - m, min(rows, up(oh - remainder, dy) - j)


@inlined
def line(g, remainder, k, stride):  # type: ignore[no-untyped-def]
    """Return what a row of windows at every dilation-th place is.

    The column of the first window; the number of windows; which columns are inside of the image, counted from there in
    steps of the dilation (first, last + 1); and which windows are inside as a whole (first, last + 1).
    """
    start, columns = remainder * stride - g[8], up(g[12] - remainder, g[10])
    low, high = within(g[1], start, g[10])
    first = min(up(low, stride), columns)
    last = max(first, min((high - k) // stride + 1, columns))
    return start, columns, low, high, first, last


def walk(k: int, stride: int, whole: Tile, column: Tile) -> Inlined:
    """Return the loops around the tiles of windows of k x k at a stride.

    Both tiles begin with the addresses of the window (row and column 0, inside or not), of the weights and of the
    result; then bytes from row to row of the image and of the result and from column to column of either, the
    number of channels, the rows of the image that are inside (first, last + 1) and the rows of the result that
    there are. `whole` goes on with the number of tiles side by side; `column` with the first and the last + 1 of
    the columns of the window that are inside.
    """

    def loop(x, w, y, g, size, words, blocks, end, tid, threads):  # type: ignore[no-untyped-def]
        """Threads share the bands of rows and the blocks of channels; a channel has `words` bytes of weights."""
        width, place, dy, dx, ow = g[1], g[2] * size, g[9], g[10], g[12]
        pitch, pitch_y, step = dy * width * place, dy * ow * place, dx * place
        start, stop = share(g[14] * blocks * dy * bands_of(g, ROWS), tid, threads)
        for item in range(start, stop):
            c, count, at, to, low, high, rows = band(g, item, ROWS, stride, LANES, blocks)
            weights = w + c * words
            source, target = x + at * width * place + c * size, y + to * ow * place + c * size
            for remainder in range(dx if rows > 0 else 0):
                x0, columns, least, most, first, last = line(g, remainder, k, stride)
                i = 0
                while i < columns:
                    tiles = (last - i) // COLUMNS if first <= i else 0
                    if tiles == 0 and first <= i < last - 1 and last - first >= COLUMNS:
                        # Overlaps the tile before, with the same results.
                        i, tiles = last - COLUMNS, 1
                    here = source + (x0 + i * stride * dx) * place
                    there = target + (remainder + i * dx) * place
                    if tiles > 0:
                        whole(
                            here, weights, there, pitch, pitch_y, step, count,
                            low, high, rows, tiles, *end,
                        )  # fmt: skip
                        i += tiles * COLUMNS
                    else:
                        inside = max(0, least - i * stride), min(k, most - i * stride)
                        column(
                            here, weights, there, pitch, pitch_y, step, count,
                            low, high, rows, *inside, *end,
                        )  # fmt: skip
                        i += 1

    return inlined(loop)
