"""Hybrid layers: float32 activations, quantized while the plan runs, times 8-bit weights.

`dynamic_range` quantizes each image (each row, for fully connected layers); a product multiplies integers and scales
the sums back: of bytes where there is an instruction for that (`hybrid_dot4`), else of int16. Depthwise convolution
takes the whole numbers as float32, in which its sums are exact. The arithmetic is that of quant/conv.py and
quant/matmul.py, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..ir import FORMATS, Array
from ..quant.dynamic import differing_scales
from ..refimpl.conv import conv2d, depthwise_conv2d
from ..refimpl.matmul import fully_connected
from .conv import limits, rows_of_a_block, shifted
from .conv_amx import AMX, FEWEST
from .conv_dot4 import DOT4, in_rows
from .conv_plain import steps_through, window
from .dynamic_range import CODE, ONE, quantize_steps
from .gemm import PANEL
from .gemm_amx import SIDE
from .gemm_int8 import hybrid_block, pack_pairs
from .hybrid_dot4 import (
    AMX_HYBRID,
    DOT4_HYBRID,
    HybridWay,
    hybrid_bias,
    hybrid_scales,
    lower_hybrid_conv2d,
    lower_hybrid_fully_connected,
)
from .isa import tiles_permitted
from .kernel import F32, F64, I64, OK, S8, S32, S64, kernel, share
from .lowering import CPU, Lowering, Operand, Site, Step
from .patches import SLACK, gather, geometry, widen_bytes
from .simd import Value, Vectors, tile
from .storage import Recast

F32_DTYPE = FORMATS["f32"]
MOST_TAPS = 2**24 // (255 * 128)  # products whose sum is exact in float32


def as_float32(w: Array) -> Array:
    """Return whole numbers as float32."""
    return w.astype(F32_DTYPE)


@kernel
def hybrid_product(
    q: I64,
    scale: F32,
    zero: S32,
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
    flip: I64,
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
        x_zero = zero[image] + flip
        start = 0
        while start < m and first < last:
            rows = min(block, m - start)
            if lda == 0:
                gather(a, 4 * pairs, x, g, start, rows, True, flip, x_zero)
            else:
                for i in range(rows):
                    widen_bytes(a + i * 4 * pairs, x + (start + i) * lda, k, flip, x_zero)
            c = y + (image * m + start) * ldc * 4
            hybrid_block(a, rows, w, pairs, n, first, last, table, c, ldc, one, two, low, high)
            start += rows
    return OK


@tile("scale_channels")
def scale_channels(
    v: Vectors, y: I64, rows: I64, channels: I64, w_scale: I64, bias: I64, scale: F64, low: F64, high: F64
) -> None:  # fmt: skip
    """Y = clamp(y (w_scale scale) + bias) in place, of rows of channels."""
    own, *ends = (v.narrow(x, "f32") for x in (scale, low, high))

    def row(i: Value) -> list[Value]:
        line, done = v.pointer(y, v.mul(i, v.mul(channels, 4))), v.const(0)
        for width in (v.lanes, 1):
            rounds, start = v.b.sdiv(v.b.sub(channels, done), v.const(width)), done

            def some(j: Value, start: Value = start, width: int = width) -> list[Value]:
                at = v.mul(v.add(start, v.mul(j, width)), 4)
                x, factor, more = (v.load("f32", p, at, width) for p in (line, w_scale, bias))
                x = v.b.fmul(x, v.b.fmul(factor, v.splat(own, width)))
                x = v.clamp(v.b.fadd(x, more), *(v.splat(end, width) for end in ends))
                v.store(x, line, at)
                return []

            v.carry(rounds, [], some)
            done = v.add(done, v.mul(rounds, width))
        return []

    v.carry(rows, [], row)


@kernel
def hybrid_scale(
    y: I64,
    scale: F32,
    w_scale: I64,
    bias: I64,
    images: I64,
    each: I64,
    channels: I64,
    low: F64,
    high: F64,
    tid: I64,
    threads: I64,
) -> I64:
    """Scale the sums of images of `each` places in place; threads share the places."""
    start, stop = share(each, tid, threads)
    for image in range(images):
        at = y + (image * each + start) * channels * 4
        scale_channels(at, stop - start, channels, w_scale, bias, scale[image], low, high)
    return OK


@kernel
def hybrid_depthwise(
    q: F32,
    w: S8,
    y: F32,
    g: S64,
    step: S64,
    outputs: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Sum in int32 channel by channel, for windows too large for sums in float32. Threads share the places."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx, oh, ow = g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12]
    each = step[4]
    start, stop = share(g[14] * oh * ow, tid, threads)
    for place in range(start, stop):
        ox, line = place % ow, place // ow
        image = line // oh
        y0, x0 = (line - image * oh) * sy - top, ox * sx - left
        p0, p1 = window(height, ky, y0, dy)
        q0, q1 = window(width, kx, x0, dx)
        for o in range(outputs):
            acc = np.int32(0)
            for p in range(p0, p1):
                for t in range(q0, q1):
                    at = ((image * height + y0 + p * dy) * width + x0 + t * dx) * channels
                    acc += np.int32(q[at + o // each]) * np.int32(w[(p * kx + t) * outputs + o])
            y[place * outputs + o] = np.float32(acc)
    return OK


def _weights(site: Site, first: int, n: int, k: int, channels: int) -> tuple[Operand, Operand]:
    """Return packed filters first .. first + n - 1, and the table of bias and scale by panel."""
    w, bias = site.inputs[1], hybrid_bias(site)
    assert w is not None and w.value is not None
    rows = w.value.reshape(-1, k)[first : first + n].astype(np.int16)
    table = np.zeros((2, -(-n // PANEL) * PANEL), np.float32)
    table[0, :n] = -0.0 if bias is None else bias[first : first + n]
    table[1, :n] = hybrid_scales(site, channels)[first : first + n]
    panels = table.reshape(2, -1, PANEL).swapaxes(0, 1)
    return site.constant(pack_pairs(rows.T)), site.constant(np.ascontiguousarray(panels))


def is_centred(site: Site) -> bool:
    """Whether images are quantized about zero: where the filters have one scale and one group; see `conv2d_hybrid`."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None and w.type.quant is not None
    return not differing_scales(w.type.quant) and x.type.shape[3] == w.type.shape[3]


