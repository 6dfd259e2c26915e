"""Convolutions and fully connected layers whose tensors are halves, widened and rounded a block of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..ir import Array
from ..refimpl.conv import conv2d
from ..refimpl.matmul import fully_connected
from .conv import (
    PAD,
    crowded,
    divide,
    limits,
    pack_filters,
    room_for_rows,
    rows_of_a_block,
    shifted,
)
from .gemm import PANEL, ROWS, pack, pad_columns
from .gemm_half import half_block, half_rows, spaced
from .half import narrow_halves, widen_halves
from .kernel import F64, I64, OK, S64, inlined, kernel
from .lines import f32_lines, reach, run_offsets
from .lowering import CPU, Lowering, Operand, Site, Step
from .native_half import NATIVE
from .patches import SLACK, clear_words, geometry
from .storage import BY_FLOAT32
from .winograd import WINOGRAD

FEW = 4  # rows up to which the weights stay half: they are read once or little more


@kernel
def half_product(
    x: I64, w: I64, bias: I64, plus: I64, y: I64, scratch: I64, m: I64, k: I64, n: I64, ldc: I64,
    block: I64, few: I64, low: F64, high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = clamp(X W + bias + R): rows one after the other, those of Y `ldc` elements apart.

    R is at `plus` and lies like Y, or nowhere (0).
    """
    start, stop, first, last = divide(m, (n + PANEL - 1) // PANEL, n < m, tid, threads)
    a = scratch + tid * (block * spaced(k) * 4 + 64)
    while start < stop and first < last:
        rows = min(block, stop - start)
        at, source = start * ldc * 2, x + start * k * 2
        r = plus + at if plus else 0
        if few:
            half_rows(source, rows, a, w, k, n, first, last, bias, r, y + at, ldc, low, high)
        else:
            extent = min(rows, stop - start - rows) * k * 2
            half_block(
                source, rows, a, w, k, n, first, last, bias, r, y + at, ldc, low, high, extent
            )
        start += rows
    return OK


@inlined
def widen_lines(to, x, g, image, first, count, width, spread):  # type: ignore[no-untyped-def]
    """Widen lines of an image, the first number `first`, with padding around them, as `copy_lines` copies them."""
    height, own, channels, left = g[0], g[1], g[2], min(g[8], width)
    inside, depth = min(own, width - left), g[13]
    for i in range(first, first + count):
        if 0 <= i < height:
            clear_words(to, left * spread)
            at, source = to + left * spread * 4, x + (image * height + i) * own * channels * 2
            if spread == channels:
                widen_halves(source, at, inside * channels)
            else:
                for j in range(inside):
                    widen_halves(source + j * channels * 2, at + j * spread * 4, depth)
            clear_words(to + (left + inside) * spread * 4, (width - left - inside) * spread)
        else:
            clear_words(to, width * spread)
        to += width * spread * 4


@inlined
def move_rows(to, to_pitch, source, pitch, rows, count, widened):  # type: ignore[no-untyped-def]
    """Widen, or else round, rows of `count` elements; pitches are in elements."""
    if to_pitch == count and pitch == count:
        rows, count = 1, rows * count
    for i in range(rows):
        if widened:
            widen_halves(source + i * pitch * 2, to + i * to_pitch * 4, count)
        else:
            narrow_halves(source + i * pitch * 4, to + i * to_pitch * 2, count)


@kernel
def half_lines(
    x: I64, w: I64, bias: I64, plus: I64, y: I64, g: S64, offsets: I64, scratch: I64, room: I64,
    sums: I64, added: I64, m: I64, runs: I64, k: I64, n: I64, spread: I64, ldc: I64, block: I64, low: F64,
    high: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = clamp(A W + bias + R) for windows in `m` lines of X, which are widened with their padding, a block at a time.

    Sums are float32 in a thread's scratch, `sums` bytes into it, R `added` bytes; they are rounded from there. Rows of
    Y and of R are `ldc` elements apart.
    """
    sy, sx, oh, ow = g[5], g[6], g[11], g[12]
    start, stop, first, last = divide(m, (n + PANEL - 1) // PANEL, True, tid, threads)
    a = scratch + tid * room
    column = first * PANEL
    columns = min(n, last * PANEL) - column
    places = (ow - 1) * sx + (g[4] - 1) * g[10] + 1
    while start < stop and first < last:
        rest = stop - start
        rows = (rest + (rest + block - 1) // block - 1) // ((rest + block - 1) // block)
        image, line = start // oh, start % oh
        rows = min(rows, oh - line)
        high_lines = (rows - 1) * sy + (g[3] - 1) * g[9] + 1
        widen_lines(a, x, g, image, line * sy - g[7], high_lines, places, spread)
        at, mine = (start * ow * ldc + column) * 2, column * 4
        if plus != 0:
            move_rows(a + added + mine, n, plus + at, ldc, rows * ow, columns, True)
        f32_lines(
            a, sy * places * spread * 4, rows, ow, sx * spread, offsets, runs, k, w, n, first, last,
            bias, a + sums, n, ow * n * 4, low, high, a + added if plus != 0 else 0,
        )  # fmt: skip
        move_rows(y + at, ldc, a + sums + mine, n, rows * ow, columns, False)
        start += rows
    return OK


def _packed(w: Array, few: bool) -> Array:
    """Pack weights (N, ...), as halves for few rows."""
    w = w.reshape(len(w), -1)
    return pack(w.T) if few else pack(w.T.astype(np.float32))


def _product(site: Site, w: Array, m: int) -> list[Step]:
    """Return the step of a product with known weights (N, ...)."""
    x, y, b = site.inputs[0], site.outputs[0], site.inputs[2] if len(site.inputs) > 2 else None
    n, k = len(w), w.size // max(len(w), 1)
    few = m <= FEW
    bias = pad_columns(None if b is None else b.value, n)
    block = m if few else rows_of_a_block(m, k, n, 4)
    scratch = site.scratch(site.threads * (block * spaced(k) * 4 + 64))
    places: tuple[Operand | None, ...] = (
        x, site.packed(_packed, w, few), site.constant(bias), site.residual, y, scratch,
    )  # fmt: skip
    sizes = (m, k, n, site.pitch or n, block, int(few), *limits(site.attributes["activation"]))
    return [Step(half_product, (*places, *sizes))] if m and n else []


def _known(site: Site) -> bool:
    """Whether weights and bias are known when the plan is made."""
    return all(t is None or t.value is not None for t in site.inputs[1:3])


def _pointwise(site: Site) -> bool:
    """Whether each window is one place, next to that of the window before."""
    x, w, a = site.inputs[0], site.inputs[1], site.attributes
    assert x is not None and w is not None
    same = w.type.shape[1:3] == a["stride"] == (1, 1) and w.type.shape[3] == x.type.shape[3]
    return same and not any(a["pad"]) and _known(site)


def lower_half_pointwise(site: Site) -> Sequence[Step]:
    """Rows are places."""
    w, y = site.inputs[1], site.outputs[0]
    assert w is not None and w.value is not None
    return _product(site, w.value, math.prod(y.type.shape[:3]))


def lower_half_fully_connected(site: Site) -> Sequence[Step]:
    """Rows are those of `x`."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None and w.value is not None
    return _product(site, w.value, x.type.size // w.type.shape[1])


def pack_widened(w: Array, first: int, n: int, k: int) -> Array:
    """Pack n filters of k elements, widened."""
    return pack_filters(w.astype(np.float32), first, n, k)


def _in_lines(site: Site) -> bool:
    """Whether lines are long enough for tiles of rows, and padding times weights is zero."""
    w, y = site.inputs[1], site.outputs[0]
    assert w is not None
    finite = _known(site) and w.value is not None and bool(np.isfinite(w.value).all())
    return finite and 2 * y.type.shape[2] >= ROWS


def lower_half_lines(site: Site) -> Sequence[Step]:
    """Windows in lines that are widened; a group at a time."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    b = site.inputs[2] if len(site.inputs) > 2 else None
    assert x is not None and w is not None and w.value is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    g = geometry(x.type.shape, (p, q), y.type.shape, site.attributes, d)
    (sy, sx), (dy, dx), (oh, ow) = (g[i : i + 2].tolist() for i in (5, 9, 11))
    n, m = o * d // c, y.type.shape[0] * oh
    places = reach(ow, sx, q, dx)
    spread = d + PAD if crowded(sx * d) else d
    offsets, k = run_offsets(g, places, spread)
    line = places * spread * 4
    block = max(1, min(oh, room_for_rows(p * q * d * n * 4) // (sy * line)))
    lines, sums = reach(block, sy, p, dy) * line + SLACK, -(-block * ow * n * 4 // 64) * 64
    lines = -(-lines // 64) * 64
    room = lines + sums * (1 if site.residual is None else 2)
    scratch = site.scratch(site.threads * room)
    listed, words, steps = site.constant(offsets.astype(np.int64)), site.constant(g), list[Step]()
    for group in range(c // d):
        mine = slice(group * n, (group + 1) * n)
        bias = pad_columns(None if b is None or b.value is None else b.value[mine], n)
        plus = None if site.residual is None else shifted(site.residual, group * n)
        weights = site.packed(pack_widened, w.value, group * n, n, k * len(offsets))
        ends = (shifted(x, group * d), weights, site.constant(bias), plus, shifted(y, group * n))
        sizes = (room, lines, lines + sums, m, len(offsets), k, n, spread, site.pitch or o, block)
        made = (*ends, words, listed, scratch, *sizes, *limits(site.attributes["activation"]))
        steps.append(Step(half_lines, made))
    return steps if m and n else []


CPU.of((conv2d, "f16"))(
    (
        NATIVE,
        Lowering(lower_half_pointwise, _pointwise, pitched=True),
        *WINOGRAD,
        Lowering(lower_half_lines, _in_lines, pitched=True),
        BY_FLOAT32,
    )
)
CPU.of((fully_connected, "f16"))((NATIVE, Lowering(lower_half_fully_connected, _known), BY_FLOAT32))
