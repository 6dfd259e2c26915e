"""Attention of few queries, four of a head at a time: scores with all keys, softmax, and the mixture of values.

A thread keeps the scores of four queries, never of all. Where there are fewer, the last one stands for those that lack:
what is computed twice is the same and goes to the same place.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..ir import Array
from ..refimpl.attention import SCORES
from .exponential import exp_of, tanh_of
from .kernel import BOOL, F32, F64, I64, OK, S64, Kernel, inlined, kernel, share
from .lowering import Argument, Operand, Site, Step
from .lstm_cells import copy_floats
from .matmul import f32_nothing
from .simd import Value, Vectors, tile

QUERIES = 4
KEYS = 4
COLUMNS = 4  # vectors of a value's elements
RAW, CAPPED, BIASED, WEIGHTS = (SCORES.index(name) for name in SCORES[1:])

Take = Callable[[Value, Value, Value, list[Value]], list[Value]]


def _rows(
    v: Vectors, base: Value, first: Value, count: Value, pitch: Value, some: int
) -> list[Value]:
    """Return the addresses of `some` rows from `first` on, of which there are `count`."""
    last = v.b.sub(count, v.const(1))
    return [v.add(base, v.mul(v.least(v.add(first, i), last), pitch)) for i in range(some)]


@tile("f32_attention_scores")
def scores_of(
    v: Vectors, q: I64, k: I64, s: I64, queries: I64, keys: I64, depth: I64, pitch: I64, scale: F64
) -> None:
    """Products of up to four queries with `keys` keys, to rows `pitch` bytes apart."""
    factor, zero = v.narrow(scale, "f32"), v.const(0)
    row, whole = v.mul(depth, 4), v.b.sdiv(depth, v.const(v.lanes))
    done = v.mul(whole, v.lanes)
    rest = v.mask(v.b.sub(depth, done))
    lefts = _rows(v, q, zero, queries, row, QUERIES)
    targets = _rows(v, s, zero, queries, pitch, QUERIES)

    def group(g: Value) -> list[Value]:
        first = v.mul(g, KEYS)
        rights = _rows(v, k, first, keys, row, KEYS)

        def add(at: Value, sums: list[Value], mask: Value | None) -> list[Value]:
            def part(p: Value) -> Value:
                return v.load("f32", p, at) if mask is None else v.load_some("f32", mask, p, at)

            a, b = [part(p) for p in lefts], [part(p) for p in rights]
            return [v.fma(a[i // KEYS], b[i % KEYS], x) for i, x in enumerate(sums)]

        start = [v.full("f32", 0.0)] * (QUERIES * KEYS)
        sums = v.carry(whole, start, lambda i, *x: add(v.mul(i, 4 * v.lanes), list(x), None))
        sums = add(v.mul(done, 4), sums, rest)
        last = v.b.sub(keys, v.const(1))
        for i, x in enumerate(sums):
            place = v.mul(v.least(v.add(first, i % KEYS), last), 4)
            v.store(v.b.fmul(v.fold(x, v.b.fadd), factor), targets[i // KEYS], place)
        return []

    v.carry(v.b.sdiv(v.add(keys, KEYS - 1), v.const(KEYS)), [], group)


@tile("f32_attention_values")
def mixture_of(
    v: Vectors, p: I64, values: I64, y: I64, queries: I64, keys: I64, width: I64, pitch: I64
) -> None:
    """Sums of `keys` values of `width` elements, weighed by up to four rows of weights."""
    zero, row = v.const(0), v.mul(width, 4)
    weights = _rows(v, p, zero, queries, pitch, QUERIES)
    targets = _rows(v, y, zero, queries, row, QUERIES)
    step = COLUMNS * v.lanes

    def columns(g: Value) -> list[Value]:
        first = v.mul(g, step)
        left = v.b.sub(width, first)
        masks = [v.mask(v.b.sub(left, v.const(t * v.lanes))) for t in range(COLUMNS)]
        places = [v.mul(v.add(first, t * v.lanes), 4) for t in range(COLUMNS)]

        def add(j: Value, *sums: Value) -> list[Value]:
            here = v.add(values, v.mul(j, row))
            b = [v.load_some("f32", m, here, at) for m, at in zip(masks, places, strict=True)]
            a = [v.repeat("f32", w, v.mul(j, 4)) for w in weights]
            return [v.fma(a[i // COLUMNS], b[i % COLUMNS], x) for i, x in enumerate(sums)]

        for i, x in enumerate(v.carry(keys, [v.full("f32", 0.0)] * (QUERIES * COLUMNS), add)):
            v.store_some(x, masks[i % COLUMNS], targets[i // COLUMNS], places[i % COLUMNS])
        return []

    v.carry(v.b.sdiv(v.add(width, step - 1), v.const(step)), [], columns)


def _across(v: Vectors, count: Value, carried: list[Value], body: Take) -> list[Value]:
    """Take `count` floats, vector by vector: body(offset, mask, first, carried); the mask says which are there."""

    def one(i: Value, *values: Value) -> list[Value]:
        first = v.mul(i, v.lanes)
        return body(v.mul(first, 4), v.mask(v.b.sub(count, first)), first, list(values))

    return v.carry(v.b.sdiv(v.add(count, v.lanes - 1), v.const(v.lanes)), carried, one)


@tile("f32_attention_caps")
def cap_row(v: Vectors, s: I64, keys: I64, cap: F64) -> None:
    """Replace scores by cap tanh(score / cap)."""
    most = v.splat(v.narrow(cap, "f32"))

    def some(at: Value, mask: Value, _: Value, __: list[Value]) -> list[Value]:
        x = v.b.fdiv(v.load_some("f32", mask, s, at), most)
        v.store_some(v.b.fmul(most, tanh_of(v, x)), mask, s, at)
        return []

    _across(v, keys, [], some)


@tile("f32_attention_bias")
def bias_row(v: Vectors, s: I64, mask: I64, kind: I64, first: I64, last: I64, keys: I64) -> None:
    """Add a row of a mask, where `kind` is 1, or one number of it (2), and hide what is not first .. last - 1."""
    nothing = v.full("f32", -math.inf)
    is_row, is_number = (v.b.icmp_signed("==", kind, v.const(c)) for c in (1, 2))

    def some(at: Value, there: Value, start: Value, _: list[Value]) -> list[Value]:
        x = v.load_some("f32", there, s, at)

        def row(z: Value) -> list[Value]:
            return [v.b.fadd(z, v.load_some("f32", there, mask, at))]

        (x,) = v.maybe(is_row, [x], row)
        (x,) = v.maybe(is_number, [x], lambda z: [v.b.fadd(z, v.repeat("f32", mask))])
        x = v.b.select(v.mask(v.b.sub(first, start)), nothing, x)
        x = v.b.select(v.mask(v.b.sub(last, start)), x, nothing)
        v.store_some(x, there, s, at)
        return []

    _across(v, keys, [], some)


@tile("f32_attention_softmax")
def softmax_row(v: Vectors, s: I64, keys: I64) -> None:
    """Turn scores into weights: zeros, where all are minus infinity."""
    lowest, nothing = v.full("f32", -math.inf), v.full("f32", 0.0)

    def larger(a: Value, b: Value) -> Value:
        return v.b.select(v.b.fcmp_ordered(">", a, b), a, b)

    def highest(at: Value, mask: Value, _: Value, acc: list[Value]) -> list[Value]:
        return [larger(acc[0], v.b.select(mask, v.load_some("f32", mask, s, at), lowest))]

    top = v.splat(v.fold(_across(v, keys, [lowest], highest)[0], larger))
    most = v.b.select(v.b.fcmp_ordered("==", top, lowest), nothing, top)

    def power(at: Value, mask: Value, _: Value, acc: list[Value]) -> list[Value]:
        y = exp_of(v, v.b.fsub(v.load_some("f32", mask, s, at), most))
        v.store_some(y, mask, s, at)
        return [v.b.fadd(acc[0], v.b.select(mask, y, nothing))]

    total = v.splat(v.fold(_across(v, keys, [nothing], power)[0], v.b.fadd))
    inverse = v.b.fdiv(v.full("f32", 1.0), total)
    factor = v.b.select(v.b.fcmp_ordered("==", total, nothing), nothing, inverse)

    def scale(at: Value, mask: Value, _: Value, __: list[Value]) -> list[Value]:
        v.store_some(v.b.fmul(v.load_some("f32", mask, s, at), factor), mask, s, at)
        return []

    _across(v, keys, [], scale)


@kernel
def attention_mask(x: BOOL, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Numbers to add: 0 where a key may be seen, else minus infinity."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.float32(0) if x[i] else np.float32(-np.inf)
    return OK


@inlined
def window(place, end, left, right):  # type: ignore[no-untyped-def]
    """Return the first key that a query sees, and the one behind the last."""
    last = end if right < 0 else min(end, place + right + 1)
    first = 0 if left < 0 else max(0, place - left)
    last = max(last, 0)
    return min(first, last), last


@inlined
def weigh(  # type: ignore[no-untyped-def]
    mine, rows, i0, queries, keys, place, end, left, right, mask, step, kind, out, stage, cap
):
    """Turn rows of raw scores into weights; `mask` and `out` are those of the head, whose first query here is i0."""
    pitch = keys * 4
    for r in range(rows):
        i, row = i0 + r, mine + r * pitch
        to = out + i * pitch
        if stage == RAW:
            copy_floats(to, row, keys)
        if cap > 0:
            cap_row(row, keys, cap)
        if stage == CAPPED:
            copy_floats(to, row, keys)
        first, last = window(place + i, end, left, right)
        bias_row(row, mask + i * step, kind, first, last, keys)
        if stage == BIASED:
            copy_floats(to, row, keys)
        softmax_row(row, keys)
        if stage == WEIGHTS:
            copy_floats(to, row, keys)


@inlined
def ends(lengths, limited, b, keys, queries, trailing, offset):  # type: ignore[no-untyped-def]
    """Return the place of the first query, and how many keys are in use."""
    end = min(max(lengths[b], 0), keys) if limited else keys
    return (min(lengths[b], keys) - queries if trailing else offset), end


@kernel
def f32_attention(
    q: I64, k: I64, values: I64, mask: I64, lengths: S64, y: I64, room: I64, out: I64, strides: S64,
    n: I64, heads: I64, groups: I64, queries: I64, keys: I64, depth: I64, width: I64,
    kind: I64, left: I64, right: I64, offset: I64, limited: I64, trailing: I64, stage: I64,
    scale: F64, cap: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Threads share blocks of four queries; in `room` are four rows of scores for each thread."""
    blocks, pitch = (queries + QUERIES - 1) // QUERIES, keys * 4
    start, stop = share(n * heads * blocks, tid, threads)
    mine = room + tid * QUERIES * pitch
    for item in range(start, stop):
        head, i0 = item // blocks, item % blocks * QUERIES
        b, h = head // heads, head % heads
        rows, group = min(QUERIES, queries - i0), b * groups + h * groups // heads
        at = (head * queries + i0) * depth * 4
        scores_of(q + at, k + group * keys * depth * 4, mine, rows, keys, depth, pitch, scale)
        place, end = ends(lengths, limited, b, keys, queries, trailing, offset)
        other = mask + (b * strides[0] + h * strides[1]) * 4
        weigh(
            mine, rows, i0, queries, keys, place, end, left, right, other, strides[2] * 4, kind,
            out + head * queries * pitch, stage, cap,
        )  # fmt: skip
        at = (head * queries + i0) * width * 4
        mixture_of(mine, values + group * keys * width * 4, y + at, rows, end, width, pitch)
    return OK


