"""Hybrid layers: float32 activations, quantized while the plan runs, times 8-bit weights.

Two steps: `hybrid_quantize` finds the scale of each image (of each row, for fully connected layers), and the
product multiplies integers and scales the sums back. The arithmetic is that of quant/dynamic.py, bit for bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Array
from ..quant.dynamic import differing_scales
from ..refimpl.conv import conv2d, depthwise_conv2d
from ..refimpl.matmul import fully_connected
from .conv import limits, rows_of_a_block, shifted
from .conv_plain import steps_through, window
from .gemm import PANEL
from .gemm_int8 import hybrid_block, pack_pairs
from .kernel import F32, F64, I64, OK, S8, S64, inlined, kernel, share
from .lowering import CPU, Lowering, Operand, Site, Step
from .patches import SLACK, gather, geometry, widen_bytes

ONE = np.float32(1)


@inlined
def half_away(x):  # type: ignore[no-untyped-def]
    """Round to the nearest whole number, halves away from zero."""
    whole = np.trunc(x)
    if abs(x - whole) >= 0.5:
        whole += 1.0 if x > 0 else -1.0
    return whole


@inlined
def asymmetric(low, high):  # type: ignore[no-untyped-def]
    """Return the scale and the zero point for values from `low` to `high`, as `quantize_asymmetric`."""
    if low == high:
        return ONE, np.int64(0)
    a, b = np.float64(low), np.float64(high)
    step = np.float64(high - low) / 255.0  # the difference is rounded to float32
    nearer_low = 128.0 + abs(a / step) < 127.0 + abs(b / step)
    zero = half_away(-128.0 - a / step if nearer_low else 127.0 - b / step)
    return np.float32(step), np.int64(min(max(zero, -128.0), 127.0))


@kernel
def hybrid_quantize(
    x: F32,
    q: S8,
    scale: F32,
    zero: S64,
    images: I64,
    size: I64,
    centred: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Quantize each image of `size` elements: `centred` about zero, or from the least to the largest."""
    start, stop = share(images, tid, threads)
    for image in range(start, stop):
        at = image * size
        low = high = np.float32(0)
        for i in range(size):
            low, high = min(low, x[at + i]), max(high, x[at + i])
        if centred:
            spread = max(-low, high)
            spread = np.float32(127) if spread == 0 else spread
            scale[image], zero[image] = spread / np.float32(127), 0
            inverse, middle = np.float32(127) / spread, 0.0
        else:
            scale[image], zero[image] = asymmetric(low, high)
            inverse, middle = ONE / scale[image], np.float64(zero[image])
        least = -127.0 if centred else -128.0
        flat = low == high
        for i in range(size):
            value = half_away(np.float64(x[at + i] * inverse)) + middle
            q[at + i] = np.int8(0) if flat else np.int8(min(max(value, least), 127.0))
    return OK


