"""Second oracles of transforms and their tables: sums from the definition, with 50 digits."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import mpmath

from ...refimpl.signal import cosine_window, dft, mel_weight_matrix
from ..cells import Cells
from ..tables import EXACT

DIGITS = 50


@functools.lru_cache(maxsize=4096)
def _turn(part: int, whole: int) -> tuple[Any, Any]:
    """Return cosine and sine of so many parts of a turn."""
    with mpmath.workdps(DIGITS):
        at = mpmath.mpf(2 * part) / whole
        return mpmath.cospi(at), mpmath.sinpi(at)


def _line(x: Cells, index: tuple[int, ...], at: int, count: int) -> list[tuple[float, float]]:
    """Return (real, imaginary) of a line, cut or filled up to `count` elements."""
    found = []
    for j in range(count):
        place = (*index[:at], j, *index[at + 1 :])
        if j >= x.shape[at]:
            found.append((0.0, 0.0))
        elif x.shape[-1] == 1:
            found.append((x[(*place, 0)], 0.0))
        else:
            found.append((x[(*place, 0)], x[(*place, 1)]))
    return found


def _summed(line: list[tuple[float, float]], k: int, points: int, sign: int) -> tuple[Any, Any]:
    real, imaginary = mpmath.mpf(0), mpmath.mpf(0)
    for j, (a, b) in enumerate(line):
        c, s = _turn(j * k % points, points)
        real += a * c - sign * b * s
        imaginary += b * c + sign * a * s
    return real, imaginary


def _mirrored(half: list[tuple[float, float]], points: int) -> list[tuple[float, float]]:
    """Return all of a spectrum of real numbers from its first half."""
    half = [(a, 0.0 if 2 * k in (0, points) else b) for k, (a, b) in enumerate(half)]
    return half + [(half[points - k][0], -half[points - k][1]) for k in range(len(half), points)]


@EXACT.of(dft)
def dft_exact(x: Cells, *, axis: int, length: int, inverse: bool, onesided: bool) -> Cells:
    """Every sum by itself."""
    at = axis % len(x.shape)
    size = x.shape[at]
    whole = inverse and onesided
    points = length if length else 2 * (size - 1) if whole else size
    outputs = points // 2 + 1 if onesided and not inverse else points
    shape = (*x.shape[:at], outputs, *x.shape[at + 1 : -1], 1 if whole else 2)
    y = Cells.full(shape, 0)
    for index in itertools.product(*map(range, shape[:-1])):
        line = _line(x, index, at, points // 2 + 1 if whole else points)
        if not all(math.isfinite(v) for pair in line for v in pair):
            parts: tuple[Any, ...] = (math.nan, math.nan)
        else:
            line = _mirrored(line, points) if whole else line
            with mpmath.workdps(DIGITS):
                parts = _summed(line, index[at], points, 1 if inverse else -1)
                if inverse:
                    parts = tuple(v / points for v in parts)
        for k in range(shape[-1]):
            y[(*index, k)] = parts[k]
    return y


@EXACT.of(cosine_window)
def cosine_window_exact(size: Cells, *, coefficients: tuple[float, ...], periodic: bool) -> Cells:
    """The sum of cosines."""
    n = size.values[0]
    whole = n if periodic else n - 1
    y = Cells.full((n,), 1)
    for i in range(n if whole else 0):
        with mpmath.workdps(DIGITS):
            total = mpmath.mpf(0)
            for k, c in enumerate(coefficients):
                total += (-c if k % 2 else c) * _turn(k * i % whole, whole)[0]
            y[i] = total
    return y


@EXACT.of(mel_weight_matrix)
def mel_weight_matrix_exact(
    bands: Cells, length: Cells, rate: Cells, low: Cells, high: Cells
) -> Cells:
    """Edges with 50 digits; then whole numbers."""
    (count,), (points,), (per_second,) = bands.values, length.values, rate.values
    first = low.values[0]
    with mpmath.workdps(DIGITS):
        mel = [2595 * mpmath.log10(1 + mpmath.mpf(f) / 700) for f in (first, high.values[0])]
        step = (mel[1] - mel[0]) / (count + 2)
        hertz = [mpmath.mpf(first)]
        hertz += [
            700 * (mpmath.power(10, (mel[0] + i * step) / 2595) - 1) for i in range(1, count + 2)
        ]
        edges = [int(mpmath.floor((points + 1) * f / per_second)) for f in hertz]
    y = Cells.full((points // 2 + 1, count), 0)
    for b in range(count):
        begin, peak, end = edges[b : b + 3]
        for j in range(begin, peak):
            y[j, b] = mpmath.mpf(j - begin) / (peak - begin)
        for j in range(peak, end):
            y[j, b] = mpmath.mpf(end - j) / (end - peak)
        y[peak, b] = 1
    return y
