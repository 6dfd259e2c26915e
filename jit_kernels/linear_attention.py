"""Linear attention, a head a thread: its state is worked on where the result will be. And the turning of vectors."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.linear_attention import linear_attention
from ..refimpl.rotary import rotary_embedding
from .kernel import F32, F64, I64, OK, inlined, kernel, share
from .lowering import Site, Step, lowers


@inlined
def decayed(s, at, decay, first, each, depth, width):  # type: ignore[no-untyped-def]
    """Multiply the rows of a state; `each` is 1 where every row has its own number, else 0."""
    for d in range(depth):
        factor = np.float32(math.exp(decay[first + d * each]))
        for e in range(width):
            s[at + d * width + e] *= factor


@inlined
def unknown(s, at, k, key, v, value, rate, p, mine, depth, width):  # type: ignore[no-untyped-def]
    """Write what a state does not know yet of a value to p."""
    for e in range(width):
        p[mine + e] = np.float32(0)
    for d in range(depth):
        x = k[key + d]
        for e in range(width):
            p[mine + e] += x * s[at + d * width + e]
    for e in range(width):
        p[mine + e] = rate * (v[value + e] - p[mine + e])


@inlined
def read(s, at, q, query, y, to, factor, depth, width):  # type: ignore[no-untyped-def]
    """Read a state with a query."""
    for e in range(width):
        y[to + e] = np.float32(0)
    for d in range(depth):
        x = q[query + d]
        for e in range(width):
            y[to + e] += x * s[at + d * width + e]
    for e in range(width):
        y[to + e] *= factor


@kernel
def f32_linear_attention(
    q: F32, k: F32, v: F32, state: F32, decay: F32, beta: F32, y: F32, s: F32, p: F32,
    n: I64, time: I64, heads: I64, groups: I64, depth: I64, width: I64,
    starts: I64, gates: I64, rates: I64, scale: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """`gates` and `rates` are how many numbers decay and beta have for a head, or for all; 0 where they are absent."""
    start, stop = share(n * groups, tid, threads)
    mine, shared, factor = tid * width, heads // groups, np.float32(scale)
    for item in range(start, stop):
        b, g, at = item // groups, item % groups, item * depth * width
        for i in range(depth * width):
            s[at + i] = state[at + i] if starts else np.float32(0)
        for t in range(time):
            frame = (b * time + t) * groups + g
            if gates:
                decayed(s, at, decay, frame * gates, 1 if gates > 1 else 0, depth, width)
            if rates:
                place = frame if rates > 1 else b * time + t
                unknown(
                    s, at, k, frame * depth, v, frame * width, beta[place], p, mine, depth, width
                )
            else:
                for e in range(width):
                    p[mine + e] = v[frame * width + e]
            for d in range(depth):
                x = k[frame * depth + d]
                for e in range(width):
                    s[at + d * width + e] += x * p[mine + e]
            for h in range(g * shared, (g + 1) * shared):
                row = (b * time + t) * heads + h
                read(s, at, q, row * depth, y, row * width, factor, depth, width)
    return OK


@lowers((linear_attention, "f32"))
def lower_linear_attention(site: Site) -> list[Step]:
    """A row of values for each thread."""
    q, k, v, *rest = site.inputs
    state, decay, beta = (*rest, None, None, None)[:3]
    assert q is not None and k is not None and v is not None
    (n, time, heads, depth), groups, width = q.type.shape, k.type.shape[2], v.type.shape[3]
    scale = site.attributes["scale"]
    sizes = (n, time, heads, groups, depth, width, int(state is not None))
    counts = (
        0 if decay is None else decay.type.shape[3],
        0 if beta is None else beta.type.shape[2],
    )
    factor = depth**-0.5 if scale is None else float(np.float32(scale))
    room = site.scratch(4 * max(width, 1) * site.threads)
    arguments = (q, k, v, state, decay, beta, *site.outputs, room, *sizes, *counts, factor)
    return [Step(f32_linear_attention, arguments)]


@kernel
def f32_rotary(
    x: F32, cos: F32, sin: F32, y: F32, n: I64, heads: I64, length: I64, depth: I64, pairs: I64,
    step: I64, apart: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Pair p is at p `step`, its second element `apart` behind."""
    start, stop = share(n * heads * length, tid, threads)
    for row in range(start, stop):
        at, angle = row * depth, (row // (heads * length) * length + row % length) * pairs
        for p in range(pairs):
            a, b = x[at + p * step], x[at + p * step + apart]
            c, s = cos[angle + p], sin[angle + p]
            y[at + p * step] = a * c - b * s
            y[at + p * step + apart] = a * s + b * c
        for d in range(2 * pairs, depth):
            y[at + d] = x[at + d]
    return OK


@lowers((rotary_embedding, "f32"))
def lower_rotary(site: Site) -> list[Step]:
    """Threads share the vectors."""
    x, cos = site.inputs[:2]
    assert x is not None and cos is not None
    pairs = cos.type.shape[2]
    steps = (2, 1) if site.attributes["interleaved"] else (1, pairs)
    return [Step(f32_rotary, (*site.inputs, site.outputs[0], *x.type.shape, pairs, *steps))]
