"""Sums and differences of two 8-bit tensors as one linear form of the stored bytes, which is checked on all pairs.

The rule brings both numbers to a common scale, adds and rescales, and rounds each time. But there are 65,536 pairs of
bytes: when the plan is made, all of them show whether z = floor((a A + b B + K) / 2**d) gives the same, with
coefficients of 30 bits cut into two parts of 15, so that an instruction takes a product of each: some nine operations a
vector. Halves are rounded away from zero, as in the rule. Where no such form exists, the rule is followed step by step.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from ..ir import Array, Op, TensorType
from ..quant.rule import INT8, Quantized, number_format
from .conv_int8 import byte_code
from .kernel import I64, OK, S64, kernel
from .lowering import Site, Step
from .pairs_int8 import less, long_rows, pairwise_bytes, places_of
from .simd import Value, Vectors

PART = 15  # bits of the lower part of a coefficient
KEPT = 6  # of which this many count
MOST_PLACES = 22  # so that a byte before them, and the sum, stay inside of 32 bits
NUDGES = sorted(itertools.product(range(-3, 4), repeat=2), key=lambda p: abs(p[0]) + abs(p[1]))


class Form(NamedTuple):
    """z = floor((t - [t < 0] + half) / 2**places), with t = floor((a A + b B + K) 2**(KEPT - PART)).

    a and b are unsigned: int8 ones have their sign bits flipped.
    """

    a: int
    b: int
    constant: int
    half: int
    places: int


@functools.lru_cache(maxsize=1000)
def form_of(
    op: Op[..., Array],
    types: tuple[TensorType, TensorType, TensorType],
    dialect: str,
    activation: str,
) -> Form | None:
    """Return a form that is right for all pairs of bytes, if there is one."""
    x, y, z = types
    want = _all_pairs(op, types, dialect, activation)
    signs = (1, 1) if op.__name__ == "add" else (1, -1)
    unit = _scale(z)
    reals = [sign * _scale(t) / unit for sign, t in zip(signs, (x, y), strict=True)]
    places = min(2 * PART - math.frexp(max(map(abs, reals)))[1], PART - KEPT + MOST_PLACES)
    if places <= PART - KEPT:
        return None
    low, high = want.min(), want.max()
    inner = want > low, want < high
    bytes_ = [np.arange(256) - byte_code(t)[1] for t in (x, y)]
    places_kept = places - PART + KEPT
    for nudges in NUDGES:
        # The nearest coefficients first; then those that are a little off.
        a, b = (round(math.ldexp(r, places)) + (n << 4) for r, n in zip(reals, nudges, strict=True))
        t = (bytes_[0][:, None] * a + bytes_[1] * b) >> (PART - KEPT)
        below = (want.astype(np.int64) << places_kept) - t + (t < 0)
        least = int(below.max(where=inner[0], initial=-(2**40)))
        most = int(below.min(where=inner[1], initial=2**40)) + (1 << places_kept) - 1
        # Nothing wraps, wherever the zero point of z may be.
        room = 2**31 - (256 << places_kept) - max(map(abs, (least, most)))
        fits = max(abs(a), abs(b)) < 1 << 2 * PART and int(np.abs(t).max()) < room
        if least <= most and fits:
            constant = -sum(c * byte_code(t)[1] for c, t in zip((a, b), (x, y), strict=True))
            return Form(a, b, constant, (least + most) // 2, places_kept)
    return None


def _scale(t: TensorType) -> float:
    assert t.quant is not None
    return float(np.float32(t.quant.scale[0]))


def _all_pairs(
    op: Op[..., Array],
    types: tuple[TensorType, TensorType, TensorType],
    dialect: str,
    activation: str,
) -> Array:
    """Return what the rule gives for all pairs, less the zero point; bytes in the order of their unsigned codes."""
    x, y, z = types
    code = np.arange(256) - (128 if x.dtype == np.int8 else 0)
    first, second = (
        Quantized(v.astype(x.dtype), t.quant) for v, t in ((code[:, None], x), (code, y))
    )
    out = (TensorType((256, 256), z.dtype, z.quant),)
    rule = INT8[op, number_format(op, (x, y), dialect)]
    found = rule(first, second, out=out, activation=activation, dialect=dialect)
    return np.asarray(found).astype(np.int64) - Quantized(found, z.quant).zero_point


def _linear(v: Vectors, pairs: Value, words: list[Value]) -> Value:
    """Return z of pairs of bytes."""
    count = pairs.type.count
    lower, upper, early, late, border, places = (v.splat(w, count) for w in words)
    kept, over = (v.full("s32", n, count) for n in (PART - KEPT, KEPT))
    pairs, lower, upper = (
        v.b.bitcast(t, v.vector("s16", 2 * count)) for t in (pairs, lower, upper)
    )
    fine = v.b.ashr(v.dot2_s16(early, pairs, lower), kept)
    t = v.b.shl(v.dot2_s16(late, pairs, upper), over)
    t = v.b.add(t, v.b.add(fine, border))
    return v.b.ashr(v.b.add(t, v.b.sext(v.b.icmp_signed("<", t, border), t.type)), places)


loop = pairwise_bytes("q8_linear", 6, _linear)


@kernel
def q8_linear(
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
    """Z is a linear form of x and y."""
    loop(x, y, z, layout, p, flip, low, high, out, tid, threads)
    return OK


def _form(site: Site) -> Form | None:
    (x, y), (z,) = site.inputs, site.outputs
    assert x is not None and y is not None
    x_type, y_type, z_type = (TensorType((), t.type.dtype, t.type.quant) for t in (x, y, z))
    types = x_type, y_type, z_type
    return form_of(site.node.op, types, site.node.dialect, site.attributes["activation"])


def takes_linear(site: Site) -> bool:
    """Whether rows are long enough, and there is a form that gives what the rule gives."""
    quantized = all(t is not None and t.type.quant for t in (*site.inputs, *site.outputs))
    return quantized and long_rows(site) and _form(site) is not None


def lower_linear(site: Site) -> list[Step]:
    """The form's numbers: coefficients, lower and upper parts in pairs; constants; places."""
    (x, y), (z,) = site.inputs, site.outputs
    form = _form(site)
    assert form is not None and x is not None and y is not None and z.type.quant is not None
    mask = (1 << PART) - 1
    border = form.half + ((z.type.quant.zero_point[0] - less(z)) << form.places)
    numbers = [_pair(form.a & mask, form.b & mask), _pair(form.a >> PART, form.b >> PART)]
    numbers += [form.constant & mask, form.constant >> PART, border, form.places]
    return [Step(q8_linear, places_of(site, x, y, numbers))]


def _pair(first: int, second: int) -> int:
    return (first & 0xFFFF) | (second & 0xFFFF) << 16
