"""Convolutions in plain loops, for what the tiles do not take: weights that are fed, or not finite beside padding.

One loop nest serves grouped and depthwise filters; steps through the weights say how they lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array
from ..refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from .conv import limits, lower_f32_conv2d
from .conv_amx import AMX, lower_amx_conv2d, takes_amx
from .conv_dot4 import DOT4, lower_dot4_conv2d, takes_dot4
from .conv_int8 import byte_code, ending, fixed_channels, lower_q8_conv2d, quantized
from .conv_spread import lower_spread, spreads
from .depthwise import lower_f32_depthwise
from .depthwise_dot4 import lower_dot4_depthwise
from .depthwise_dot4 import takes_dot4 as takes_dot4_depthwise
from .depthwise_f32 import fits as fits_tiles
from .depthwise_f32 import lower_f32_depthwise_tiles
from .depthwise_int8 import lower_q8_depthwise
from .depthwise_one import SINGLE_AMX, SINGLE_DOT4, SINGLE_F32
from .depthwise_repeat import lower_repeated, repeats
from .kernel import F32, F64, I64, OK, S32, S64, U8, inlined, kernel, share
from .lowering import CPU, Lowering, Site, Step
from .patches import geometry
from .winograd import WINOGRAD
from .winograd_int8 import WINOGRAD_INT8


@inlined
def window(size, kernel, start, dilation):  # type: ignore[no-untyped-def]
    """Return the first and the last + 1 of the taps start + t dilation that lie in 0 .. size - 1."""
    first = min(kernel, (-start + dilation - 1) // dilation) if start < 0 else 0
    last = (size - 1 - start) // dilation + 1 if start < size else 0
    return first, max(first, min(last, kernel))


@kernel
def f32_conv_plain(
    x: F32,
    w: F32,
    b: F32,
    r: F32,
    y: F32,
    g: S64,
    step: S64,
    images: I64,
    outputs: I64,
    biased: I64,
    added: I64,
    low: F64,
    high: F64,
    tid: I64,
    threads: I64,
) -> I64:
    """Sum in float32 over the taps that are inside; threads share the places."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx, oh, ow, depth = (
        g[5],
        g[6],
        g[7],
        g[8],
        g[9],
        g[10],
        g[11],
        g[12],
        g[13],
    )
    so, sp, sq, sd, each = step[0], step[1], step[2], step[3], step[4]
    lo, hi = np.float32(low), np.float32(high)
    start, stop = share(images * oh * ow, tid, threads)
    for place in range(start, stop):
        ox, line = place % ow, place // ow
        image = line // oh
        y0, x0 = (line - image * oh) * sy - top, ox * sx - left
        p0, p1 = window(height, ky, y0, dy)
        q0, q1 = window(width, kx, x0, dx)
        for o in range(outputs):
            acc = b[o] if biased else np.float32(0)
            for p in range(p0, p1):
                for q in range(q0, q1):
                    at = ((image * height + y0 + p * dy) * width + x0 + q * dx) * channels
                    at += o // each * depth
                    of = o * so + p * sp + q * sq
                    for d in range(depth):
                        acc += x[at + d] * w[of + d * sd]
            if added:
                acc += r[place * outputs + o]
            acc = lo if acc < lo else acc
            y[place * outputs + o] = hi if acc > hi else acc
    return OK


@inlined
def scale_twice(x, multiplier, shift):  # type: ignore[no-untyped-def]
    """Scalar twin of `quant.fixedpoint.scale_rounding_twice`, for multipliers that are not negative."""
    left, right = max(shift, 0), max(-shift, 0)
    high = (np.int64(np.int32(np.int64(x) << left)) * multiplier + (np.int64(1) << 30)) >> 31
    mask = (np.int64(1) << right) - 1
    threshold = (mask >> 1) + (1 if high < 0 else 0)
    return (high >> right) + (1 if (high & mask) > threshold else 0)


