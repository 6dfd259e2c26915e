"""nnacl's batch normalization and its factor for each channel, on int8: rows of what has one factor."""

from __future__ import annotations

import math

import numpy as np

from ..quant.nnacl_channel import scale_bounds
from ..quant.rule import Quantized
from ..refimpl.channel import batch_norm, scale
from .kernel import F32, F64P, I64, OK, OUT_OF_DOMAIN, S8, S64, inlined, kernel, share
from .lowering import Operand, Site, Step, lowers
from .requant import factor, scale_twice


@inlined
def as_byte(v):  # type: ignore[no-untyped-def]
    """Round a float32 half away from zero, and clamp."""
    whole = np.trunc(np.float64(v))
    whole += (np.float64(v) - whole >= 0.5) - np.float64(np.float64(v) - whole <= -0.5)
    return np.int8(min(max(whole, -128.0), 127.0))


@kernel
def s8_batch_lines(
    m: S8,
    v: S8,
    f: S8,
    o: S8,
    slope: F32,
    moved: F32,
    p: F64P,
    channels: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Make the slope and the constant of each channel. In `p` are scales and zero points of x, m, v, f, o and y."""
    sx, zx, sm, zm, sv, zv = p[0], p[1], p[2], p[3], p[4], p[5]
    sf, zf, so, zo, sy, zy = p[6], p[7], p[8], p[9], p[10], p[11]
    epsilon, fused, bad = p[12], p[13], 0
    start, stop = share(channels, tid, threads)
    for c in range(start, stop):
        spread = epsilon + sv * (np.float64(v[c]) - zv)
        bad |= not spread > 0
        deviation = np.float32(sy * math.sqrt(max(spread, 0.0)))
        middle = np.float64(m[c]) - zm
        if fused != 0:
            steps = np.float32(np.float64(f[c]) - zf)
            a = np.float32(np.float32(np.float32(sx * sf) * steps) / deviation)
            product = np.float32(np.float32(np.float32(sf * sm) * steps) * np.float32(middle))
            away = np.float32(np.float32(so / sy) * np.float32(np.float64(o[c]) - zo))
            b = np.float32(np.float32(np.float32(zy) + away) - np.float32(a * np.float32(zx)))
            b = np.float32(b - np.float32(product / deviation))
        else:
            a = np.float32(sx / np.float64(deviation))
            b = np.float32(np.float32(zy) - np.float32(a * np.float32(zx)))
            b = np.float32(np.float64(b) - sm * middle / np.float64(deviation))
        slope[c], moved[c] = a, b
    return OUT_OF_DOMAIN if bad else OK


@kernel
def s8_batch_norm(
    x: S8,
    slope: F32,
    moved: F32,
    y: S8,
    outer: I64,
    channels: I64,
    inner: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Apply them."""
    start, stop = share(outer, tid, threads)
    if inner == 1:
        for row in range(start, stop):
            at = row * channels
            for c in range(channels):
                product = np.float32(np.float32(x[at + c]) * slope[c])
                y[at + c] = as_byte(np.float32(product + moved[c]))
        return OK
    start, stop = share(outer * channels, tid, threads)
    for row in range(start, stop):
        a, b = slope[row % channels], moved[row % channels]
        for i in range(row * inner, row * inner + inner):
            y[i] = as_byte(np.float32(np.float32(np.float32(x[i]) * a) + b))
    return OK


@kernel
def s8_scale(
    x: S8, f: S8, o: S8, y: S8, p: S64, outer: I64, channels: I64, inner: I64, offset: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Rescale the product and the offset. In `p` are four zero points, the range and two multipliers."""
    zx, zf, zo, zy, low, high = p[0], p[1], p[2], p[3], p[4], p[5]
    m, ml, mr, mh, mw = p[6], p[7], p[8], p[9], p[10]
    t, tl, tr, th, tw = p[11], p[12], p[13], p[14], p[15]
    start, stop = share(outer * channels, tid, threads)
    for row in range(start, stop):
        c = row % channels
        step, away = np.int32(f[c] - zf), np.int32(zy)
        if offset != 0:
            away = np.int32(away + scale_twice(np.int32(o[c] - zo), t, tl, tr, th, tw))
        for i in range(row * inner, row * inner + inner):
            v = scale_twice(np.int32(x[i] - zx) * step, m, ml, mr, mh, mw) + np.int64(away)
            y[i] = np.int8(min(max(v, low), high))
    return OK


def _quant(x: Operand | None) -> Quantized:
    """Return the scale and the zero point of an operand; those of an absent one do not matter."""
    return Quantized(np.empty(0), x.type.quant if x else None)


def _parts(shape: tuple[int, ...], axis: int, reach: int) -> tuple[int, int, int]:
    """Return how many elements lie before, along and after `reach` axes from `axis` on."""
    first = axis % len(shape)
    last = first + reach
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


@lowers((batch_norm, "s8-nnacl"))
def lower_batch_norm(site: Site) -> list[Step]:
    """The lines first, in scratch."""
    x, m, v, *rest = (*site.inputs, None, None)[:5]
    y = site.outputs[0]
    assert x is not None and m is not None
    fused = rest[0] is not None
    numbers = list[float]()
    for place in (x, m, v, *rest, y):
        q = _quant(place)
        numbers += [float(q.scale), q.zero_point] if place is not None else [1.0, 0.0]
    p = np.array([*numbers, float(np.float32(site.attributes["epsilon"])), fused], np.float64)
    f, o = rest if fused else (m, m)
    count = m.type.size
    slope, moved = site.scratch(4 * max(count, 1)), site.scratch(4 * max(count, 1))
    sizes = _parts(y.type.shape, site.attributes["axis"], 1)
    return [
        Step(s8_batch_lines, (m, v, f, o, slope, moved, site.constant(p), count)),
        Step(s8_batch_norm, (x, slope, moved, y, *sizes)),
    ]


@lowers((scale, "s8-nnacl"), (scale, "s8-nnacl-quirks"))
def lower_scale(site: Site) -> list[Step]:
    """One loop."""
    x, f, o = (*site.inputs, None)[:3]
    y, a = site.outputs[0], site.attributes
    assert x is not None and f is not None
    qx, qf, qo, qy = map(_quant, (x, f, o or f, y))
    real = np.float64(qx.scale) * np.float64(qf.scale) / np.float64(qy.scale)
    ratio = np.float64(qo.scale) / np.float64(qy.scale)
    zeros = [q.zero_point for q in (qx, qf, qo, qy)]
    bounds = scale_bounds(y.type, a["activation"], site.node.dialect)
    p = np.array([*zeros, *bounds, *factor(real), *factor(ratio)], np.int64)
    sizes = _parts(y.type.shape, a["axis"], len(f.type.shape))
    return [Step(s8_scale, (x, f, o or f, y, site.constant(p), *sizes, o is not None))]