def lower_pairs_conv2d(site: Site) -> list[Step]:
    """Windows as rows of int16."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    (o, p, q, d), c = w.type.shape, x.type.shape[3]
    images, attributes = x.type.shape[0], site.attributes
    centred = is_centred(site)
    m, k, n = math.prod(y.type.shape[1:3]), p * q * d, o * d // c
    image = (1, *x.type.shape[1:])  # the product goes from image to image
    g = site.constant(geometry(image, (p, q), y.type.shape, attributes, d))
    block = rows_of_a_block(m, k, n, 2)
    scratch = site.scratch(site.threads * (block * (k + 1) * 2 + SLACK))
    steps, (stored, scale, zero) = quantize_steps(site, images, centred)
    for group in range(c // d):
        weights, table = _weights(site, group * n, n, k, o)
        places = (shifted(stored, group * d), scale, zero, weights, table, shifted(y, group * n))
        sizes = (images, x.type.size // images, m, k, n, c if in_rows(site) else 0, o, block)
        end = (centred, 128 - CODE, *limits(attributes["activation"]))
        steps.append(Step(hybrid_product, (*places, g, scratch, *sizes, *end)))
    return steps


def lower_pairs_fully_connected(site: Site) -> list[Step]:
    """Each row is quantized by itself."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    n, k = w.type.shape
    rows = x.type.size // k
    steps, stored = quantize_steps(site, rows, True)
    scratch = site.scratch(site.threads * ((k + 1) * 2 + SLACK))
    places = (*stored, *_weights(site, 0, n, k, n), y, None, scratch)
    end = (True, 128 - CODE, *limits(site.attributes["activation"]))
    return [*steps, Step(hybrid_product, (*places, rows, k, 1, k, n, k, n, 1, *end))]


