"""Second oracle of sampling at places: these are floats by definition, what they weigh is exact."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

from ...refimpl.sample import grid_sample
from ..cells import Cells
from ..tables import EXACT

FAR = 2.0**52


def _reflected(at: float, low: float, high: float) -> float:
    """Fold a place back at the borders until it is between them."""
    span = high - low
    if span <= 0:
        return low
    if low <= at <= high:
        return at
    beyond = low - at if at < low else at - high
    turns = float(math.floor(beyond / span))
    rest = beyond - turns * span
    from_low = (at < low) == (turns % 2 == 0)
    return low + rest if from_low else high - rest


def _place(
    g: float, size: int, mode: str, padding: str, align_corners: bool, normalized: bool
) -> float | None:
    """Return where a coordinate leads; None where it is not finite."""
    at = g
    if normalized:
        at = (g + 1) / 2 * (size - 1) if align_corners else ((g + 1) * size - 1) / 2
    if not math.isfinite(at):
        return None
    at = max(-FAR, min(FAR, at))
    if mode == "nearest":
        at = float(round(at))
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    if padding == "border" and not low <= at <= high:
        return max(0.0, min(size - 1.0, at))
    return _reflected(at, low, high) if padding == "reflection" else at


def _cubic(x: Fraction) -> Fraction:
    """Keys' function with -3/4."""
    x = abs(x)
    if x <= 1:
        return Fraction(5, 4) * x**3 - Fraction(9, 4) * x**2 + 1
    return Fraction(-3, 4) * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else Fraction(0)


def _around(
    at: float, size: int, mode: str, padding: str, align_corners: bool
) -> list[tuple[int, Fraction]]:
    """Return (element, weight) of the neighbours that count."""
    base, middle = math.floor(at), Fraction(at)
    if mode == "nearest":
        found = [(base, Fraction(1))]
    elif mode == "linear":
        found = [(base, 1 - (middle - base)), (base + 1, middle - base)]
    else:
        found = [(j, _cubic(j - middle)) for j in range(base - 1, base + 3)]
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    kept = []
    for j, weight in found:
        if padding == "zeros" and not 0 <= j < size:
            continue
        if padding == "reflection":
            j = int(_reflected(float(j), low, high))
        if weight:
            kept.append((min(max(j, 0), size - 1), weight))
    return kept


@EXACT.of(grid_sample)
def grid_sample_exact(
    x: Cells, grid: Cells, *, mode: str, padding: str, align_corners: bool, normalized: bool
) -> Cells:
    """One element at a time."""
    size = x.shape[1:-1]
    n = len(size)
    y = Cells.full((*grid.shape[:-1], x.shape[-1]), 0)
    for index in itertools.product(*map(range, grid.shape[:-1])):
        lines: list[list[tuple[int, Fraction]]] | None = []
        for a in range(n):
            g = grid[(*index, n - 1 - a)]
            at = _place(g, size[a], mode, padding, align_corners, normalized)
            if at is None:
                lines = None
                break
            assert lines is not None
            lines.append(_around(at, size[a], mode, padding, align_corners))
        for c in range(x.shape[-1]):
            value = math.nan if lines is None else _sum(x, index[0], lines, c, mode)
            y[(*index, c)] = value
    return y


def _sum(x: Cells, image: int, lines: list[list[tuple[int, Fraction]]], c: int, mode: str) -> Any:
    terms = []
    for picks in itertools.product(*lines):
        weight = Fraction(1)
        for _, w in picks:
            weight *= w
        terms.append((weight, x[(image, *(j for j, _ in picks), c)]))
    if mode == "nearest":
        return terms[0][1] if terms else 0
    if all(math.isfinite(v) for _, v in terms):
        return sum((w * Fraction(v) for w, v in terms), Fraction(0))
    return sum(float(w) * v for w, v in terms)
