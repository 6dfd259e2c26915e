"""Products of bytes by the four-way dot product: the tiles of int8 convolution, with their sums left as they are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..ir import Array, QuantParams
from .conv_dot4 import DOT4, Folded, Way, group_by_group, product_of_rows, product_of_windows
from .conv_nd import window
from .convert import converted
from .gemm_dot4 import sums_block
from .kernel import I64, OK, S32, S64, kernel, share
from .lowering import Lowering, Operand, Site, Step
from .requant_tiles import ROWS, START
from .simd import LANES
from .storage import Recast
from .strided import operand

rows_of_sums, windows_of_sums = product_of_rows(sums_block), product_of_windows(sums_block)


@kernel
def dot4_sum_rows(
    x: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, m: I64, n: I64, quads: I64,
    lda: I64, ldc: I64, rows: I64, room: I64, how: I64, copied: I64, flip: I64,
    low: I64, high: I64, out: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Y = X W for rows of X."""
    rows_of_sums(
        x, w, table, y, offsets, scratch, m, n, quads, lda, ldc, rows, room, how, copied, flip,
        low, high, 0, out, tid, threads,
    )  # fmt: skip
    return OK


@kernel
def dot4_sum_windows(
    x: I64, w: I64, table: I64, y: I64, offsets: I64, scratch: I64, g: S64, channel: I64, n: I64,
    pieces: I64, quads: I64, pitch: I64, ldc: I64, lines: I64, room: I64, how: I64, flip: I64,
    pad: I64, low: I64, high: I64, out: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The same for windows over X, from channel number `channel` on."""
    windows_of_sums(
        x, w, table, y, offsets, scratch, g, channel, n, pieces, quads, pitch, ldc, lines, room, how,
        flip, pad, low, high, out, tid, threads,
    )  # fmt: skip
    return OK


class SumsWay(Way):
    """Sums of four bytes' products, which stay int32."""

    size = 4
    rows = dot4_sum_rows
    windows = dot4_sum_windows

    def end(self, site: Site) -> tuple[int, int, int]:
        """Nothing is clamped."""
        return 0, 0, 0


WAY = SumsWay()


def _value(site: Site, position: int) -> Array | None:
    """Return zero points where they are known; 0 where there are none."""
    zero = site.inputs[position] if len(site.inputs) > position else None
    return np.zeros((), np.int32) if zero is None else zero.value


def _less(w: Array, zero: Array) -> Array | None:
    """Return filters (O, ...) less their zero points as int8; None where they do not fit."""
    whole = w.astype(np.int16) - zero.astype(np.int16).reshape(-1, *(1,) * (w.ndim - 1))
    fits = whole.size and whole.min() >= -128 and whole.max() <= 127
    return whole.astype(np.int8) if fits else None


def _folded(filters: Array, zero: int, x: Operand) -> Folded:
    """Return filters (O, ky, kx, D), and where their sums start: what stored bytes have too much is taken off."""
    seen = replace(x.type, quant=QuantParams((1.0,), (zero,)))
    rows = np.zeros((ROWS, len(filters)), np.int64)
    rows[START] = -WAY.code(seen)[1] * filters.reshape(len(filters), -1).sum(1, dtype=np.int64)
    return Folded(filters, 0, rows.astype(np.uint32).view(np.int32))


def _seen(site: Site, x: Operand, y: Operand, zero: int, **attributes: tuple[int, ...]) -> Recast:
    """Return the site of a quantized convolution over an image."""
    stored = replace(x.type, quant=QuantParams((1.0,), (zero,)))
    seen = Recast(site, (replace(x, type=stored), site.inputs[1]), (y,))
    seen.attributes = attributes
    return seen


def _conv_filters(site: Site) -> Array | None:
    x, w, zeros = operand(site.inputs[0]), operand(site.inputs[1]), _value(site, 3)
    image = len(x.type.shape) == 4
    known = w.value is not None and zeros is not None and _value(site, 2) is not None
    groups = x.type.shape[-1] // w.type.shape[-1]
    if not image or not known or w.type.shape[0] // groups < LANES:
        return None
    assert w.value is not None and zeros is not None
    return _less(w.value, zeros)


def lower_conv(site: Site) -> list[Step]:
    """As a convolution of int8, group by group."""
    x, w, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    filters, zero = _conv_filters(site), _value(site, 2)
    assert filters is not None and zero is not None
    _, _, _, stride, dilation, _ = window(site)
    pad = tuple(site.attributes["pad"]) or (0,) * 4
    shift = int(zero)
    seen = _seen(site, x, y, shift, stride=stride, dilation=dilation, pad=pad)
    seen.inputs = (seen.inputs[0], replace(w, type=replace(w.type, value=filters)))
    fold = _folded(filters, shift, x)
    return group_by_group(seen, WAY, fold, x.type.shape[-1] // w.type.shape[-1])


@kernel
def take_off(y: S32, sums: S32, zero: S32, m: I64, n: I64, tid: I64, threads: I64) -> I64:
    """Take the zero point's part off: it times the sum of each column."""
    start, stop = share(m, tid, threads)
    for row in range(start, stop):
        for i in range(n):
            y[row * n + i] -= zero[0] * sums[i]
    return OK


def _matrix(site: Site) -> Array | None:
    """Return the transposed right side, less its zero points."""
    w, zeros = operand(site.inputs[1]), _value(site, 3)
    shift = site.inputs[2] if len(site.inputs) > 2 else None
    single = shift is None or shift.type.shape == ()
    if w.value is None or zeros is None or len(w.type.shape) != 2 or not single:
        return None
    return _less(w.value.T, zeros.reshape(-1)) if w.type.shape[1] >= LANES else None


def lower_matmul(site: Site) -> list[Step]:
    """As a convolution over single places; a zero point that only the run brings is taken off afterwards."""
    x, y = operand(site.inputs[0]), site.outputs[0]
    turned, zero = _matrix(site), _value(site, 2)
    assert turned is not None
    n, k = turned.shape
    m = math.prod(y.type.shape[:-1])
    shift = 0 if zero is None else int(zero)
    image = replace(x, type=replace(x.type, shape=(1, 1, m, k)))
    result = replace(y, type=replace(y.type, shape=(1, 1, m, n)))
    filters = turned.reshape(n, 1, 1, k)
    one, none = (1, 1), (0, 0, 0, 0)
    seen = _seen(site, image, result, shift, stride=one, dilation=one, pad=none)
    of = replace(operand(site.inputs[1]).type, shape=filters.shape, value=filters)
    seen.inputs = (seen.inputs[0], replace(operand(site.inputs[1]), type=of))
    steps = group_by_group(seen, WAY, _folded(filters, shift, image), 1)
    if zero is not None:
        return steps
    before, late = converted(site, operand(site.inputs[2]), "s32")
    sums = site.constant(turned.sum(1, dtype=np.int64).astype(np.uint32).view(np.int32))
    return [*before, *steps, Step(take_off, (y, sums, late, m, n))]


CONV_DOT4 = Lowering(lower_conv, lambda site: _conv_filters(site) is not None, DOT4)
MATMUL_DOT4 = Lowering(lower_matmul, lambda site: _matrix(site) is not None, DOT4)
