"""The loops that walk a block of rows of A with the tiles of `gemm`, and what they have fetched meanwhile."""

from __future__ import annotations

from .gemm import HEIGHTS, LINE, PANEL, ROWS, THIN_HEIGHTS, f32_row, f32_tiles
from .kernel import inlined
from .simd import LANES

LEAST = 4  # rows of a tile whose sums are enough to hide the latency of a product
STREAMED = 256 << 10  # bytes of B from which on it is fetched anew for each product


@inlined
def height_for(rows, heights):  # type: ignore[no-untyped-def]
    """Return the height of the tiles that share out `rows` evenly; the last ones may overlap."""
    most = heights[-1]
    count = (rows + most - 1) // most
    even = (rows + count - 1) // count
    best = 1
    for height in heights:
        if height <= rows:
            best = height
        if height >= even:
            break
    return best


@inlined
def f32_rows_of_one(a, b, k, n, first, last, bias, c, low, high, plus=0):  # type: ignore[no-untyped-def]
    """As `f32_block`, for a product that has one row in all."""
    for p in range(first, last):
        columns = min(PANEL, n - p * PANEL)
        at = p * PANEL * 4
        r = plus + at if plus else 0
        f32_row(a, b + at * k, k, bias + at, r, c + at, columns, low, high)


@inlined
def tiling(rows):  # type: ignore[no-untyped-def]
    """Return how many rows take tiles of the full height, the height of those for the rest, and the number of tiles.

    Where none has the height of the rest, or so few rows that it waits for its sums, one full tile is shared with it.
    """
    rest, fits = rows % ROWS, False
    for height in HEIGHTS:
        if height == rest:
            fits = height >= LEAST
    if rest != 0 and not fits:
        rest = min(rows, rest + ROWS)
    height = height_for(max(rest, 1), HEIGHTS)
    return rows - rest, height, (rows - rest) // ROWS + (rest + height - 1) // height


@inlined
def walk_of(rows, k, n, panels, extent):  # type: ignore[no-untyped-def]
    """Return how a block of rows goes through some panels of B, as `stretch` takes it.

    That is its tiles (`tiling`; thin ones where few columns are left), and what they fetch meanwhile: the first ones
    the next panel of B, if B is streamed, the others a part of `extent` bytes of A; each so many bytes a round.
    """
    whole, wide, tiles = tiling(rows)
    split = 0
    if n * k * 4 >= STREAMED:
        split = tiles - tiles // 2 if extent else tiles
    rounds = (tiles - split) * k * panels
    panel_pace = -(-PANEL * 4 // split) if split else 0
    pace = max(LINE, -(-extent // rounds)) if extent and rounds else 0
    return whole, wide, height_for(rows, THIN_HEIGHTS), tiles, split, panel_pace, pace


@inlined
def stretch(walk, done, rows, columns, k, p, panels, panel, later, extent):  # type: ignore[no-untyped-def]
    """Return where the tiles of one kind that start at row `done` of panel `p` end, their height and their vectors.

    Behind these the address from which on they fetch, and the bytes a round: of the next `panel`, or of `later` rows.
    """
    whole, wide, thin, tiles, split, panel_pace, pace = walk
    stop, height, vectors, i = rows, wide, 2, done // ROWS
    if columns <= LANES:
        height, vectors = thin, 1
    elif done < whole:
        stop, height = min(whole, split * ROWS) if i < split else whole, ROWS
    if i < split:
        return (
            stop,
            height,
            vectors,
            panel + i * k * panel_pace,
            panel_pace if p + 1 < panels else 0,
        )
    fetched = (p * (tiles - split) + i - split) * k * pace
    return stop, height, vectors, later + fetched, pace if fetched < extent else 0


@inlined
def f32_block(  # type: ignore[no-untyped-def]
    a, lda, rows, b, k, n, first, last, bias, c, ldc, low, high, plus=0, later=0, extent=0
):  # fmt: skip
    """C[rows, columns of the panels first .. last - 1] = clamp(A B + bias + R).

    R is spaced like C and starts at `plus`; 0 stands for none. The rows of A that come next are `extent` bytes at
    `later`: they are fetched meanwhile.
    """
    size, panels = k * PANEL * 4, last - first
    walk = walk_of(rows, k, n, panels, extent)
    for p in range(first, last):
        at, columns, done = p * PANEL * 4, min(PANEL, n - p * PANEL), 0
        w, r = b + p * size, plus + at if plus else 0
        while done < rows:
            stop, height, vectors, ahead, pace = stretch(
                walk, done, rows, columns, k, p - first, panels, w + size, later, extent
            )
            below = done * ldc * 4
            f32_tiles(
                height, vectors, stop - done, a + done * lda * 4, lda, (height + 1) // 2 * lda * 4, 0, 1, k, w,
                bias + at, r + below if r else 0, c + at + below, ldc, columns, ahead, pace, low, high,
            )  # fmt: skip
            done = stop