def _mask(site: Site, mask: Operand | None) -> tuple[list[Step], Operand | None, Array, int]:
    """Return the steps for a mask of numbers, its place, its steps along three axes, and whether it has a row."""
    if mask is None:
        return [], None, np.zeros(3, np.int64), 0
    shape = (*[1] * (4 - len(mask.type.shape)), *mask.type.shape)
    steps = [math.prod(shape[a + 1 :]) if shape[a] > 1 else 0 for a in range(3)]
    strides, kind = np.array(steps, np.int64), 1 if shape[3] > 1 else 2
    if mask.type.format != "bool":
        return [], mask, strides, kind
    count = mask.type.size
    numbers = site.scratch(4 * count)
    return [Step(attention_mask, (mask, numbers, count))], numbers, strides, kind


def nothing_to_do(site: Site) -> list[Step] | None:
    """Return the steps where there are no queries, or no keys; None where there are both."""
    q, k, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert q is not None and k is not None
    if not q.type.size or not y.type.size:
        return []
    return None if k.type.size else [Step(f32_nothing, (y, y.type.size))]


def attention_step(
    site: Site, run: Kernel, k: Argument, v: Argument, room: Operand, *more: Argument
) -> list[Step]:
    """Return the step of a kernel, whose arguments are those of `f32_attention` and `more`, and the one before."""
    q, key, value, *rest = site.inputs
    mask, lengths = (*rest, None, None)[:2]
    assert q is not None and key is not None and value is not None
    steps, numbers, strides, kind = _mask(site, mask)
    a, depth = site.attributes, q.type.shape[3]
    scale = depth**-0.5 if a["scale"] is None else float(np.float32(a["scale"]))
    out = site.outputs[1] if len(site.outputs) > 1 else None
    arguments = (
        *(q, k, v, numbers, lengths, site.outputs[0], room, out, site.constant(strides)),
        *(*q.type.shape[:2], key.type.shape[1], q.type.shape[2], key.type.shape[2]),
        *(depth, value.type.shape[3]),
        *(kind, a["left"], a["right"], a["offset"], int(lengths is not None), int(a["trailing"])),
        *(SCORES.index(a["scores"]), scale, float(np.float32(a["softcap"]))),
    )
    return [*steps, Step(run, (*arguments, *more))]


def lower_few_queries(site: Site) -> list[Step]:
    """Four rows of scores for each thread."""
    k, v = site.inputs[1:3]
    assert k is not None
    room = site.scratch(4 * QUERIES * k.type.shape[2] * site.threads)
    done = nothing_to_do(site)
    return attention_step(site, f32_attention, k, v, room) if done is None else done
