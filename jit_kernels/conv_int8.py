"""Convolution and fully connected layers on int8 and uint8 tensors, as a product of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array, QuantParams, TensorType
from ..quant.activation import activation_range
from ..quant.dialects import conv_multipliers, real_multipliers, requantization
from .conv import rows_of_a_block, shifted
from .gemm import PANEL, ROWS
from .gemm_int8 import WORDS, fixed_table, pack_pairs, real_block, real_table, twice_block
from .kernel import I64, OK, S16, S32, S64, U8, kernel, share
from .lowering import Site, Step
from .patches import SLACK, gather, geometry, widen_bytes


@kernel
def q8_conv2d(
    x: I64,
    w: I64,
    table: I64,
    y: I64,
    g: S64,
    scratch: I64,
    m: I64,
    k: I64,
    n: I64,
    lda: I64,
    ldc: I64,
    block: I64,
    flip: I64,
    x_zero: I64,
    low: I64,
    high: I64,
    y_zero: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Y = requantize(A W + bias), rounding twice; the rows of A are those of `x`, or windows where `lda` is 0."""
    start, stop, first, last = 0, m, 0, (n + PANEL - 1) // PANEL
    if m >= 2 * ROWS * threads:
        start, stop = share((m + ROWS - 1) // ROWS, tid, threads)
        start, stop = start * ROWS, min(stop * ROWS, m)
    else:
        first, last = share(last, tid, threads)
    pairs = (k + 1) // 2
    a = scratch + tid * (block * 4 * pairs + SLACK)
    while start < stop and first < last:
        rows = min(block, stop - start)
        if lda == 0:
            gather(a, 4 * pairs, x, g, start, rows, True, flip, x_zero)
        elif lda == 2 * pairs:
            widen_bytes(a, x + start * lda, rows * k, flip, x_zero)
        else:
            for i in range(rows):
                widen_bytes(a + i * 4 * pairs, x + (start + i) * lda, k, flip, x_zero)
        c = y + start * ldc
        twice_block(a, rows, w, pairs, n, first, last, table, c, ldc, low, high, y_zero)
        start += rows
    return OK


@kernel
def q8_fully_connected(
    x: I64,
    w: I64,
    table: I64,
    y: I64,
    scratch: I64,
    m: I64,
    k: I64,
    n: I64,
    block: I64,
    narrow: I64,
    flip: I64,
    x_zero: I64,
    low: I64,
    high: I64,
    y_zero: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Y = requantize(X W + bias) with a float64 multiplier. Threads share the columns.

    `narrow` weights are packed as int8: a layer of one row waits for its weights.
    """
    first, last = share((n + PANEL - 1) // PANEL, tid, threads)
    pairs = (k + 1) // 2
    a = scratch + tid * block * 4 * pairs
    start = 0
    while start < m and first < last:
        rows = min(block, m - start)
        for i in range(rows):
            widen_bytes(a + i * 4 * pairs, x + (start + i) * k, k, flip, x_zero)
        c = y + start * n
        real_block(a, rows, w, pairs, n, first, last, table, c, n, low, high, y_zero, narrow)
        start += rows
    return OK


@kernel
def q8_pack(
    w: U8,
    b: S32,
    packed: S16,
    table: S32,
    k: I64,
    n: I64,
    biased: I64,
    flip: I64,
    zero: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Pack weights (N, K) and a bias that are known only when the plan runs."""
    start, stop = share((n + PANEL - 1) // PANEL, tid, threads)
    pairs = (k + 1) // 2
    for p in range(start, stop):
        for j in range(PANEL):
            column = p * PANEL + j
            used = column < n
            table[p * WORDS + j] = b[column] if used and biased else np.int32(0)
            for i in range(2 * pairs):
                value = 0
                if used and i < k:
                    value = (int(w[column * k + i]) ^ flip) - zero
                packed[((p * pairs + i // 2) * PANEL + j) * 2 + i % 2] = value
    return OK


@kernel
def copy_table(source: S32, to: S32, count: I64, tid: I64, threads: I64) -> I64:
    """Copy the table into memory of the run, where its bias is filled in."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        to[i] = source[i]
    return OK


def byte_code(t: TensorType) -> tuple[int, int]:
    """Return (flip, zero): the stored byte b stands for (b ^ flip) - zero."""
    zero = t.quant.zero_point[0] if t.quant else 0
    return (128, zero + 128) if t.dtype == np.int8 else (0, zero)


def quants(site: Site) -> tuple[QuantParams, QuantParams, QuantParams]:
    """Return the quantization of input, weights and output."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    assert x.type.quant and w.type.quant and y.type.quant
    return x.type.quant, w.type.quant, y.type.quant


def quantized(rounding: str) -> Any:
    """Return whether all tensors of a site are quantized and its dialect rounds so."""

    def accepts(site: Site) -> bool:
        x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
        tensors = [t.type for t in (x, w, y) if t is not None]
        how = requantization(site.node.op, tensors[0].format, site.node.dialect)
        whole = all(t.quant is not None and t.dtype.itemsize == 1 for t in tensors)
        return whole and how.rounding == rounding

    return accepts


def table_of(site: Site, bias: Array, first: int, n: int, channels: int) -> Array:
    """Return the table for the columns first .. first + n - 1 of a layer of `channels` outputs."""
    x, w, y = quants(site)
    how = requantization(site.node.op, site.inputs[0].type.format, site.node.dialect)  # type: ignore[union-attr]
    if how.rounding == "real":
        return real_table(bias, real_multipliers(x, w, y, channels, how)[first : first + n])
    multiplier, shift = conv_multipliers(x, w, y, channels, how)
    return fixed_table(bias, multiplier[first : first + n], shift[first : first + n])


def fixed_channels(site: Site, channels: int) -> tuple[Array, Array]:
    """Return the multiplier and the shift of each output channel."""
    x = site.inputs[0]
    assert x is not None
    how = requantization(site.node.op, x.type.format, site.node.dialect)
    return conv_multipliers(*quants(site), channels, how)


def conv_table(site: Site, bias: Array) -> Array:
    """Return rows of bias, multiplier, left and right shift by channel, not cut into panels."""
    multiplier, shift = fixed_channels(site, len(bias))
    return np.stack([bias, multiplier, np.maximum(shift, 0), np.maximum(-shift, 0)]).astype(
        np.int32
    )


def ending(site: Site, activation: str) -> tuple[int, int, int]:
    """Return the least and the largest stored output, and its zero point."""
    y = site.outputs[0].type
    assert y.quant
    return (*activation_range(y, activation, site.node.dialect), y.quant.zero_point[0])


def _weights(site: Site, first: int, n: int, k: int, channels: int) -> tuple[list[Step], Any, Any]:
    """Return packed filters first .. first + n - 1 and their table, and the steps that make them, if any."""
    w, b = site.inputs[1], site.inputs[2] if len(site.inputs) > 2 else None
    assert w is not None
    zero = quants(site)[1].zero_point[0]
    if w.value is not None and (b is None or b.value is not None):
        rows = w.value.reshape(-1, k)[first : first + n].astype(np.int16) - np.int16(zero)
        bias = np.zeros(n, np.int32) if b is None or b.value is None else b.value[first : first + n]
        made = table_of(site, bias, first, n, channels)
        return [], site.constant(pack_pairs(rows.T)), site.constant(made)
    empty = table_of(site, np.zeros(n, np.int32), first, n, channels)
    packed = site.scratch(4 * -(-k // 2) * len(empty) * PANEL)
    table = site.scratch(empty.nbytes)
    source = None if b is None else shifted(b, first)
    sizes = (k, n, b is not None, *byte_code(w.type))
    copied = Step(copy_table, (site.constant(empty), table, empty.size))
    return (
        [copied, Step(q8_pack, (shifted(w, first * k), source, packed, table, *sizes))],
        packed,
        table,
    )


def lower_q8_conv2d(site: Site) -> list[Step]:
    """A group at a time. Windows are widened to int16 as they are copied."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    attributes = site.attributes
    m, k, n = math.prod(y.type.shape[:3]), p * q * d, o * d // c
    rowwise = (p, q) == attributes["stride"] == (1, 1) and not any(attributes["pad"])
    g = site.constant(geometry(x.type.shape, (p, q), y.type.shape, attributes, d))
    block = rows_of_a_block(m, k, n, 2)
    scratch = site.scratch(site.threads * (block * (k + 1) * 2 + SLACK))
    end = ending(site, attributes["activation"])
    steps = []
    for group in range(c // d):
        packing, weights, table = _weights(site, group * n, n, k, o)
        places = (shifted(x, group * d), weights, table, shifted(y, group * n), g, scratch)
        sizes = (m, k, n, c if rowwise else 0, o, block)
        steps += [*packing, Step(q8_conv2d, (*places, *sizes, *byte_code(x.type), *end))]
    return steps


def lower_q8_fully_connected(site: Site) -> list[Step]:
    """The rows of `x` times the transposed weights."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    n, k = w.type.shape
    m = x.type.size // k
    block = min(m, max(4, 65536 // k))
    packing, weights, table = _weights(site, 0, n, k, n)
    narrow = w.type.dtype == np.int8 and not any(quants(site)[1].zero_point) and not packing
    if narrow:
        assert w.value is not None
        weights = site.constant(pack_pairs(w.value.T.astype(np.int16)).astype(np.int8))
    scratch = site.scratch(site.threads * block * (k + 1) * 2)
    end = ending(site, site.attributes["activation"])
    step = Step(
        q8_fully_connected,
        (x, weights, table, y, scratch, m, k, n, block, narrow, *byte_code(x.type), *end),
    )
    return [*packing, step]