@kernel
def hybrid_product(
    q: I64,
    scale: F32,
    zero: S64,
    w: I64,
    table: I64,
    y: I64,
    g: S64,
    scratch: I64,
    images: I64,
    each: I64,
    m: I64,
    k: I64,
    n: I64,
    lda: I64,
    ldc: I64,
    block: I64,
    product_first: I64,
    low: F64,
    high: F64,
    tid: I64,
    threads: I64,
) -> I64:
    """For each image of `each` elements: Y = clamp(A W scale + bias). Threads share the columns."""
    first, last = share((n + PANEL - 1) // PANEL, tid, threads)
    pairs = (k + 1) // 2
    a = scratch + tid * (block * 4 * pairs + SLACK)
    for image in range(images):
        x = q + image * each
        one, two = (scale[image], ONE) if product_first else (ONE, scale[image])
        x_zero = zero[image] + 128
        start = 0
        while start < m and first < last:
            rows = min(block, m - start)
            if lda == 0:
                gather(a, 4 * pairs, x, g, start, rows, True, 128, x_zero)
            else:
                for i in range(rows):
                    widen_bytes(a + i * 4 * pairs, x + (start + i) * lda, k, 128, x_zero)
            c = y + (image * m + start) * ldc * 4
            hybrid_block(a, rows, w, pairs, n, first, last, table, c, ldc, one, two, low, high)
            start += rows
    return OK


@kernel
def hybrid_depthwise(
    q: S8,
    scale: F32,
    zero: S64,
    w: S8,
    w_scale: F32,
    bias: F32,
    y: F32,
    g: S64,
    step: S64,
    images: I64,
    outputs: I64,
    low: F64,
    high: F64,
    tid: I64,
    threads: I64,
) -> I64:
    """Sum in int32 channel by channel, then scale. Threads share the places."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx, oh, ow = g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12]
    each = step[4]
    lo, hi = np.float32(low), np.float32(high)
    start, stop = share(images * oh * ow, tid, threads)
    for place in range(start, stop):
        ox, line = place % ow, place // ow
        image = line // oh
        y0, x0 = (line - image * oh) * sy - top, ox * sx - left
        p0, p1 = window(height, ky, y0, dy)
        q0, q1 = window(width, kx, x0, dx)
        offset = np.int32(zero[image])
        for o in range(outputs):
            acc = np.int32(0)
            for p in range(p0, p1):
                for t in range(q0, q1):
                    at = ((image * height + y0 + p * dy) * width + x0 + t * dx) * channels
                    acc += (np.int32(q[at + o // each]) - offset) * np.int32(
                        w[(p * kx + t) * outputs + o]
                    )
            value = np.float32(acc) * (w_scale[o] * scale[image]) + bias[o]
            value = lo if value < lo else value
            y[place * outputs + o] = hi if value > hi else value
    return OK


def _scales(site: Site, channels: int) -> Array:
    w = site.inputs[1]
    assert w is not None and w.type.quant is not None
    return np.broadcast_to(np.array(w.type.quant.scale, np.float32), (channels,))


def _bias(site: Site, channels: int) -> Array:
    b = site.inputs[2] if len(site.inputs) > 2 else None
    return np.zeros(channels, np.float32) if b is None or b.value is None else b.value


def _quantize(site: Site, images: int, centred: bool) -> tuple[Step, tuple[Operand, ...]]:
    x = site.inputs[0]
    assert x is not None
    q, scale, zero = site.scratch(x.type.size), site.scratch(4 * images), site.scratch(8 * images)
    made = (x, q, scale, zero, images, x.type.size // images, centred)
    return Step(hybrid_quantize, made), (q, scale, zero)


def _weights(site: Site, first: int, n: int, k: int, channels: int) -> tuple[Operand, Operand]:
    """Return packed filters first .. first + n - 1, and the table of bias and scale by panel."""
    w = site.inputs[1]
    assert w is not None and w.value is not None
    rows = w.value.reshape(-1, k)[first : first + n].astype(np.int16)
    table = np.zeros((2, -(-n // PANEL) * PANEL), np.float32)
    table[0, :n] = _bias(site, channels)[first : first + n]
    table[1, :n] = _scales(site, channels)[first : first + n]
    panels = table.reshape(2, -1, PANEL).swapaxes(0, 1)
    return site.constant(pack_pairs(rows.T)), site.constant(np.ascontiguousarray(panels))


def lower_hybrid_conv2d(site: Site) -> list[Step]:
    """Images about zero where the filters have one scale and one group; see `conv2d_hybrid`."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None and w.type.quant is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    images, attributes = x.type.shape[0], site.attributes
    centred = not differing_scales(w.type.quant) and c == d
    m, k, n = math.prod(y.type.shape[1:3]), p * q * d, o * d // c
    rowwise = (p, q) == attributes["stride"] == (1, 1) and not any(attributes["pad"])
    image = (1, *x.type.shape[1:])  # the product goes from image to image
    g = site.constant(geometry(image, (p, q), y.type.shape, attributes, d))
    block = rows_of_a_block(m, k, n, 2)
    scratch = site.scratch(site.threads * (block * (k + 1) * 2 + SLACK))
    quantize, (stored, scale, zero) = _quantize(site, images, centred)
    steps = [quantize]
    for group in range(c // d):
        weights, table = _weights(site, group * n, n, k, o)
        places = (shifted(stored, group * d), scale, zero, weights, table, shifted(y, group * n))
        sizes = (images, x.type.size // images, m, k, n, c if rowwise else 0, o, block)
        end = (centred, *limits(attributes["activation"]))
        steps.append(Step(hybrid_product, (*places, g, scratch, *sizes, *end)))
    return steps


def lower_hybrid_fully_connected(site: Site) -> list[Step]:
    """Each row is quantized by itself."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    n, k = w.type.shape
    rows = x.type.size // k
    quantize, stored = _quantize(site, rows, True)
    scratch = site.scratch(site.threads * ((k + 1) * 2 + SLACK))
    places = (*stored, *_weights(site, 0, n, k, n), y, None, scratch)
    end = limits(site.attributes["activation"])
    return [quantize, Step(hybrid_product, (*places, rows, k, 1, k, n, k, n, 1, True, *end))]


def lower_hybrid_depthwise(site: Site) -> list[Step]:
    """Images from their least to their largest value."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    images, channels = x.type.shape[0], y.type.shape[3]
    g = geometry(x.type.shape, w.type.shape[1:3], y.type.shape, site.attributes)
    steps, _ = steps_through(w.type.shape, True, x.type.shape[3])
    quantize, stored = _quantize(site, images, False)
    constants: tuple[Any, ...] = (
        site.constant(np.ascontiguousarray(_scales(site, channels))),
        site.constant(_bias(site, channels)),
    )
    end = (images, channels, *limits(site.attributes["activation"]))
    places = (*stored, w, *constants, y, site.constant(g), site.constant(steps))
    return [quantize, Step(hybrid_depthwise, (*places, *end))]


def _known(site: Site) -> bool:
    w = site.inputs[1]
    known = all(t is None or t.value is not None for t in site.inputs[1:])
    return known and w is not None and w.type.dtype == np.int8


for _op, _build in (
    (conv2d, lower_hybrid_conv2d),
    (depthwise_conv2d, lower_hybrid_depthwise),
    (fully_connected, lower_hybrid_fully_connected),
):
    CPU.of((_op, "hybrid"))((Lowering(_build, _known),))
