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


def chunks(channels: int) -> list[tuple[int, int, int]]:
    """Return (first channel, channels, place in the packed weights) of each vector; the last may overlap.

    >>> chunks(18)[-2:]
    [(12, 4, 12), (14, 4, 16)]
    """
    found, done = [], 0
    for width in WIDTHS:
        while channels - done >= width:
            found.append((done, width, done))
            done += width
    if done < channels:
        found.append((channels - WIDTHS[-1], WIDTHS[-1], done))
    return found


def blocks_of(channels: int) -> int:
    """Return into how many blocks channels are cut, so that the places under a tile stay in the first-level cache."""
    return max(1, round(channels / BLOCK))


def each_chunk(v: Vectors, channels: Value, do: Callable[[Value, Value, int], None]) -> None:
    """Call `do(first channel, place in the packed weights, width)` for each vector of `chunks`."""
    done = v.const(0)
    for width in WIDTHS:
        over = width - 1 if width == WIDTHS[-1] else 0
        rounds = v.b.sdiv(v.b.sub(v.add(channels, over), done), v.const(width))
        most = v.b.sub(channels, v.const(width))

        def body(
            i: Value, start: Value = done, width: int = width, most: Value = most
        ) -> list[Value]:
            place = v.add(start, v.mul(i, width))
            do(v.least(place, most) if width == WIDTHS[-1] else place, place, width)
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
def part(channels, block, blocks):  # type: ignore[no-untyped-def]
    """Return the first channel of a block and the number: whole vectors, the last block with what is left."""
    vectors = channels // LANES
    first, last = share(vectors, block, blocks)
    return first * LANES, (channels if block == blocks - 1 else last * LANES) - first * LANES


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
        height, width, channels = g[0], g[1], g[2]
        top, left, dy, dx, oh, ow = g[7], g[8], g[9], g[10], g[11], g[12]
        place, bands = channels * size, up(up(oh, dy), ROWS)
        pitch, pitch_y, step = dy * width * place, dy * ow * place, dx * place
        start, stop = share(g[14] * blocks * dy * bands, tid, threads)
        for item in range(start, stop):
            rest, band = item // bands, item % bands
            rest, ry = rest // dy, rest % dy
            image, block = rest // blocks, rest % blocks
            c, count = part(channels, block, blocks)
            # Row m of the image of this remainder is row ty + m dy of the whole.
            ty, m = ry * stride - top, band * ROWS * stride
            low, high = within(height, ty, dy)
            rows = min(ROWS, up(oh - ry, dy) - band * ROWS)
            weights = w + c * words
            source = x + (image * height + ty + m * dy) * width * place + c * size
            target = y + (image * oh + ry + band * ROWS * dy) * ow * place + c * size
            for rx in range(dx if rows > 0 else 0):
                tx, columns = rx * stride - left, up(ow - rx, dx)
                left_end, right_end = within(width, tx, dx)
                first = min(up(left_end, stride), columns)
                last = max(first, min((right_end - k) // stride + 1, columns))
                i = 0
                while i < columns:
                    tiles = (last - i) // COLUMNS if first <= i else 0
                    if tiles == 0 and i < last - 1 and last - first >= COLUMNS and i >= first:
                        i, tiles = (
                            last - COLUMNS,
                            1,
                        )  # overlaps the tile before, with the same results
                    here = source + (tx + i * stride * dx) * place
                    there = target + (rx + i * dx) * place
                    if tiles > 0:
                        whole(
                            here, weights, there, pitch, pitch_y, step, count,
                            low - m, high - m, rows, tiles, *end,
                        )  # fmt: skip
                        i += tiles * COLUMNS
                    else:
                        some, most = left_end - i * stride, right_end - i * stride
                        column(
                            here, weights, there, pitch, pitch_y, step, count,
                            low - m, high - m, rows, max(0, some), min(k, most), *end,
                        )  # fmt: skip
                        i += 1

    return inlined(loop)
