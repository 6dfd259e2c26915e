"""Attention of many queries: keys and values are packed once, and blocks of queries are products of matrices.

Keys that no query of a block sees take no part in it. A thread keeps the scores of one block.
"""

from __future__ import annotations

import math

from ..refimpl.attention import attention
from .attention import attention_step, ends, lower_few_queries, nothing_to_do, weigh, window
from .gemm import PANEL, ROWS, pad_columns
from .gemm_block import f32_block
from .kernel import F64, I64, OK, S64, inlined, kernel, share
from .lowering import CPU, Lowering, Site, Step
from .matmul import f32_pack_batch
from .simd import Value, Vectors, tile

INFINITY = math.inf
BLOCK = 2 * ROWS  # queries
MANY = 8  # queries for which packing pays


@tile("scale_floats")
def scale_floats(v: Vectors, to: I64, source: I64, count: I64, factor: F64) -> None:
    """Multiply float32 elements."""
    by = v.splat(v.narrow(factor, "f32"))

    def some(i: Value) -> list[Value]:
        mask, at = v.mask(v.b.sub(count, v.mul(i, v.lanes))), v.mul(i, 4 * v.lanes)
        v.store_some(v.b.fmul(v.load_some("f32", mask, source, at), by), mask, to, at)
        return []

    v.carry(v.b.sdiv(v.add(count, v.lanes - 1), v.const(v.lanes)), [], some)


@inlined
def seen_by(place, i0, rows, end, left, right):  # type: ignore[no-untyped-def]
    """Return the first key that any query of a block sees, and the one behind the last."""
    first, _ = window(place + i0, end, left, right)
    _, last = window(place + i0 + rows - 1, end, left, right)
    return min(first, last), last


@kernel
def f32_attention_blocks(
    q: I64, k: I64, values: I64, mask: I64, lengths: S64, y: I64, room: I64, out: I64, strides: S64,
    n: I64, heads: I64, groups: I64, queries: I64, keys: I64, depth: I64, width: I64,
    kind: I64, left: I64, right: I64, offset: I64, limited: I64, trailing: I64, stage: I64,
    scale: F64, cap: F64, zeros: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """`k` and `values` are packed; in `room` each thread has the scores of a block and its scaled queries."""
    blocks, pitch = (queries + BLOCK - 1) // BLOCK, keys * 4
    panels, columns = (keys + PANEL - 1) // PANEL, (width + PANEL - 1) // PANEL
    start, stop = share(n * heads * blocks, tid, threads)
    mine = room + tid * BLOCK * (keys + depth) * 4
    scaled = mine + BLOCK * pitch
    for item in range(start, stop):
        head, i0 = item // blocks, item % blocks * BLOCK
        b, h = head // heads, head % heads
        rows, group = min(BLOCK, queries - i0), b * groups + h * groups // heads
        place, end = ends(lengths, limited, b, keys, queries, trailing, offset)
        first, last = seen_by(place, i0, rows, end, left, right)
        from_panel, to_panel = first // PANEL, (last + PANEL - 1) // PANEL
        if stage > 0:
            from_panel, to_panel = 0, panels
        scale_floats(scaled, q + (head * queries + i0) * depth * 4, rows * depth, scale)
        f32_block(
            scaled, depth, rows, k + group * panels * depth * PANEL * 4, depth, keys, from_panel, to_panel,
            zeros, mine, keys, -INFINITY, INFINITY,
        )  # fmt: skip
        other = mask + (b * strides[0] + h * strides[1]) * 4
        weigh(
            mine, rows, i0, queries, keys, place, end, left, right, other, strides[2] * 4, kind,
            out + head * queries * pitch, stage, cap,
        )  # fmt: skip
        to, packed = (
            y + (head * queries + i0) * width * 4,
            values + group * columns * keys * PANEL * 4,
        )
        for p in range(columns):
            f32_block(
                mine + first * 4, keys, rows, packed + (p * keys + first) * PANEL * 4, last - first,
                min(PANEL, width - p * PANEL), 0, 1, zeros, to + p * PANEL * 4, width, -INFINITY, INFINITY,
            )  # fmt: skip
    return OK


def _has_many_queries(site: Site) -> bool:
    q = site.inputs[0]
    return q is not None and q.type.shape[2] >= MANY


def lower_blocks(site: Site) -> list[Step]:
    """Pack, and run the blocks."""
    done = nothing_to_do(site)
    if done is not None:
        return done
    k, v = site.inputs[1:3]
    assert k is not None and v is not None
    n, groups, keys, depth = k.type.shape
    width, batches, panel = v.type.shape[3], n * groups, PANEL * 4
    packed_k = site.scratch(batches * -(-keys // PANEL) * depth * panel)
    packed_v = site.scratch(batches * -(-width // PANEL) * keys * panel)
    room = site.scratch(4 * BLOCK * (keys + depth) * site.threads)
    zeros = site.constant(pad_columns(None, max(keys, PANEL)))
    packing = [
        Step(f32_pack_batch, (k, packed_k, batches, depth, keys, 1)),
        Step(f32_pack_batch, (v, packed_v, batches, keys, width, 0)),
    ]
    return [*packing, *attention_step(site, f32_attention_blocks, packed_k, packed_v, room, zeros)]


CPU.of((attention, "f32"))((Lowering(lower_blocks, _has_many_queries), Lowering(lower_few_queries)))
