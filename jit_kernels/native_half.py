"""Products of halves in half arithmetic (`refimpl.native_half`), in the order that the node's dialect names.

A vector is output channels: one of the packed weights' panels, a row of it for each product. With parts = 8 product t
is added to the sum t mod 8. `v.fma_half` is one instruction with AVX512-FP16 and on ARMv8.2, and exact elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..refimpl.conv import conv2d
from ..refimpl.native_half import ORDERS, is_native
from .conv import limits, shifted
from .gemm import PANEL, pack, pad_columns
from .kernel import F64, I64, OK, S64, U16, inlined, kernel, share
from .lowering import Lowering, Operand, Site, Step
from .patches import clear_halves, geometry, runs
from .simd import Tile, Value, Vectors, tile

HEIGHTS = (1, 2, 4, 8)  # rows of the tiles
BLOCK = 32  # rows whose windows are copied at a time


def native_tile(rows: int, parts: int) -> Tile:
    """Return the tile of some rows and a panel, each result of some partial sums."""

    @tile(f"native_half_{rows}_{parts}")
    def sums(
        v: Vectors, a: I64, lda: I64, b: I64, k: I64, bias: I64, c: I64, ldc: I64, columns: I64,
        low: F64, high: F64,
    ) -> None:  # fmt: skip
        """C = clamp(A B + bias), every step rounded to half."""
        lanes = 2 * v.lanes
        zero = v.full("s16", 0, lanes)
        acc = [v.load("s16", bias, 0, lanes), *[zero] * (parts - 1)] * rows

        def products(t: Value) -> tuple[list[Value], Value]:
            line = v.load("s16", b, v.mul(t, 2 * lanes), lanes)
            places = (v.add(v.mul(lda, 2 * r), v.mul(t, 2)) for r in range(rows))
            return [v.splat(v.scalar("s16", a, at), lanes) for at in places], line

        def round_of(i: Value, *before: Value) -> list[Value]:
            new = list(before)
            for part in range(parts):
                xs, line = products(v.add(v.mul(i, parts), part))
                for r, x in enumerate(xs):
                    at = r * parts + part
                    new[at] = v.fma_half(x, line, new[at])
            return new

        whole = v.b.sdiv(k, v.const(parts))
        acc = v.carry(whole, acc, round_of)
        done = v.mul(whole, parts)

        def single(i: Value, *before: Value) -> list[Value]:
            xs, line = products(v.add(done, i))
            new = []
            for at, old in enumerate(before):
                mine = v.b.icmp_signed("==", i, v.const(at % parts))
                new.append(v.b.select(mine, v.fma_half(xs[at // parts], line, old), old))
            return new

        if parts > 1:
            acc = v.carry(v.b.sub(k, done), acc, single)
        ends = [v.splat(v.narrow(x, "f32"), lanes) for x in (low, high)]
        for r in range(rows):
            total = _total(v, acc[r * parts : (r + 1) * parts])
            y = v.narrow_half(v.clamp(v.widen_half(total), *ends))
            _store(v, y, v.add(c, v.mul(ldc, 2 * r)), columns)

    return sums


def _total(v: Vectors, sums: list[Value]) -> Value:
    """Add the others to the first: 1 times each."""
    one, total = v.full("s16", 0x3C00, sums[0].type.count), sums[0]
    for other in sums[1:]:
        total = v.fma_half(other, one, total)
    return total


def _store(v: Vectors, y: Value, to: Value, columns: Value) -> None:
    """Store the first `columns` halves, all of them if there are more."""
    full = v.b.icmp_signed(">=", columns, v.const(y.type.count))
    with v.b.if_else(full) as (all_of_them, some):
        with all_of_them:
            v.store(y, to)
        with some:
            v.store_halves(columns, [y], to)


ONE = {rows: native_tile(rows, 1) for rows in HEIGHTS}
EIGHT = {1: native_tile(1, 8)}


@tile("native_half_tiles", inline=True)
def native_tiles(
    v: Vectors, rows: I64, parts: I64, a: I64, lda: I64, b: I64, k: I64, bias: I64, c: I64, ldc: I64,
    columns: I64, low: F64, high: F64,
) -> None:  # fmt: skip
    """Call the tile of some rows and parts."""
    given = (a, lda, b, k, bias, c, ldc, columns, low, high)
    done = v.b.append_basic_block("done")
    which = v.b.switch(v.add(rows, v.mul(parts, 100)), done)
    cases = {100 + rows: each for rows, each in ONE.items()} | {801: EIGHT[1]}
    for number, each in cases.items():
        block = v.b.append_basic_block("tile")
        which.add_case(v.const(number), block)
        with v.b.goto_block(block):
            v.run(each, *given)
            v.b.branch(done)
    v.b.position_at_end(done)


@tile("copy_halves", inline=True)
def copy_halves(v: Vectors, to: I64, source: I64, count: I64) -> None:
    """Copy 16-bit elements."""
    wide = (2 * v.lanes, 8) if v.lanes > 4 else (8,)
    copy = lambda i, width: v.store(  # noqa: E731
        v.load("s16", source, v.mul(i, 2), width), to, v.mul(i, 2)
    )
    runs(v, count, wide, copy)


@inlined
def gather_halves(to, x, g, first, rows):  # type: ignore[no-untyped-def]
    """Write windows first .. first + rows - 1 as rows of halves, zeros for what is outside (see `patches.geometry`)."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx = g[5], g[6], g[7], g[8], g[9], g[10]
    oh, ow, depth = g[11], g[12], g[13]
    for r in range(first, first + rows):
        image, place = r // (oh * ow), r % (oh * ow)
        y0, x0 = place // ow * sy - top, place % ow * sx - left
        for p in range(ky):
            y = y0 + p * dy
            for q in range(kx):
                column = x0 + q * dx
                if 0 <= y < height and 0 <= column < width:
                    at = ((image * height + y) * width + column) * channels
                    copy_halves(to, x + 2 * at, depth)
                else:
                    clear_halves(to, depth)
                to += 2 * depth


