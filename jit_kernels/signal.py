"""Fourier transforms and their tables.

A transform of L = p q r ... points goes by these prime factors, from one buffer to the other, each stage leaving its
results in the order that the next wants (Stockham's). All is float64; factors of the circle come from a table.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir import Array
from ..refimpl.axes import one_whole_number
from ..refimpl.signal import cosine_window, dft, mel_edges, mel_weight_matrix, transform_length
from .kernel import F32, F64P, I64, OK, S64, inlined, kernel, share
from .lowering import Site, Step, lowers
from .strided import operand


@inlined
def stage(a, b, source, target, circle, length, p, n, s):  # type: ignore[no-untyped-def]
    """Do one factor `p` of what is left, `n` points; `s` is the product of those that are done."""
    m = n // p
    for q in range(m):
        for t in range(p):
            for r in range(2 * s):
                b[target + 2 * s * (p * q + t) + r] = 0.0
            for k in range(p):
                turn = (k * t * (length // p) + q * t * s) % length
                c, d = circle[2 * turn], circle[2 * turn + 1]
                of, to = source + 2 * s * (q + m * k), target + 2 * s * (p * q + t)
                for r in range(0, 2 * s, 2):
                    re, im = a[of + r], a[of + r + 1]
                    b[to + r] += re * c - im * d
                    b[to + r + 1] += re * d + im * c


@inlined
def load_line(x, first, count, step, parts, room, at, length):  # type: ignore[no-untyped-def]
    """Copy a line to the buffer, zeros behind it; return the sum of all sizes, which tells what is not finite."""
    total = 0.0
    for j in range(length):
        re, im = 0.0, 0.0
        if j < count:
            re = np.float64(x[first + j * step])
            if parts == 2:
                im = np.float64(x[first + j * step + 1])
        total += abs(re) + abs(im)
        room[at + 2 * j] = re
        room[at + 2 * j + 1] = im
    return total


@inlined
def mirror(room, at, length):  # type: ignore[no-untyped-def]
    """Complete a half spectrum of real numbers."""
    room[at + 1] = 0.0
    if length % 2 == 0:
        room[at + length + 1] = 0.0
    for k in range(length // 2 + 1, length):
        room[at + 2 * k] = room[at + 2 * (length - k)]
        room[at + 2 * k + 1] = -room[at + 2 * (length - k) + 1]


@kernel
def f32_dft(
    x: F32, y: F32, even: F64P, odd: F64P, circle: F64P, factors: S64, stages: I64, outer: I64, size: I64,
    inner: I64, parts: I64, used: I64, length: I64, outputs: I64, real: I64, inverse: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """A line at a time. `even` and `odd` have room for 2 L numbers a thread; their stages take turns."""
    start, stop = share(outer * inner, tid, threads)
    room, scale = tid * 2 * length, 1.0 / length if inverse else 1.0
    width = 1 if real else 2
    for line in range(start, stop):
        block = line // inner
        i = line - block * inner
        first = (block * size * inner + i) * parts
        total = load_line(x, first, min(used, size), inner * parts, parts, even, room, length)
        if real:
            mirror(even, room, length)
        n, s = length, 1
        for k in range(stages):
            if k % 2 == 0:
                stage(even, odd, room, room, circle, length, factors[k], n, s)
            else:
                stage(odd, even, room, room, circle, length, factors[k], n, s)
            n, s = n // factors[k], s * factors[k]
        if not total < np.inf:
            scale = np.nan
        to = (block * outputs * inner + i) * width
        for k in range(outputs):
            for part in range(width):
                value = even[room + 2 * k + part] if stages % 2 == 0 else odd[room + 2 * k + part]
                y[to + k * inner * width + part] = np.float32(value * scale)
        scale = 1.0 / length if inverse else 1.0
    return OK


@kernel
def f32_cosine_window(
    y: F32, coefficients: F64P, terms: I64, count: I64, whole: I64, tid: I64, threads: I64
) -> I64:
    """Signs are in the coefficients."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        total = 0.0
        for k in range(terms):
            total += coefficients[k] * math.cos(2 * math.pi * (k * i % whole) / whole)
        y[i] = np.float32(total)
    return OK