def _sums(site: Site, x: Operand, taps: int) -> Sequence[Step]:
    """Return the steps that sum whole numbers `x` times filters in float32."""
    w, y = site.inputs[1], site.outputs[0]
    assert w is not None and w.value is not None
    if taps > MOST_TAPS:
        g = geometry(x.type.shape, w.type.shape[1:3], y.type.shape, site.attributes)
        steps, _ = steps_through(w.type.shape, True, x.type.shape[3])
        made = (x, w, y, site.constant(g), site.constant(steps), y.type.shape[3])
        return [Step(hybrid_depthwise, made)]
    kept = site.packed(as_float32, w.value)
    filters = Operand(kept.name, replace(w.type, dtype=F32_DTYPE, quant=None, value=kept.value))
    real = Recast(site, (x, filters, None), site.outputs)
    real.attributes = {**site.attributes, "activation": "none"}
    return real.best().build(real)


def lower_hybrid_depthwise(site: Site) -> list[Step]:
    """Images from their least to their largest value."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    images, channels = x.type.shape[0], y.type.shape[3]
    steps, (q, scale, _) = quantize_steps(site, images, False, real=True)
    whole = Operand(q.name, replace(x.type, value=None), q.offset)
    steps += _sums(site, whole, math.prod(w.type.shape[1:3]))
    bias = hybrid_bias(site)
    constants = (
        site.constant(hybrid_scales(site, channels)),
        site.constant(np.full(channels, -0.0, np.float32) if bias is None else bias),
    )
    sizes = (images, math.prod(y.type.shape[1:3]), channels)
    end = limits(site.attributes["activation"])
    return [*steps, Step(hybrid_scale, (y, scale, *constants, *sizes, *end))]


def _known(site: Site) -> bool:
    w = site.inputs[1]
    known = all(t is None or t.value is not None for t in site.inputs[1:])
    return known and w is not None and w.type.dtype == np.int8


def _by_tiles(rows: Callable[[Site], int]) -> Callable[[Site], bool]:
    """Whether tiles may be used, and sums are long and rows many enough for them."""

    def accepts(site: Site) -> bool:
        w = site.inputs[1]
        assert w is not None
        return (
            _known(site)
            and tiles_permitted()
            and rows(site) >= SIDE
            and math.prod(w.type.shape[1:]) >= FEWEST
        )

    return accepts


def _places(site: Site) -> int:
    y = site.outputs[0].type
    return math.prod(y.shape[1:3]) if in_rows(site) else y.shape[2]


def _rows(site: Site) -> int:
    w, y = site.inputs[1], site.outputs[0]
    assert w is not None
    return y.type.size // max(w.type.shape[0], 1)


def _conv2d(how: HybridWay) -> Callable[[Site], list[Step]]:
    return lambda site: lower_hybrid_conv2d(site, how, is_centred(site))


def _fully_connected(how: HybridWay) -> Callable[[Site], list[Step]]:
    return lambda site: lower_hybrid_fully_connected(site, how)


for _op, _by, _many, _pairs in (
    (conv2d, _conv2d, _places, lower_pairs_conv2d),
    (fully_connected, _fully_connected, _rows, lower_pairs_fully_connected),
):
    CPU.of((_op, "hybrid"))(
        (
            Lowering(_by(AMX_HYBRID), _by_tiles(_many), AMX),
            Lowering(_by(DOT4_HYBRID), _known, DOT4),
            Lowering(_pairs, _known),
        )
    )
CPU.of((depthwise_conv2d, "hybrid"))((Lowering(lower_hybrid_depthwise, _known),))
