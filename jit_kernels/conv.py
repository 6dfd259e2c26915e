"""Convolution and fully connected layers in float32, as a product of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.matmul import fully_connected
from .gemm import PANEL, ROWS, pack, pad_columns
from .gemm_block import f32_block, f32_rows_of_one
from .isa import second_level_cache
from .kernel import F64, I64, OK, S64, inlined, kernel, share
from .lines import f32_lines, find_lines, reach, run_offsets
from .lowering import Operand, Site, Step, lowers
from .packing import pack_panel
from .patches import SLACK, gather, geometry

NEAR = 16 << 10  # bytes of rows that shall stay in the first-level cache
FEW = 128 << 10  # bytes of weights that are soon fetched again
FAR = max(
    second_level_cache() // 4, FEW
)  # bytes of rows for the second-level cache, where weights are more
PAGE = 4096  # bytes after which addresses meet in the same set of a first-level cache
CROWD, PAD = 8, 16  # rows that such a set holds; elements that keep copied rows apart
# Where the rows of A are: in x, in lines of x, in scratch, or in columns of x: lines below each other.
IN_PLACE, LINES, COPIED, COLUMNS = range(4)


@inlined
def divide(rows, panels, narrow, tid, threads):  # type: ignore[no-untyped-def]
    """Return the rows (start, stop) and the panels (first, last) of a thread: whichever is shared more evenly.

    If that is much the same, rows are shared where B is `narrow`: the rows of A that another thread wrote come late.
    """
    by_rows = (rows + threads - 1) // threads * panels
    by_panels = (panels + threads - 1) // threads * rows
    if by_rows < by_panels or (by_rows <= by_panels + by_panels // 32 and narrow):
        start, stop = share(rows, tid, threads)
        return start, stop, 0, panels
    first, last = share(panels, tid, threads)
    return 0, rows, first, last


@kernel
def f32_product(
    x: I64,
    w: I64,
    bias: I64,
    plus: I64,
    y: I64,
    g: S64,
    offsets: I64,
    scratch: I64,
    room: I64,
    kind: I64,
    m: I64,
    runs: I64,
    k: I64,
    n: I64,
    lda: I64,
    ldc: I64,
    block: I64,
    low: F64,
    high: F64,
    tid: I64,
    threads: I64,
) -> I64:
    """Y = clamp(A W + bias + R), where `kind` says what A is; `room` bytes of scratch are each thread's.

    R is at `plus` and lies like Y, or is absent (0). `m` counts rows, or lines of `lines.f32_lines`.
    """
    narrow = n * k * runs < m * lda
    start, stop, first, last = divide(m, (n + PANEL - 1) // PANEL, narrow, tid, threads)
    scratch += tid * room
    while start < stop and first < last:
        rows = min(block, stop - start)
        if kind in (LINES, COLUMNS):
            image, line = start // g[11], start % g[11]
            blocks = (stop - start + block - 1) // block
            rows = min((stop - start + blocks - 1) // blocks, g[11] - line)
            c = y + start * g[12] * ldc * 4
            r = plus + start * g[12] * ldc * 4 if plus else 0
            a, pitch = find_lines(x, scratch, g, image, line, rows, lda // g[6])
            lines, each, spacing, step, apart = rows, g[12], lda, ldc, g[12] * ldc * 4
            if kind == COLUMNS:
                lines, each, spacing, pitch = each, lines, pitch // 4, spacing * 4
                step, apart = apart // 4, step * 4
            f32_lines(
                a, pitch, lines, each, spacing, offsets, runs, k, w, n, first, last, bias, c, step, apart,
                low, high, r,
            )  # fmt: skip
        else:
            a, c = x + start * lda * 4, y + start * ldc * 4
            r = plus + start * ldc * 4 if plus else 0
            if kind == COPIED:
                a = scratch
                gather(a, lda * 4, x, g, start, rows, False, 0, 0)
            if m == 1:
                f32_rows_of_one(a, w, k, n, first, last, bias, c, low, high, r)
            else:
                # Copied windows of one place are rows of x as well: those that come next are known.
                pitch = lda if kind == IN_PLACE else k
                later = x + (start + rows) * pitch * 4
                in_a_row = kind == IN_PLACE or g[3] * g[4] * g[5] * g[6] == 1
                extent = min(rows, stop - start - rows) * pitch * 4 if in_a_row else 0
                f32_block(
                    a, lda, rows, w, k, n, first, last, bias, c, ldc, low, high, r, later, extent
                )
        start += rows
    return OK


@kernel
def f32_pack(
    w: I64, b: I64, packed: I64, bias: I64, k: I64, n: I64, biased: I64, tid: I64, threads: I64
) -> I64:
    """Pack weights (N, K) and a bias that are known only when the plan runs."""
    start, stop = share((n + PANEL - 1) // PANEL, tid, threads)
    for p in range(start, stop):
        at, columns = p * PANEL * 4, min(PANEL, n - p * PANEL)
        pack_panel(packed + at * k, w + at * k, k, k, columns, True)
        pack_panel(bias + at, b + at, n, 1, columns if biased else 0, False)
    return OK


def room_for_rows(weights: int) -> int:
    """Return how many bytes of A go through all of B, which has `weights` bytes, at a time."""
    return NEAR if weights <= FEW else FAR


def rows_of_a_block(m: int, k: int, n: int, size: int) -> int:
    """Return how many rows of A, `size` bytes an element, go through all of B at a time."""
    blocks = max(1, round(m * k * size / room_for_rows(k * n * size)))
    rows = -(-m // blocks)
    return -(-rows // ROWS) * ROWS


def shifted(operand: Operand, elements: int) -> Operand:
    """Return the place `elements` further on."""
    offset = operand.offset + elements * operand.type.dtype.itemsize
    return Operand(operand.name, operand.type, offset)


def pack_filters(w: Array, first: int, n: int, k: int) -> Array:
    """Pack n filters of k elements."""
    return pack(w.reshape(-1, k)[first : first + n].T)


def _weights(
    site: Site, w: Array | None, first: int, n: int, k: int
) -> tuple[list[Step], Any, Any]:
    """Return packed filters first .. first + n - 1 and their bias, and the steps that pack them, if any."""
    filters, b = site.inputs[1], site.inputs[2] if len(site.inputs) > 2 else None
    assert filters is not None
    if filters.value is not None and (b is None or b.value is not None):
        values = None if b is None or b.value is None else b.value[first : first + n]
        weights = site.packed(pack_filters, filters.value, first, n, k)
        return [], weights, site.constant(pad_columns(values, n))
    columns = -(-n // PANEL) * PANEL
    packed, bias = site.scratch(4 * k * columns), site.scratch(4 * columns)
    source = None if b is None else shifted(b, first)
    made = (shifted(filters, first * k), source, packed, bias, k, n, b is not None)
    return [Step(f32_pack, made)], packed, bias


def limits(activation: str) -> tuple[float, float]:
    """Return the least and the largest value that a fused activation lets through."""
    low, high = ACTIVATIONS[activation]
    return float(low), float(high)


def crowded(spacing: int) -> bool:
    """Whether rows so many elements apart fall on the same few lines of the first-level cache."""
    return spacing * 4 % PAGE == 0


def _copied(site: Site, g: Array, m: int, k: int, n: int) -> tuple[tuple[Any, ...], int]:
    """Windows as rows in scratch memory, a block at a time."""
    block, spacing = rows_of_a_block(m, k, n, 4), k + PAD if crowded(k) else k
    room = block * spacing * 4 + SLACK
    return (None, site.scratch(site.threads * room), room, COPIED, m, 1, k, n, spacing), block


def _rows(
    site: Site, g: Array, m: int, k: int, n: int, spacing: int
) -> tuple[tuple[Any, ...], int]:
    """Rows where they are, unless many of them would crowd each other out of the cache."""
    if m > CROWD and crowded(spacing):
        return _copied(site, g, m, k, n)
    return (None, None, 0, IN_PLACE, m, 1, k, n, spacing), rows_of_a_block(m, k, n, 4)


def _in_lines(site: Site, g: Array, n: int) -> tuple[tuple[Any, ...], int]:
    """Windows where they are, or in copied lines: with their padding, and apart where they would crowd."""
    width, channels, ky, kx, sy, sx = (int(size) for size in g[1:7])
    dy, dx, oh, ow, depth, images = (int(size) for size in g[9:15])
    copied = any(site.attributes["pad"]) or crowded(sx * channels)
    spread = depth if copied else channels
    spread += PAD if crowded(sx * spread) else 0
    places = reach(ow, sx, kx, dx) if copied else width
    offsets, k = run_offsets(g, places, spread)
    line = places * spread * 4
    block = max(1, min(oh, room_for_rows(ky * kx * depth * n * 4) // (sy * line)))
    room = reach(block, sy, ky, dy) * line if copied else 0
    scratch = site.scratch(site.threads * room) if copied else None
    listed = site.constant(offsets.astype(np.int64))
    kind = LINES if ow >= min(oh, ROWS // 2) else COLUMNS
    return (listed, scratch, room, kind, images * oh, len(offsets), k, n, sx * spread), block


def lower_f32_conv2d(site: Site) -> list[Step]:
    """A group at a time, by the way that suits the shape."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    m, k, n = math.prod(y.type.shape[:3]), p * q * d, o * d // c
    attributes = site.attributes
    g = geometry(x.type.shape, (p, q), y.type.shape, attributes, d)
    unpadded = not any(attributes["pad"])
    single = p * q == 1 and unpadded
    if single and attributes["stride"] == (1, 1):
        form, block = _rows(site, g, m, k, n, c)
    elif 2 * max(y.type.shape[1:3]) >= ROWS and not (
        single and crowded(attributes["stride"][1] * c)
    ):
        form, block = _in_lines(site, g, n)
    else:
        form, block = _copied(site, g, m, k, n)
    places, steps = site.constant(g), []
    for group in range(c // d):
        packing, weights, bias = _weights(site, w.value, group * n, n, k)
        plus = None if site.residual is None else shifted(site.residual, group * n)
        ends = (shifted(x, group * d), weights, bias, plus, shifted(y, group * n), places)
        sizes = (*form, site.pitch or o, block, *limits(attributes["activation"]))
        steps += [*packing, Step(f32_product, (*ends, *sizes))]
    return steps if m else []


@lowers((fully_connected, "f32"))
def lower_f32_fully_connected(site: Site) -> list[Step]:
    """The rows of `x` times the transposed weights."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    n, k = w.type.shape
    m = x.type.size // k
    steps, weights, bias = _weights(site, w.value, 0, n, k)
    unit = {"stride": (1, 1), "pad": (0, 0, 0, 0)}
    g = geometry((1, 1, m, k), (1, 1), (1, 1, m, n), unit)
    form, block = _rows(site, g, m, k, n, k)
    places = (x, weights, bias, site.residual, y, site.constant(g))
    sizes = (*form, n, block, *limits(site.attributes["activation"]))
    return [*steps, Step(f32_product, (*places, *sizes))] if m and n else []
