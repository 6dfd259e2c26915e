"""Second oracles of the operators that move blocks of rows and columns."""

from __future__ import annotations

import math

from ...ir import QuantParams, TensorType
from ...refimpl.block import batch_to_space_nd, depth_to_space, space_to_batch_nd, space_to_depth
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8


@EXACT.of(space_to_batch_nd)
def exact_space_to_batch_nd(x: Cells, block: Cells, paddings: Cells, *, zero: int = 0) -> Cells:
    """Each result looks for its source: outside of `x` there is zero."""
    sizes, m = block.values, len(block.values)
    before, after = paddings.values[::2], paddings.values[1::2]
    n = x.shape[0]
    rows = [(x.shape[1 + a] + before[a] + after[a]) // sizes[a] for a in range(m)]
    y = Cells.full((n * math.prod(sizes), *rows, *x.shape[m + 1 :]), zero)
    for i in y.indices():
        within = i[0] // n
        source: list[int] = []
        for a in reversed(range(m)):
            source.insert(0, i[1 + a] * sizes[a] + within % sizes[a] - before[a])
            within //= sizes[a]
        if all(0 <= p < x.shape[1 + a] for a, p in enumerate(source)):
            y[i] = x[(i[0] % n, *source, *i[m + 1 :])]
    return y


@EXACT_INT8.of(*((space_to_batch_nd, fmt) for fmt in ("s8", "u8", "s16", "s8-nnacl")))
def exact_space_to_batch_nd_int8(
    x: Cells,
    block: Cells,
    paddings: Cells,
    *,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    dialect: str,
) -> Cells:
    """Zero is the zero point of the result."""
    target = out[0].quant
    return exact_space_to_batch_nd(x, block, paddings, zero=target.zero_point[0] if target else 0)


@EXACT.of(batch_to_space_nd)
def exact_batch_to_space_nd(x: Cells, block: Cells, crops: Cells) -> Cells:
    """Each result looks for its source."""
    sizes, m = block.values, len(block.values)
    before, after = crops.values[::2], crops.values[1::2]
    n = x.shape[0] // math.prod(sizes)
    rows = [x.shape[1 + a] * sizes[a] - before[a] - after[a] for a in range(m)]
    y = Cells.full((n, *rows, *x.shape[m + 1 :]), 0)
    for i in y.indices():
        within, source = 0, []
        for a in range(m):
            place, offset = divmod(i[1 + a] + before[a], sizes[a])
            within = within * sizes[a] + offset
            source.append(place)
        y[i] = x[(within * n + i[0], *source, *i[m + 1 :])]
    return y


@EXACT.of(space_to_depth)
def exact_space_to_depth(x: Cells, *, block: int) -> Cells:
    """Each element looks for its place."""
    n, h, w, c = x.shape
    y = Cells.full((n, h // block, w // block, c * block * block), 0)
    for b, i, j, k in x.indices():
        y[b, i // block, j // block, (i % block * block + j % block) * c + k] = x[b, i, j, k]
    return y


@EXACT.of(depth_to_space)
def exact_depth_to_space(x: Cells, *, block: int) -> Cells:
    """Each element looks for its place."""
    n, h, w, c = x.shape
    depth = c // (block * block)
    y = Cells.full((n, h * block, w * block, depth), 0)
    for b, i, j, k in x.indices():
        square, d = divmod(k, depth)
        y[b, i * block + square // block, j * block + square % block, d] = x[b, i, j, k]
    return y
