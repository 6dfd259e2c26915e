"""Convolution and fully connected layers in float32, as a product of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.matmul import fully_connected
from .gemm import PANEL, ROWS, f32_block, f32_rows_of_one, pack, pad_columns
from .kernel import F32, F64, I64, OK, S64, kernel, share
from .lowering import Operand, Site, Step, lowers
from .patches import SLACK, gather, geometry

NEAR = 16 << 10  # bytes of rows that shall stay in the first-level cache
FAR = 128 << 10  # and in the second


@kernel
def f32_product(
    x: I64,
    w: I64,
    bias: I64,
    plus: I64,
    y: I64,
    g: S64,
    scratch: I64,
    m: I64,
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
    """Y = clamp(A W + bias + R); the rows of A are those of `x`, or windows over it where `lda` is 0.

    R is at `plus` and lies like Y, or is absent (0).
    """
    start, stop, first, last = 0, m, 0, (n + PANEL - 1) // PANEL
    if m >= 2 * ROWS * threads:
        start, stop = share((m + ROWS - 1) // ROWS, tid, threads)
        start, stop = start * ROWS, min(stop * ROWS, m)
    else:
        first, last = share(last, tid, threads)
    while start < stop and first < last:
        rows = min(block, stop - start)
        a, stride = x + start * lda * 4, lda
        if lda == 0:
            a, stride = scratch + tid * (block * k * 4 + SLACK), k
            gather(a, k * 4, x, g, start, rows, False, 0, 0)
        c = y + start * ldc * 4
        r = plus + start * ldc * 4 if plus else 0
        if m == 1:
            f32_rows_of_one(a, w, k, n, first, last, bias, c, low, high, r)
        else:
            f32_block(a, stride, rows, w, k, n, first, last, bias, c, ldc, low, high, r)
        start += rows
    return OK


@kernel
def f32_pack(
    w: F32, b: F32, packed: F32, bias: F32, k: I64, n: I64, biased: I64, tid: I64, threads: I64
) -> I64:
    """Pack weights (N, K) and a bias that are known only when the plan runs."""
    start, stop = share((n + PANEL - 1) // PANEL, tid, threads)
    for p in range(start, stop):
        for j in range(PANEL):
            column = p * PANEL + j
            used = column < n
            bias[column] = b[column] if used and biased else np.float32(0)
            for i in range(k):
                packed[(p * k + i) * PANEL + j] = w[column * k + i] if used else np.float32(0)
    return OK


def rows_of_a_block(m: int, k: int, n: int, size: int) -> int:
    """Return how many rows of A, `size` bytes an element, go through all of B at a time."""
    room = NEAR if k * n * size <= FAR else FAR
    blocks = max(1, round(m * k * size / room))
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


def lower_f32_conv2d(site: Site) -> list[Step]:
    """A group at a time. Windows are copied, unless they are single places one after the other."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    m, k, n = math.prod(y.type.shape[:3]), p * q * d, o * d // c
    attributes = site.attributes
    in_place = (p, q) == attributes["stride"] == (1, 1) and not any(attributes["pad"])
    g = site.constant(geometry(x.type.shape, (p, q), y.type.shape, attributes, d))
    block = rows_of_a_block(m, k, n, 4)
    scratch = None if in_place else site.scratch(site.threads * (block * k * 4 + SLACK))
    steps = []
    for group in range(c // d):
        packing, weights, bias = _weights(site, w.value, group * n, n, k)
        plus = None if site.residual is None else shifted(site.residual, group * n)
        places = (shifted(x, group * d), weights, bias, plus, shifted(y, group * n), g, scratch)
        sizes = (m, k, n, c if in_place else 0, o, block)
        steps += [*packing, Step(f32_product, (*places, *sizes, *limits(attributes["activation"])))]
    return steps if m else []


@lowers((fully_connected, "f32"))
def lower_f32_fully_connected(site: Site) -> list[Step]:
    """The rows of `x` times the transposed weights."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    n, k = w.type.shape
    m = x.type.size // k
    steps, weights, bias = _weights(site, w.value, 0, n, k)
    sizes = (m, k, n, k, n, rows_of_a_block(m, k, n, 4))
    step = Step(
        f32_product,
        (
            x,
            weights,
            bias,
            site.residual,
            y,
            None,
            None,
            *sizes,
            *limits(site.attributes["activation"]),
        ),
    )
    return [*steps, step] if m and n else []
