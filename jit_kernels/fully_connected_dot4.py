"""Fully connected layers on int8 and uint8 tensors by the four-way dot product of bytes, with a float64 multiplier."""

from __future__ import annotations

import numpy as np

from ..ir import Array
from ..quant.dialects import real_multipliers, requantization
from .conv_dot4 import DOT4_WAY, Factors, bytes_end, factors, output_code
from .conv_int8 import ending, quants
from .gemm_dot4 import TALL, pack_quads, real_block, unit_starts
from .kernel import I64, OK, kernel, share
from .lowering import Site, Step
from .requant_tiles import real_table
from .simd import LANES
from .strips import SLACK, flip_bytes

ROOM = 32 << 10  # bytes of rows that are copied at a time
MOST = 2.0**30  # products of sums and multipliers are smaller


@kernel
def dot4_fully_connected(
    x: I64,
    w: I64,
    table: I64,
    y: I64,
    offsets: I64,
    scratch: I64,
    m: I64,
    k: I64,
    n: I64,
    quads: I64,
    block: I64,
    copied: I64,
    flip: I64,
    low: I64,
    high: I64,
    zero: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Y = requantize(X W + bias). Threads share the columns: a layer of one row waits for its weights."""
    first, last = share((n + LANES - 1) // LANES, tid, threads)
    mine = scratch + tid * (block * k + SLACK)
    start = 0
    while start < m and first < last:
        rows = min(block, m - start)
        a = x + start * k
        if copied != 0:
            flip_bytes(mine, a, rows * k, flip)
            a = mine
        real_block(
            a, k, 0, 1, rows, TALL, offsets, 1, quads, w, first, last, table,
            y + start * n, n, n, low, high, zero, out, 0,
        )  # fmt: skip
        start += rows
    return OK


def small(site: Site, f: Factors) -> bool:
    """Whether no sum and no product is too large for the vectors."""
    most = np.abs(f.bias) + f.spread
    return bool(((most < MOST) & (most * multipliers(site) < MOST)).all())


def takes_dot4(site: Site) -> bool:
    """Whether weights are known and fit into int8, and sums as well."""
    f = factors(site, DOT4_WAY)
    return f is not None and small(site, f)


def multipliers(site: Site) -> Array:
    """Return the float64 multiplier of each output."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None
    how = requantization(site.node.op, x.type.format, site.node.dialect)
    return real_multipliers(*quants(site), w.type.shape[0], how)


def pack_rows(w: Array, zero: int) -> Array:
    """Return weights (N, K) less their zero point, packed: once for all layers that share them."""
    return pack_quads((w.astype(np.int16) - np.int16(zero)).astype(np.int8).T[None])


def lower_dot4_fully_connected(site: Site) -> list[Step]:
    """The rows of `x` times the transposed weights."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    f = factors(site, DOT4_WAY)
    assert f is not None
    n, k = w.type.shape
    m, flip = x.type.size // k, DOT4_WAY.code(x.type)[0]
    copied = flip != 0 or k % 4 != 0
    block = min(m, max(TALL, ROOM // k // TALL * TALL))
    table = real_table(f.bias + f.moved, multipliers(site), unit_starts(n))
    assert w.value is not None
    places = (
        x,
        site.packed(pack_rows, w.value, quants(site)[1].zero_point[0]),
        site.constant(table),
        y,
        site.constant(np.zeros(1, np.int64)),
    )
    scratch = site.scratch(site.threads * (block * k + SLACK)) if copied else None
    sizes = (m, k, n, -(-k // 4), block, copied, flip)
    low, high, out = bytes_end(site)
    zero = ending(site, "none")[2] - output_code(site)[1]
    return [Step(dot4_fully_connected, (*places, scratch, *sizes, low, high, zero, out))]
