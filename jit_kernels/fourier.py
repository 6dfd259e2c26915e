"""Fourier transforms: lines side by side, so that each step of all of them is a loop over contiguous numbers.

A transform goes by the factors of its number of points, from one buffer to the other, each stage leaving its results in
the order that the next wants (Stockham's). Real lines of even length are half as many complex points, the elements at
even places being the real parts: two spectra that are taken apart in the end, or joined in the beginning. An inverse
transform is a forward one of what has its parts exchanged.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir import Array
from ..refimpl.signal import dft, transform_length
from .fourier_stages import HALF, factors_of, stage
from .kernel import F32, I64, OK, S64, inlined, kernel, share
from .lowering import Site, Step, lowers
from .strided import operand

WIDTH = 16  # lines side by side, or fewer where their buffers would leave the second-level cache
CACHED = 1 << 16  # complex points of a buffer
# Points as they are; real numbers to be paired; half a spectrum of real numbers, an even number of them or an odd one.
POINTS, PAIRS, JOINED, MIRRORED = range(4)


@inlined
def line_start(line, size, inner, width):  # type: ignore[no-untyped-def]
    """Return where a line of `size` elements begins that are inner * `width` apart."""
    return (line // inner * size * inner + line % inner) * width


@inlined
def load(x, bad, mark, room, re, im, lines, first, size, inner, parts, used, points, pairs):  # type: ignore[no-untyped-def]
    """Put `used` elements of each line into the real and imaginary planes, zeros behind them.

    `bad` becomes no number where something is not finite, and 0 elsewhere. In `pairs` every other real element is an
    imaginary part.
    """
    apart, each = inner * parts, 2 if pairs else 1
    behind, odd_used = (apart, used // 2) if pairs else (1, used if parts == 2 else 0)
    even_used = (used + 1) // 2 if pairs else used
    for n in range(lines):
        at, found = line_start(first + n, size, inner, parts), np.float32(0)
        for j in range(points):
            u = x[at + each * j * apart] if j < even_used else np.float32(0)
            v = x[at + each * j * apart + behind] if j < odd_used else np.float32(0)
            found += (u - u) + (v - v)
            room[re + j * lines + n] = u
            room[im + j * lines + n] = v
        bad[mark + n] = found


@inlined
def mirror(a, re, im, points, lines):  # type: ignore[no-untyped-def]
    """Complete the first half of a spectrum of real numbers."""
    for n in range(lines):
        a[im + n] = np.float32(0)
    for k in range(points // 2 + 1, points):
        for n in range(lines):
            a[re + k * lines + n] = a[re + (points - k) * lines + n]
            a[im + k * lines + n] = -a[im + (points - k) * lines + n]


@inlined
def part(a, b, w, points, lines, re, im):  # type: ignore[no-untyped-def]
    """Take the first half, and one, of the spectrum of 2 `points` real numbers out of that of their pairs.

    b_k = E_k + w^k O_k from E_k = (a_k + a*_-k) / 2 and O_k = (a_k - a*_-k) / 2i.
    """
    for k in range(points + 1):
        c, d = w[2 * k], w[2 * k + 1]
        i, j, to = k % points * lines, (points - k) % points * lines, k * lines
        for n in range(lines):
            x0, y0, x1, y1 = a[re + i + n], a[im + i + n], a[re + j + n], a[im + j + n]
            u, v = HALF * (y0 + y1), HALF * (x1 - x0)
            b[re + to + n] = HALF * (x0 + x1) + (u * c - v * d)
            b[im + to + n] = HALF * (y0 - y1) + (u * d + v * c)


@inlined
def join(a, b, w, points, lines, re, im):  # type: ignore[no-untyped-def]
    """Make of half a spectrum, `points` + 1 elements, twice that of the pairs of its real numbers: E + i O."""
    for n in range(lines):
        a[im + n] = np.float32(0)
        a[im + points * lines + n] = np.float32(0)
    for k in range(points):
        c, d = w[2 * k], w[2 * k + 1]
        i, j = k * lines, (points - k) * lines
        for n in range(lines):
            x0, y0, x1, y1 = a[re + i + n], a[im + i + n], a[re + j + n], a[im + j + n]
            x, y = x0 - x1, y0 + y1
            b[re + i + n] = (x0 + x1) - (y * c - x * d)
            b[im + i + n] = (y0 - y1) + (x * c + y * d)


@inlined
def store(y, a, bad, mark, lines, first, size, inner, width, re, im, count, scale, turned):  # type: ignore[no-untyped-def]
    """Write `size` elements of each line; from `count` on they mirror the first. Imaginary parts get a sign."""
    for n in range(lines):
        at, wrong = line_start(first + n, size, inner, width), bad[mark + n] != 0
        for k in range(size):
            i, sign = (k, turned) if k < count else (size - k, -turned)
            value = a[re + i * lines + n] * scale
            y[at + k * inner * width] = bad[mark + n] if wrong else value
            if width == 2:
                value = a[im + i * lines + n] * scale * sign
                y[at + k * inner * width + 1] = bad[mark + n] if wrong else value


@inlined
def store_pairs(y, a, bad, mark, lines, first, size, inner, re, im, scale):  # type: ignore[no-untyped-def]
    """Write real lines whose elements at odd places are the imaginary parts."""
    for n in range(lines):
        at, wrong = line_start(first + n, size, inner, 1), bad[mark + n] != 0
        for k in range(0, size, 2):
            even, odd = a[re + k // 2 * lines + n] * scale, a[im + k // 2 * lines + n] * scale
            y[at + k * inner] = bad[mark + n] if wrong else even
            y[at + (k + 1) * inner] = bad[mark + n] if wrong else odd


@inlined
def finish(y, a, b, bad, mark, w, mode, points, lines, first, outputs, inner, parts, re, im, scale, turned):  # type: ignore[no-untyped-def] # fmt: skip
    """Write the lines out of `a`; `b` is free."""
    if mode == PAIRS:
        part(a, b, w, points, lines, re, im)
        store(y, b, bad, mark, lines, first, outputs, inner, 2, re, im, points + 1, scale, turned)
    elif mode == JOINED:
        store_pairs(y, a, bad, mark, lines, first, outputs, inner, re, im, scale)
    else:
        store(
            y,
            a,
            bad,
            mark,
            lines,
            first,
            outputs,
            inner,
            parts,
            re,
            im,
            points,
            scale,
            np.float32(1),
        )


@kernel
def f32_dft(
    x: F32, y: F32, even: F32, odd: F32, bad: F32, circle: F32, factors: S64, stages: I64, outer: I64, size: I64,
    inner: I64, parts: I64, used: I64, length: I64, outputs: I64, mode: I64, inverse: I64, width: I64, tid: I64,
    threads: I64,
) -> I64:  # fmt: skip
    """Up to `width` lines at a time. `even` and `odd` have room for them for each thread; stages go to and fro."""
    start, stop = share(outer * inner, tid, threads)
    pairs, joined = mode == PAIRS, mode == JOINED
    points = length // 2 if pairs or joined else length
    plane, mark = (points + 1) * width, tid * width
    re, im, turn = 2 * tid * plane, (2 * tid + 1) * plane, length // points
    # An inverse transform has its parts exchanged; of real numbers it is the conjugate of the other.
    back = inverse and not pairs
    u, v = (im, re) if back else (re, im)
    scale, turned = (
        np.float32(1.0 / length) if inverse else np.float32(1),
        np.float32(-1 if inverse else 1),
    )
    line = start
    while line < stop:
        lines, ahead = min(width, stop - line), 0
        load(
            x,
            bad,
            mark,
            even,
            re,
            im,
            lines,
            line,
            size,
            inner,
            parts,
            used,
            points + joined,
            pairs,
        )
        if joined:
            join(even, odd, circle, points, lines, re, im)
            ahead = 1
        elif mode == MIRRORED:
            mirror(even, re, im, points, lines)
        left, run = points, lines
        for k in range(stages):
            p = factors[k]
            left = left // p
            step = points // (left * p) * turn
            if (k + ahead) % 2 == 0:
                stage(even, odd, circle, p, step, left, run, u, v)
            else:
                stage(odd, even, circle, p, step, left, run, u, v)
            run *= p
        out = 1 if mode in (JOINED, MIRRORED) else 2
        last, spare = (even, odd) if (stages + ahead) % 2 == 0 else (odd, even)
        finish(
            y, last, spare, bad, mark, circle, mode, points, lines, line, outputs, inner, out, re, im, scale, turned,
        )  # fmt: skip
        line += lines
    return OK


def circle_of(length: int) -> Array:
    """Return cosine and sine of each of `length` parts of a turn, clockwise."""
    turn = 2 * np.pi * np.arange(length) / length
    return np.stack([np.cos(turn), -np.sin(turn)], 1).astype(np.float32).reshape(-1)


@lowers((dft, "f32"))
def lower_dft(site: Site) -> list[Step]:
    """One step, with two buffers a thread."""
    x, y, a = operand(site.inputs[0]), site.outputs[0], site.attributes
    shape, at = x.type.shape, a["axis"] % len(x.type.shape)
    if y.type.size == 0:
        return []
    real, parts = a["inverse"] and a["onesided"], shape[-1]
    length = transform_length(shape[at], a["length"], a["inverse"], a["onesided"])
    mode = POINTS
    if real:
        mode = MIRRORED if length % 2 else JOINED
    elif parts == 1 and length % 2 == 0:
        mode = PAIRS
    points = length // 2 if mode in (PAIRS, JOINED) else length
    width = max(1, min(WIDTH, CACHED // points))
    factors = factors_of(points)
    tables = site.packed(circle_of, length), site.constant(np.array([*factors, 1], np.int64))
    rooms = [site.scratch(site.threads * 8 * (points + 1) * width) for _ in range(2)]
    rooms.append(site.scratch(site.threads * 4 * width))
    sizes = (len(factors), math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 : -1]), parts)
    used = min(length // 2 + 1 if real else length, shape[at])
    rest = (used, length, y.type.shape[at], mode, int(a["inverse"]), width)
    return [Step(f32_dft, (x, y, *rooms, *tables, *sizes, *rest))]