@kernel
def half_native_product(
    x: I64, w: I64, bias: I64, y: I64, g: S64, scratch: I64, m: I64, k: I64, n: I64, lda: I64,
    ldc: I64, parts: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = clamp(A W + bias); the rows of A are those of `x`, or windows over it where `lda` is 0."""
    panels = (n + PANEL - 1) // PANEL
    blocks = (m + BLOCK - 1) // BLOCK
    start, stop, first, last = 0, blocks, 0, panels
    if blocks >= threads:
        start, stop = share(blocks, tid, threads)
    else:
        first, last = share(panels, tid, threads)
    for block in range(start, stop if first < last else start):
        row = block * BLOCK
        rows = min(BLOCK, m - row)
        a, stride = x + 2 * row * lda, lda
        if lda == 0:
            a, stride = scratch + tid * BLOCK * k * 2, k
            gather_halves(a, x, g, row, rows)
        for p in range(first, last):
            column = p * PANEL
            b, s, columns = w + 2 * column * k, bias + 2 * column, min(PANEL, n - column)
            i = 0
            while i < rows:
                left = rows - i
                height = 8 if left >= 8 else 4 if left >= 4 else 2 if left >= 2 else 1
                height = height if parts == 1 else 1
                to = y + 2 * ((row + i) * ldc + column)
                native_tiles(
                    height, parts, a + 2 * i * stride, stride, b, k, s, to, ldc, columns, low, high
                )
                i += height
    return OK


@kernel
def half_pack(
    w: U16, b: U16, packed: U16, bias: U16, k: I64, n: I64, biased: I64, tid: I64, threads: I64
) -> I64:
    """Pack weights (N, K) and a bias that are known only when the plan runs."""
    start, stop = share((n + PANEL - 1) // PANEL, tid, threads)
    for p in range(start, stop):
        for j in range(PANEL):
            column = p * PANEL + j
            used = column < n
            bias[column] = b[column] if used and biased else np.uint16(0)
            for i in range(k):
                packed[(p * k + i) * PANEL + j] = w[column * k + i] if used else np.uint16(0)
    return OK


def _weights(site: Site, first: int, n: int, k: int) -> tuple[list[Step], Operand, Operand]:
    """Return packed filters first .. first + n - 1 and their bias, and the steps that pack them, if any."""
    w, b = site.inputs[1], site.inputs[2] if len(site.inputs) > 2 else None
    assert w is not None
    if w.value is not None and (b is None or b.value is not None):
        values = None if b is None or b.value is None else b.value[first : first + n]
        packed = pack(w.value.reshape(-1, k)[first : first + n].T)
        return [], site.constant(packed), site.constant(pad_columns(values, n, np.float16))
    columns = -(-n // PANEL) * PANEL
    room, bias = site.scratch(2 * k * columns), site.scratch(2 * columns)
    source = None if b is None else shifted(b, first)
    made = (shifted(w, first * k), source, room, bias, k, n, int(b is not None))
    return [Step(half_pack, made)], room, bias


def lower_native(site: Site) -> Sequence[Step]:
    """A group at a time; windows are copied, unless they are single places one after the other."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    attributes = site.attributes
    parts, ends = ORDERS[site.node.dialect].parts, limits(attributes["activation"])
    if site.node.op is not conv2d:
        n, k = w.type.shape
        m = x.type.size // k
        packing, weights, bias = _weights(site, 0, n, k)
        step = Step(
            half_native_product, (x, weights, bias, y, None, None, m, k, n, k, n, parts, *ends)
        )
        return [*packing, step] if m and n else []
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    m, k, n = math.prod(y.type.shape[:3]), p * q * d, o * d // c
    in_place = (p, q) == attributes["stride"] == (1, 1) and not any(attributes["pad"])
    g = site.constant(geometry(x.type.shape, (p, q), y.type.shape, attributes, d))
    scratch = None if in_place else site.scratch(site.threads * BLOCK * k * 2)
    steps: list[Step] = []
    for group in range(c // d if m else 0):
        packing, weights, bias = _weights(site, group * n, n, k)
        places = (shifted(x, group * d), weights, bias, shifted(y, group * n), g, scratch)
        sizes = (m, k, n, c if in_place else 0, o, parts)
        steps += [*packing, Step(half_native_product, (*places, *sizes, *ends))]
    return steps


def _computes_in_half(site: Site) -> bool:
    """Whether the node's dialect names an order."""
    return is_native(site.node.op, "f16", site.node.dialect)


NATIVE = Lowering(lower_native, _computes_in_half)
