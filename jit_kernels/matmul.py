"""Products of matrices that are both computed: the right one is packed while the plan runs."""

from __future__ import annotations

import math

import numpy as np

from ..ir import Array
from ..refimpl.matmul import matmul
from .conv import rows_of_a_block
from .gemm import PANEL, ROWS, pack, pad_columns
from .gemm_block import f32_block, f32_rows_of_one
from .kernel import F32, I64, OK, S64, inlined, kernel, share
from .lowering import Argument, Operand, Site, Step, lowers
from .packing import pack_panel

INFINITY = math.inf


@kernel
def f32_pack_batch(
    y: I64, packed: I64, batches: I64, k: I64, n: I64, turned: I64, tid: I64, threads: I64
) -> I64:
    """Pack matrices (K, N), or (N, K) that are `turned`, into panels."""
    panels = (n + PANEL - 1) // PANEL
    start, stop = share(batches * panels, tid, threads)
    for item in range(start, stop):
        first = item % panels * PANEL
        source = y + (item // panels * k * n + (first * k if turned else first)) * 4
        to, apart = packed + item * k * PANEL * 4, k if turned else n
        pack_panel(to, source, apart, k, min(PANEL, n - first), turned)
    return OK


@kernel
def f32_turn(x: F32, y: F32, batches: I64, m: I64, k: I64, tid: I64, threads: I64) -> I64:
    """Transpose matrices (K, M) to (M, K)."""
    start, stop = share(batches * m, tid, threads)
    for item in range(start, stop):
        source = item // m * m * k + item % m
        for i in range(k):
            y[item * k + i] = x[source + i * m]
    return OK


@inlined
def multiply(a, w, bias, c, m, k, n, begin, end, first, last, block):  # type: ignore[no-untyped-def]
    """Rows begin .. end - 1 of a product times the panels first .. last - 1, a block of rows at a time."""
    while begin < end:
        rows = min(block, end - begin)
        x, z = a + begin * k * 4, c + begin * n * 4
        if m == 1:
            f32_rows_of_one(x, w, k, n, first, last, bias, z, -INFINITY, INFINITY)
        else:
            later, extent = x + rows * k * 4, min(rows, end - begin - rows) * k * 4
            f32_block(
                x, k, rows, w, k, n, first, last, bias, z, n, -INFINITY, INFINITY, 0, later, extent
            )
        begin += rows


@kernel
def f32_matmul(
    x: I64, w: I64, bias: I64, z: I64, places: S64, batches: I64, m: I64, k: I64, n: I64, block: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Z = X W for each batch; `places` has the matrix of x and of w for each. Threads share rows, or columns."""
    panels, strips = (n + PANEL - 1) // PANEL, (m + ROWS - 1) // ROWS
    by_rows = batches * strips >= 2 * threads
    each = strips if by_rows else panels
    item, stop = share(batches * each, tid, threads)
    while item < stop:
        batch = item // each
        start, end = item - batch * each, min(stop - batch * each, each)
        a, c = x + places[2 * batch] * m * k * 4, z + batch * m * n * 4
        b = w + places[2 * batch + 1] * panels * k * PANEL * 4
        if by_rows:
            multiply(a, b, bias, c, m, k, n, start * ROWS, min(end * ROWS, m), 0, panels, block)
        else:
            multiply(a, b, bias, c, m, k, n, 0, m, start, end, block)
        item = batch * each + end
    return OK


def matrix_places(x: tuple[int, ...], y: tuple[int, ...], out: tuple[int, ...]) -> Array:
    """Return the number of the matrix of x and of y for each matrix of the output."""
    own = [np.arange(math.prod(s[:-2])).reshape(s[:-2]) for s in (x, y)]
    return np.stack([np.broadcast_to(a, out[:-2]).reshape(-1) for a in own], 1).astype(np.int64)


def _left(site: Site, x: Operand, m: int, k: int) -> tuple[list[Step], Argument]:
    if not site.attributes["transpose_x"]:
        return [], x
    if x.value is not None:
        return [], site.constant(np.ascontiguousarray(x.value.swapaxes(-1, -2)))
    turned = site.scratch(x.type.nbytes)
    return [Step(f32_turn, (x, turned, x.type.size // (m * k), m, k))], turned


def _right(site: Site, y: Operand, k: int, n: int) -> tuple[list[Step], Argument]:
    turned, batches = site.attributes["transpose_y"], y.type.size // (k * n)
    if y.value is not None:
        matrices = y.value.swapaxes(-1, -2) if turned else y.value
        return [], site.constant(np.stack([pack(b) for b in matrices.reshape(-1, k, n)]))
    packed = site.scratch(4 * batches * k * -(-n // PANEL) * PANEL)
    return [Step(f32_pack_batch, (y, packed, batches, k, n, turned))], packed


@lowers((matmul, "f32"))
def lower_matmul(site: Site) -> list[Step]:
    """Turn the left side if need be, pack the right one, and multiply."""
    x, y, z = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and y is not None
    m, n = z.type.shape[-2:]
    k = x.type.shape[-2 if site.attributes["transpose_x"] else -1]
    if not z.type.size:
        return []
    if not k:
        return [Step(f32_nothing, (z, z.type.size))]
    left, a = _left(site, x, m, k)
    right, w = _right(site, y, k, n)
    places = site.constant(matrix_places(x.type.shape, y.type.shape, z.type.shape))
    bias, batches = site.constant(pad_columns(None, n)), z.type.size // (m * n)
    sizes = (batches, m, k, n, rows_of_a_block(m, k, n, 4))
    return [*left, *right, Step(f32_matmul, (a, w, bias, z, places, *sizes))]


@kernel
def f32_nothing(z: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Sums of no products."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        z[i] = np.float32(0)
    return OK