@kernel
def f32_mel_weights(y: F32, edges: S64, bands: I64, bins: I64, tid: I64, threads: I64) -> I64:
    """A row of the matrix is an element of the spectrum."""
    start, stop = share(bins, tid, threads)
    for j in range(start, stop):
        for b in range(bands):
            begin, peak, end = edges[b], edges[b + 1], edges[b + 2]
            weight = 0.0
            if j == peak:
                weight = 1.0
            elif begin <= j < peak:
                weight = (j - begin) / (peak - begin)
            elif peak < j < end:
                weight = (end - j) / (end - peak)
            y[j * bands + b] = np.float32(weight)
    return OK


def factors_of(n: int) -> list[int]:
    """Return the prime factors, the largest first.

    >>> factors_of(60)
    [5, 3, 2, 2]
    """
    found, p = [], 2
    while p * p <= n:
        while n % p == 0:
            found.append(p)
            n //= p
        p += 1
    return sorted([*found, *([n] if n > 1 else [])], reverse=True)


def circle_of(length: int, sign: int) -> Array:
    """Return cosine and sine of each of `length` parts of a turn, one way round or the other."""
    turn = 2 * np.pi * np.arange(length) / length
    return np.stack([np.cos(turn), sign * np.sin(turn)], 1).reshape(-1)


@lowers((dft, "f32"))
def lower_dft(site: Site) -> list[Step]:
    """One step, with two buffers a thread."""
    x, y, a = operand(site.inputs[0]), site.outputs[0], site.attributes
    shape, at = x.type.shape, a["axis"] % len(x.type.shape)
    if y.type.size == 0:
        return []
    real = a["inverse"] and a["onesided"]
    length = transform_length(shape[at], a["length"], a["inverse"], a["onesided"])
    factors, parts = factors_of(length), shape[-1]
    tables = (
        site.packed(circle_of, length, 1 if a["inverse"] else -1),
        site.constant(np.array([*factors, 1], np.int64)),
    )
    rooms = [site.scratch(site.threads * 16 * length) for _ in range(2)]
    sizes = (len(factors), math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 : -1]), parts)
    used = length // 2 + 1 if real else length
    rest = (used, length, y.type.shape[at], int(real), int(a["inverse"]))
    return [Step(f32_dft, (x, y, *rooms, *tables, *sizes, *rest))]


@lowers((cosine_window, "s32"), (cosine_window, "s64"))
def lower_cosine_window(site: Site) -> list[Step]:
    """The coefficients with alternating signs; a single element of a window with two ends is 1."""
    y, a = site.outputs[0], site.attributes
    n = y.type.size
    if n == 0:
        return []
    signed = [(-1) ** k * c for k, c in enumerate(a["coefficients"])]
    alone = n == 1 and not a["periodic"]
    table = site.constant(np.array([1.0] if alone else signed or [0.0]))
    whole = max(n if a["periodic"] else n - 1, 1)
    return [Step(f32_cosine_window, (y, table, table.type.size, n, whole))]


@lowers((mel_weight_matrix, "s32"), (mel_weight_matrix, "s64"))
def lower_mel_weight_matrix(site: Site) -> list[Step]:
    """Edges are found when the plan is made."""
    known = [operand(x).type.known() for x in site.inputs]
    whole = [one_whole_number("C1", v) for v in known[:3]]
    low, high = (float(v.reshape(-1)[0]) for v in known[3:])
    edges = site.constant(np.array(mel_edges(whole[0], whole[1], whole[2], low, high), np.int64))
    return [Step(f32_mel_weights, (site.outputs[0], edges, whole[0], whole[1] // 2 + 1))]
