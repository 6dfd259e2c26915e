"""Sums, differences and products of two 8-bit tensors by the fixed-point arithmetic of their rules, in vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..quant.binary import sum_bits, sum_scales
from ..quant.fixedpoint import quantize_multiplier
from ..quant.rule import Quantized
from ..refimpl.binary import sub
from .conv_int8 import byte_code
from .kernel import I64, OK, S64, kernel
from .lowering import Operand, Site, Step
from .pairs_int8 import less, pairwise_bytes, places_of
from .requant_tiles import EVEN, MINUS, OFFSET, PLUS, SHIFT, START, bounded_table
from .simd import Value, Vectors


def _apart(v: Vectors, pairs: Value, zeros: list[Value]) -> list[Value]:
    """Return both numbers, less their zero points."""
    count = pairs.type.count
    first = v.b.and_(pairs, v.full("s32", 0xFFFF, count))
    second = v.b.lshr(pairs, v.full("s32", 16, count))
    return [v.b.sub(t, v.splat(z, count)) for t, z in zip((first, second), zeros, strict=True)]


def _twice(v: Vectors, x: Value, multiplier: list[Value]) -> Value:
    """Scale by a multiplier: mantissa, shift to the left, shift to the right."""
    mantissa, left, right = (v.splat(w, x.type.count) for w in multiplier)
    return v.shift_rounding(v.high_mul(v.b.shl(x, left), mantissa), right)


def _sum(v: Vectors, pairs: Value, words: list[Value]) -> Value:
    """Bring both to one scale, add or subtract, rescale."""
    count = pairs.type.count
    a, b = _apart(v, pairs, words[:2])
    unit, sign, bits, zero = (v.splat(w, count) for w in words[2:6])
    a, b = v.b.mul(a, unit), _twice(v, v.b.shl(b, bits), words[6:9])
    return v.b.add(_twice(v, v.b.add(a, v.b.mul(b, sign)), words[9:12]), zero)


def _product(v: Vectors, pairs: Value, words: list[Value]) -> Value:
    """Multiply, rescale."""
    a, b = _apart(v, pairs, words[:2])
    return v.b.add(_twice(v, v.b.mul(a, b), words[3:6]), v.splat(words[2], a.type.count))


def _bounded(v: Vectors, pairs: Value, words: list[Value]) -> Value:
    """Multiply, rescale as `requant_tiles.Bounded` does: the sum of one product is small."""
    count = pairs.type.count
    a, b = _apart(v, pairs, words[:2])
    start, factor, plus, minus, shift, offset = (v.splat(w, count) for w in words[2:8])
    x = v.b.add(v.b.mul(a, b), start)
    high = v.high_mul_unsigned(x, factor, factor)
    added = v.b.select(v.b.icmp_unsigned("<", x, offset), minus, plus)
    return v.b.ashr(v.b.add(high, added), shift)


sums = pairwise_bytes("q8_sum", 12, _sum)
products = pairwise_bytes("q8_product", 6, _product)
bounded_products = pairwise_bytes("q8_product_bounded", 8, _bounded)


@kernel
def q8_sum(
    x: I64,
    y: I64,
    z: I64,
    layout: S64,
    p: I64,
    flip: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Add or subtract."""
    sums(x, y, z, layout, p, flip, low, high, out, tid, threads)
    return OK


@kernel
def q8_product(
    x: I64,
    y: I64,
    z: I64,
    layout: S64,
    p: I64,
    flip: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Multiply."""
    products(x, y, z, layout, p, flip, low, high, out, tid, threads)
    return OK


@kernel
def q8_product_bounded(
    x: I64,
    y: I64,
    z: I64,
    layout: S64,
    p: I64,
    flip: I64,
    low: I64,
    high: I64,
    out: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Multiply, where the result is rescaled by less than a half."""
    bounded_products(x, y, z, layout, p, flip, low, high, out, tid, threads)
    return OK


def _multiplier(real: Any) -> list[int]:
    mantissa, shift = (int(v) for v in quantize_multiplier(real))
    return [mantissa, max(shift, 0), max(-shift, 0)]


def _scale(t: Operand) -> np.float32:
    return Quantized(np.empty(0), t.type.quant).scale


def _zero(z: Operand) -> int:
    assert z.type.quant is not None
    return z.type.quant.zero_point[0] - less(z)


def lower_sum_of_bytes(site: Site) -> list[Step]:
    """The operand with the larger scale comes first, as it needs no multiplier: it is half of the common one."""
    (x, y), (z,) = site.inputs, site.outputs
    assert x is not None and y is not None
    signs = (1, -1) if site.node.op is sub else (1, 1)
    if _scale(y) > _scale(x):
        x, y, signs = y, x, signs[::-1]
    bits = sum_bits(z.type.format)
    _, other, last = sum_scales(_scale(x), _scale(y), _scale(z), bits)
    numbers = [byte_code(t.type)[1] for t in (x, y)]
    numbers += [signs[0] << (bits - 1), signs[1], bits, _zero(z)]
    numbers += [*_multiplier(other), *_multiplier(last)]
    return [Step(q8_sum, places_of(site, x, y, numbers))]


def lower_product_of_bytes(site: Site) -> list[Step]:
    """One multiplier."""
    (x, y), (z,) = site.inputs, site.outputs
    assert x is not None and y is not None
    zeros, real = [byte_code(t.type)[1] for t in (x, y)], _scale(x) * _scale(y) / _scale(z)
    mantissa, shift = (np.array([int(n)]) for n in quantize_multiplier(real))
    nothing, most = np.zeros(1, np.int64), np.array([255 * 255])
    rows = bounded_table(nothing, most, nothing, mantissa, shift, _zero(z))
    if rows is None:
        return [Step(q8_product, places_of(site, x, y, [*zeros, _zero(z), *_multiplier(real)]))]
    numbers = [int(n) for n in rows[[START, EVEN, PLUS, MINUS, SHIFT, OFFSET], 0]]
    return [Step(q8_product_bounded, places_of(site, x, y, [*zeros, *numbers]))]
