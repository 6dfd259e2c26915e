"""Fully connected layers of many rows on int8 and uint8 tensors, or of any weights, by the tiles of AMX."""

from __future__ import annotations

import numpy as np

from ..refimpl.matmul import fully_connected
from .conv_amx import AMX, AMX_WAY
from .conv_dot4 import DOT4, blocks, bytes_end, factors, output_code, packed_for, product_of_rows
from .conv_int8 import ending, lower_q8_fully_connected, quantized
from .fully_connected_dot4 import lower_dot4_fully_connected, multipliers, small, takes_dot4
from .gemm_amx import SIDE, configure, real_block, release
from .gemm_dot4 import unit_starts
from .isa import tiles_permitted
from .kernel import I64, OK, kernel_for
from .lowering import CPU, Lowering, Site, Step
from .requant_tiles import real_table

real_rows = product_of_rows(real_block)


@kernel_for(AMX)
def amx_fully_connected(
    config: I64, x: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, m: I64, n: I64,
    quads: I64, lda: I64, ldc: I64, rows: I64, room: I64, how: I64, copied: I64, flip: I64,
    low: I64, high: I64, zero: I64, out: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = requantize(X W + bias) with a float64 multiplier."""
    configure(config)
    real_rows(
        x, w, table, y, offsets, scratch, m, n, quads, lda, ldc, rows, room, how, copied, flip,
        low, high, zero, out, tid, threads,
    )  # fmt: skip
    release()
    return OK


def takes_amx(site: Site) -> bool:
    """Whether there are rows enough, or weights that do not fit into int8, and no sum is too large."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None
    f = factors(site, AMX_WAY) if tiles_permitted() else None
    many = x.type.size >= SIDE * w.type.shape[1]
    return f is not None and (f.more != 0 or many) and small(site, f)


def lower_amx_fully_connected(site: Site) -> list[Step]:
    """The rows of `x` times the transposed weights."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    f = factors(site, AMX_WAY)
    assert f is not None
    n, k = w.type.shape
    m, quads = x.type.size // k, AMX_WAY.quads(k)
    block, copied, room = blocks(AMX_WAY, m, k, n, k != 4 * quads)
    table = real_table(f.bias + f.moved, multipliers(site), unit_starts(n))
    places = (
        *AMX_WAY.extra(site, quads, f.more),
        x,
        site.constant(packed_for(AMX_WAY, f.w.T[None], f.more)),
        site.constant(table),
        y,
        site.constant(np.zeros(1, np.int64)),
        site.scratch(site.threads * room),
    )
    sizes = (m, n, quads, k, n, block, room, AMX_WAY.bits(site, f.more), k * copied, 0)
    low, high, out = bytes_end(site)
    zero = ending(site, "none")[2] - output_code(site)[1]
    return [Step(amx_fully_connected, (*places, *sizes, low, high, zero, out))]


_real = quantized("real")
CPU.of((fully_connected, "s8"), (fully_connected, "u8"))(
    (
        Lowering(lower_amx_fully_connected, lambda s: _real(s) and takes_amx(s), AMX),
        Lowering(lower_dot4_fully_connected, lambda s: _real(s) and takes_dot4(s), DOT4),
        Lowering(lower_q8_fully_connected, _real),
    )
)
