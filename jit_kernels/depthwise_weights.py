"""Weights and tables of the 8-bit depthwise tiles (`depthwise_dot4.py`), and which nodes have such."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..ir import Array
from .conv_dot4 import operand_code, output_code, widest
from .conv_int8 import ending, fixed_channels, quants
from .depthwise_walk import chunks
from .lowering import Site
from .requant_tiles import EVEN, ODD, bounded_table
from .requant_tiles import ROWS as TABLE
from .simd import LANES

ROWS = 2  # rows of windows that share what is read
UNIT = 4 * LANES  # bytes of a vector
WIDTHS = tuple(n for n in (64, 32, 16, 8) if n <= UNIT)
# Sides of windows, and parts that a weight is cut into, for which there are kernels.
TILED = ((3, 1), (3, 2), (5, 1))


def terms(k: int, stride: int) -> list[tuple[int, int, int]]:
    """Return (column of the window, four rows of the image, row of windows) of each dot product.

    >>> terms(3, 1)[:3]
    [(0, 0, 0), (0, 0, 1), (1, 0, 0)]
    """
    fours = range(-(-((ROWS - 1) * stride + k) // 4))
    return [
        (q, t, o)
        for q in range(k)
        for t in fours
        for o in range(ROWS)
        if 4 * t - o * stride < k and 4 * t + 3 - o * stride >= 0
    ]


def bytes_of_channel(k: int, stride: int, sets: int) -> int:
    """Return the size of what is packed for a channel."""
    return 4 * TABLE + 4 * sets * len(terms(k, stride))


def _order(width: int) -> Array:
    """Return the channels of a vector of `width` in the order of its four vectors of sums."""
    group = min(width, 16)
    return np.arange(width).reshape(-1, 4, group // 4).swapaxes(0, 1).ravel()


def pack(filters: Array, rows: Array, stride: int, sets: int) -> Array:
    """Pack filters (k, k, C) of int16 and their table (TABLE, C) for each vector of channels.

    >>> pack(np.ones((3, 3, 8), np.int16), np.ones((8, 8), np.int32), 1, 1).shape
    (448,)
    """
    k, parts = len(filters), []
    for first, width, _ in chunks(filters.shape[2], WIDTHS):
        order = first + _order(width)
        table = rows[:, order].reshape(TABLE, 4, -1).swapaxes(0, 1).copy()
        table[:, ODD, ::2] = table[:, EVEN, 1::2]
        parts.append(table.ravel().view(np.int8))
        for q, t, o in terms(k, stride):
            quads = np.zeros((width, 4), np.int16)
            for i in range(4):
                p = 4 * t + i - o * stride
                if 0 <= p < k:
                    quads[:, i] = filters[p, q, order]
            some = np.clip(quads, -128, 127)
            parts += [part.astype(np.int8).ravel() for part in (some, quads - some)[:sets]]
    return np.concatenate(parts)


class Folded(NamedTuple):
    """Filters (k, k, C) of int16, the table's rows (`bounded_table`), and the parts that a weight is cut into."""

    filters: Array
    rows: Array
    sets: int


def folded(site: Site) -> Folded | None:
    """Return the filters ready to be packed; None where these tiles cannot run the node."""
    x, w, a = site.inputs[0], site.inputs[1], site.attributes
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None
    (_, k, q, channels), (sy, sx) = w.type.shape, a["stride"]
    dilated = a["dilation"] != (1, 1) and sx != 1
    if w.value is None or (b is not None and b.value is None) or k != q or sy != sx or dilated:
        return None
    filters = w.value[0].astype(np.int16) - np.int16(quants(site)[1].zero_point[0])
    sets = 1 if filters.min() >= -128 and filters.max() <= 127 else 2
    if (k, sets) not in TILED or sx > 2 or channels < WIDTHS[-1] or filters.max() > 254:
        return None
    bias = np.zeros(channels) if b is None or b.value is None else b.value
    zero = operand_code(x.type)[1]
    spread = np.abs(filters).sum(axis=(0, 1), dtype=np.int64) * widest(zero)
    moved = -zero * filters.sum(axis=(0, 1), dtype=np.int64)
    target = ending(site, "none")[2] - output_code(site)[1]
    scales = fixed_channels(site, channels)
    rows = bounded_table(bias, spread, moved, *scales, target)
    return None if rows is None else Folded(filters, rows, sets)
