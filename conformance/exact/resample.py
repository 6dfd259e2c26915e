"""Second oracle of resizing by weights: places in float64 by definition, everything after that in Fractions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

from ...refimpl.resample import resize
from ..cells import Cells
from ..tables import EXACT

Weights = dict[int, Any]  # element of the source: Fraction, or NaN


def _place(i: int, source: int, target: int, scale: float, how: str, roi: tuple[Any, Any]) -> float:
    """Return where element i of the result stands in the source."""
    length = scale * source
    if how == "align_corners":
        return 0.0 if length == 1 else i * (source - 1) / (length - 1)
    if how == "asymmetric":
        return i / scale
    if how == "tf_crop_and_resize":
        first, last = roi
        if length == 1:
            return (last - first) * (source - 1) / 2 + first * (source - 1)
        return i * (last - first) * (source - 1) / (length - 1) + first * (source - 1)
    centre = (i + 0.5) / scale - 0.5
    if how == "pytorch_half_pixel":
        return centre if length > 1 else 0.0
    if how == "half_pixel_symmetric":
        return source / 2 * (1 - target / length) + centre
    return centre


def _nearest(at: float, rounding: str) -> int:
    low = math.floor(at)
    rest = Fraction(at) - low
    if rounding == "floor" or rest == 0:
        return low
    if rounding == "ceil":
        return low + 1
    half = Fraction(1, 2)
    if rest == half:
        return low if rounding == "round_prefer_floor" else low + 1
    return low if rest < half else low + 1


def _weight(x: Fraction, mode: str, a: Fraction) -> Fraction:
    """Return Keys' function, or the triangle."""
    x = abs(x)
    if mode == "linear":
        return 1 - x if x < 1 else Fraction(0)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else Fraction(0)


def _weights(
    at: float, source: int, mode: str, step: float, coefficient: float, exclude: bool
) -> Weights:
    """Return what each element of the source counts for the place `at`."""
    reach = math.ceil((1 if mode == "linear" else 2) / step) + 1
    found: Weights = {}
    for j in range(math.floor(at) - reach, math.floor(at) + reach + 2):
        distance = j - Fraction(at) if step == 1 else Fraction((j - at) * step)
        weight = _weight(distance, mode, Fraction(coefficient))
        if exclude and not 0 <= j < source:
            continue
        inside = min(max(j, 0), source - 1)
        found[inside] = found.get(inside, Fraction(0)) + weight
    total = sum(found.values(), Fraction(0))
    if total == 0:
        return dict.fromkeys(range(1), math.nan)
    return {j: w / total for j, w in found.items() if w}


def _total(terms: list[tuple[Any, float]]) -> Any:
    """Add products of a weight and an element, exactly where all are finite."""
    if all(math.isfinite(w) and math.isfinite(v) for w, v in terms):
        return sum((w * Fraction(v) for w, v in terms), Fraction(0))
    return sum(float(w) * v for w, v in terms)


@EXACT.of(resize)
def resize_exact(
    x: Cells,
    size: Cells,
    *,
    mode: str,
    transformation: str,
    rounding: str,
    coefficient: float,
    exclude_outside: bool,
    antialias: bool,
    extrapolation: float,
    scale: tuple[float, ...],
    roi: tuple[float, ...],
) -> Cells:
    """All combinations of what has a weight along each axis."""
    rank = len(x.shape)
    lines: list[list[Weights | None]] = []  # None: outside of the source
    for a in range(rank):
        source, target = x.shape[a], size.values[a]
        factor = scale[a] if scale else (target / source if source else 1.0)
        step = min(factor, 1.0) if antialias else 1.0
        part = (roi[a], roi[rank + a]) if roi else (0.0, 1.0)
        line: list[Weights | None] = []
        for i in range(target):
            at = _place(i, source, target, factor, transformation, part)
            if transformation == "tf_crop_and_resize" and not 0 <= at <= source - 1:
                line.append(None)
            elif mode == "nearest":
                near = min(max(_nearest(at, rounding), 0), source - 1)
                line.append({near: Fraction(1)})
            else:
                line.append(_weights(at, source, mode, step, coefficient, exclude_outside))
        lines.append(line)
    y = Cells.full(size.values, 0)
    for index in y.indices():
        met = [w for a, i in enumerate(index) if (w := lines[a][i]) is not None]
        if len(met) < len(index):
            y[index] = extrapolation
            continue
        along = [{place: v for place, v in w.items() if v != 0} for w in met]
        if mode == "nearest" or all(list(w.values()) == [1] for w in along):  # -0 stays
            y[index] = x[tuple(next(iter(w)) for w in along)]
            continue
        terms = []
        for places in itertools.product(*(w.items() for w in along)):
            weight: Any = Fraction(1)
            for _, w in places:
                weight *= w
            terms.append((weight, x[tuple(j for j, _ in places)]))
        y[index] = _total(terms)
    return y