@kernel
def q8_conv_plain(
    x: U8,
    w: U8,
    b: S32,
    y: U8,
    g: S64,
    step: S64,
    multiplier: S32,
    shift: S32,
    images: I64,
    outputs: I64,
    biased: I64,
    x_flip: I64,
    x_zero: I64,
    w_flip: I64,
    w_zero: I64,
    low: I64,
    high: I64,
    y_zero: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """The same in int32, requantized."""
    height, width, channels, ky, kx = g[0], g[1], g[2], g[3], g[4]
    sy, sx, top, left, dy, dx, oh, ow, depth = (
        g[5],
        g[6],
        g[7],
        g[8],
        g[9],
        g[10],
        g[11],
        g[12],
        g[13],
    )
    so, sp, sq, sd, each = step[0], step[1], step[2], step[3], step[4]
    start, stop = share(images * oh * ow, tid, threads)
    for place in range(start, stop):
        ox, line = place % ow, place // ow
        image = line // oh
        y0, x0 = (line - image * oh) * sy - top, ox * sx - left
        p0, p1 = window(height, ky, y0, dy)
        q0, q1 = window(width, kx, x0, dx)
        for o in range(outputs):
            acc = np.int64(b[o]) if biased else np.int64(0)
            for p in range(p0, p1):
                for q in range(q0, q1):
                    at = ((image * height + y0 + p * dy) * width + x0 + q * dx) * channels
                    at += o // each * depth
                    of = o * so + p * sp + q * sq
                    for d in range(depth):
                        a = (np.int64(x[at + d]) ^ x_flip) - x_zero
                        acc += a * ((np.int64(w[of + d * sd]) ^ w_flip) - w_zero)
            scaled = (
                scale_twice(np.int32(acc), np.int64(multiplier[o]), np.int64(shift[o])) + y_zero
            )
            y[place * outputs + o] = np.uint8(min(max(scaled, low), high) & 255)
    return OK


@kernel
def f32_conv_transpose(
    x: F32,
    w: F32,
    b: F32,
    y: F32,
    g: S64,
    images: I64,
    outputs: I64,
    biased: I64,
    low: F64,
    high: F64,
    tid: I64,
    threads: I64,
) -> I64:
    """`g` is that of the convolution over y; each element of y gathers what reaches it, in the order of x."""
    height, width, ky, kx = g[0], g[1], g[3], g[4]
    sy, sx, top, left, oh, ow, depth = g[5], g[6], g[7], g[8], g[11], g[12], g[13]
    lo, hi = np.float32(low), np.float32(high)
    start, stop = share(images * height * width, tid, threads)
    for place in range(start, stop):
        j, line = place % width, place // width
        image = line // height
        i = line - image * height
        for o in range(outputs):
            acc = b[o] if biased else np.float32(0)
            for p in range((i + top) % sy, min(ky, i + top + 1), sy):
                row = (i + top - p) // sy
                if row >= oh:
                    continue
                for q in range((j + left) % sx, min(kx, j + left + 1), sx):
                    column = (j + left - q) // sx
                    if column < ow:
                        at = ((image * oh + row) * ow + column) * depth
                        of = ((o * ky + p) * kx + q) * depth
                        for d in range(depth):
                            acc += x[at + d] * w[of + d]
            acc = lo if acc < lo else acc
            y[place * outputs + o] = hi if acc > hi else acc
    return OK


@kernel
def q8_conv_transpose(
    x: U8,
    w: U8,
    b: S32,
    y: U8,
    g: S64,
    multiplier: S32,
    shift: S32,
    images: I64,
    outputs: I64,
    biased: I64,
    x_flip: I64,
    x_zero: I64,
    w_flip: I64,
    w_zero: I64,
    low: I64,
    high: I64,
    y_zero: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """The same in int32, requantized."""
    height, width, ky, kx = g[0], g[1], g[3], g[4]
    sy, sx, top, left, oh, ow, depth = g[5], g[6], g[7], g[8], g[11], g[12], g[13]
    start, stop = share(images * height * width, tid, threads)
    for place in range(start, stop):
        j, line = place % width, place // width
        image = line // height
        i = line - image * height
        for o in range(outputs):
            acc = np.int64(b[o]) if biased else np.int64(0)
            for p in range((i + top) % sy, min(ky, i + top + 1), sy):
                row = (i + top - p) // sy
                for q in range((j + left) % sx, min(kx, j + left + 1), sx):
                    column = (j + left - q) // sx
                    if row < oh and column < ow:
                        at = ((image * oh + row) * ow + column) * depth
                        of = ((o * ky + p) * kx + q) * depth
                        for d in range(depth):
                            value = (np.int64(x[at + d]) ^ x_flip) - x_zero
                            acc += value * ((np.int64(w[of + d]) ^ w_flip) - w_zero)
            scaled = (
                scale_twice(np.int32(acc), np.int64(multiplier[o]), np.int64(shift[o])) + y_zero
            )
            y[place * outputs + o] = np.uint8(min(max(scaled, low), high) & 255)
    return OK


def steps_through(w: tuple[int, ...], depthwise: bool, channels: int) -> tuple[Array, int]:
    """Return steps through the weights by output, row, column, channel; outputs a group; and the depth."""
    if depthwise:
        p, q, o = w[1:]
        return np.array([1, q * o, o, 0, o // channels], np.int64), 1
    o, p, q, d = w
    return np.array([p * q * d, q * d, d, 1, o * d // channels], np.int64), d


def _places(site: Site) -> tuple[Any, ...]:
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    b = site.inputs[2] if len(site.inputs) > 2 else None
    steps, depth = steps_through(w.type.shape, site.node.op is depthwise_conv2d, x.type.shape[3])
    g = geometry(x.type.shape, w.type.shape[1:3], y.type.shape, site.attributes, depth)
    return x, w, b, y, site.constant(g), site.constant(steps)


def _counts(site: Site) -> tuple[int, int, bool]:
    y = site.outputs[0].type.shape
    return y[0], y[3], len(site.inputs) > 2 and site.inputs[2] is not None


def lower_f32_plain(site: Site) -> list[Step]:
    """Any filters."""
    end = limits(site.attributes["activation"])
    places, added = _places(site), site.residual is not None
    places = (*places[:3], site.residual, *places[3:])
    return [Step(f32_conv_plain, (*places, *_counts(site), added, *end))]


def lower_q8_plain(site: Site) -> list[Step]:
    """Any filters of 8 bits."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None
    multiplier, shift = fixed_channels(site, site.outputs[0].type.shape[3])
    places = (*_places(site), site.constant(multiplier), site.constant(shift))
    codes = (*byte_code(x.type), *byte_code(w.type))
    end = ending(site, site.attributes["activation"])
    return [Step(q8_conv_plain, (*places, *_counts(site), *codes, *end))]


def _transposed(site: Site) -> tuple[tuple[Any, ...], tuple[int, int, bool]]:
    """Return places and counts; the convolution that it is the adjoint of has x for its output."""
    x, w, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and w is not None
    b = site.inputs[3] if len(site.inputs) > 3 else None
    (n, *_, o), c = y.type.shape, x.type.shape[3]
    g = geometry(y.type.shape, w.type.shape[1:3], x.type.shape, site.attributes, c)
    return (x, w, b, y, site.constant(g)), (n, o, b is not None)


def lower_f32_conv2d_transpose(site: Site) -> list[Step]:
    """Plain loops."""
    places, counts = _transposed(site)
    end = limits(site.attributes["activation"])
    return [Step(f32_conv_transpose, (*places, *counts, *end))]


def lower_q8_conv2d_transpose(site: Site) -> list[Step]:
    """Plain loops."""
    x, w = site.inputs[0], site.inputs[1]
    assert x is not None and w is not None
    places, counts = _transposed(site)
    multiplier, shift = fixed_channels(site, counts[1])
    codes = (*byte_code(x.type), *byte_code(w.type))
    end = ending(site, site.attributes["activation"])
    tables = (site.constant(multiplier), site.constant(shift))
    return [Step(q8_conv_transpose, (*places, *tables, *counts, *codes, *end))]


def _known(site: Site) -> bool:
    return all(t is None or t.value is not None for t in site.inputs[1:])


def _padding_is_harmless(site: Site) -> bool:
    """Zeros times the weights are zeros."""
    w = site.inputs[1]
    assert w is not None
    return not any(site.attributes["pad"]) or (
        w.value is not None and bool(np.isfinite(w.value).all())
    )


def _single(site: Site) -> bool:
    return bool(site.attributes["multiplier"] == 1)


CPU.of((conv2d, "f32"))(
    (
        *WINOGRAD,
        Lowering(lower_f32_conv2d, _padding_is_harmless, pitched=True),
        Lowering(lower_f32_plain),
    )
)
CPU.of((depthwise_conv2d, "f32"))(
    (
        Lowering(lower_f32_depthwise_tiles, lambda s: _single(s) and fits_tiles(s)),
        Lowering(lower_f32_depthwise, lambda s: _single(s) and _padding_is_harmless(s)),
        SINGLE_F32,
        Lowering(lower_repeated, lambda s: repeats(s) and s.residual is None),
        Lowering(lower_f32_plain),
    )
)
_twice = quantized("twice")
CPU.of((conv2d, "s8"), (conv2d, "u8"), (conv2d, "s8-nnacl"))(
    (
        Lowering(lower_amx_conv2d, lambda s: _twice(s) and takes_amx(s), AMX),
        Lowering(lower_dot4_conv2d, lambda s: _twice(s) and takes_dot4(s), DOT4),
        WINOGRAD_INT8,
        Lowering(lower_q8_conv2d, _twice),
    )
)
CPU.of((depthwise_conv2d, "s8"), (depthwise_conv2d, "u8"), (depthwise_conv2d, "s8-nnacl"))(
    (
        Lowering(
            lower_dot4_depthwise, lambda s: _twice(s) and _single(s) and takes_dot4_depthwise(s)
        ),
        Lowering(lower_q8_depthwise, lambda s: _twice(s) and _single(s) and _known(s)),
        SINGLE_AMX,
        SINGLE_DOT4,
        Lowering(lower_repeated, lambda s: _twice(s) and repeats(s) and _known(s)),
        Lowering(lower_q8_plain, _twice),
    )
)
CPU.of((conv2d_transpose, "f32"))(
    (Lowering(lower_spread, spreads), Lowering(lower_f32_conv2d_transpose))
)
CPU.of((conv2d_transpose, "s8"), (conv2d_transpose, "u8"), (conv2d_transpose, "s8-nnacl"))(
    (Lowering(lower_q8_conv2d_transpose, _twice),)
)
