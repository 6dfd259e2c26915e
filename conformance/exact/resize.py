"""Second oracles of the operators that resize images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ...ir import QuantParams, TensorType
from ...refimpl.resize import resize_bilinear, resize_nearest_neighbor
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32, half_away

# For a target position: the lower and the upper neighbour, and the weight of the upper one.
Place = tuple[int, int, Any]


def _step(source: int, target: int, align_corners: bool) -> float:
    if align_corners and target > 1:
        return f32((source - 1) / (target - 1))
    return f32(source / target)


def _places(source: int, target: int, align_corners: bool, half: bool) -> list[Place]:
    """Return places with float32 weights."""
    step, found = _step(source, target, align_corners), []
    for i in range(target):
        at = f32(f32((i + 0.5) * step) - 0.5) if half else f32(i * step)
        low = max(math.floor(at), 0)
        found.append((low, min(math.ceil(at), source - 1), f32(at - low)))
    return found


def _places_10(source: int, target: int, align_corners: bool, half: bool) -> list[Place]:
    """Return places with weights in 1/1024."""
    n, m = (source - 1, target - 1) if align_corners and target > 1 else (source, target)
    step, found = (1024 * n + m // 2) // m, []
    for i in range(target):
        at = i * step + (step // 2 - 512 if half else 0)
        low = max(at // 1024, 0)
        found.append((low, min(-(-at // 1024), source - 1), at - 1024 * low))
    return found


def _resized(x: Cells, rows: Sequence[Place], cols: Sequence[Place], mean: Any) -> Cells:
    """Apply `mean` to the four neighbours (x00, x10, x01, x11) and both weights of each element."""
    y = Cells.full((x.shape[0], len(rows), len(cols), x.shape[3]), 0)
    for n, i, j, c in y.indices():
        (top, bottom, f), (left, right, g) = rows[i], cols[j]
        four = [x[n, r, k, c] for k in (left, right) for r in (top, bottom)]
        y[n, i, j, c] = mean(four, f, g)
    return y


def _exact_mean(four: list[float], f: float, g: float) -> Any:
    weights = [Fraction(1) - Fraction(f), Fraction(f)]
    products = [w * v for v in (Fraction(1) - Fraction(g), Fraction(g)) for w in weights]
    if all(math.isfinite(v) for v in four):
        total = sum((Fraction(v) * w for v, w in zip(four, products, strict=True)), Fraction(0))
        # a sum of zeros has the sign of IEEE's
        return total if total else sum(v * float(w) for v, w in zip(four, products, strict=True))
    return sum(v * float(w) for v, w in zip(four, products, strict=True))


@EXACT.of(resize_bilinear)
def exact_resize_bilinear(
    x: Cells, size: Cells, *, align_corners: bool, half_pixel_centers: bool
) -> Cells:
    """Fractions; places in float32 by definition."""
    h, w = size.values
    rows = _places(x.shape[1], h, align_corners, half_pixel_centers)
    cols = _places(x.shape[2], w, align_corners, half_pixel_centers)
    return _resized(x, rows, cols, _exact_mean)


def _mean_u8(four: list[int], f: float, g: float) -> int:
    """Every step in float32, term by term; 1/2 is added at the end, and the fraction is cut off."""
    rest_f, rest_g = f32(1 - f), f32(1 - g)
    total = 0.0
    for value, (row, col) in zip(
        four, ((rest_f, rest_g), (f, rest_g), (rest_f, g), (f, g)), strict=True
    ):
        total = f32(total + f32(f32(value * row) * col))
    return int(f32(total + 0.5))


@EXACT_INT8.of((resize_bilinear, "u8"))
def exact_resize_bilinear_u8(
    x: Cells,
    size: Cells,
    *,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    dialect: str,
    align_corners: bool,
    half_pixel_centers: bool,
) -> Cells:
    """float32 steps."""
    h, w = size.values
    rows = _places(x.shape[1], h, align_corners, half_pixel_centers)
    cols = _places(x.shape[2], w, align_corners, half_pixel_centers)
    return _resized(x, rows, cols, _mean_u8)


def _mean_10(four: list[int], f: int, g: int) -> int:
    weights = [w * v for v in (1024 - g, g) for w in (1024 - f, f)]
    total = Fraction(sum(v * w for v, w in zip(four, weights, strict=True)), 1 << 20)
    whole = math.floor(abs(total) + Fraction(1, 2))
    return whole if total > 0 else -whole


@EXACT_INT8.of((resize_bilinear, "s8"), (resize_bilinear, "s16"))
def exact_resize_bilinear_int8(
    x: Cells,
    size: Cells,
    *,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    dialect: str,
    align_corners: bool,
    half_pixel_centers: bool,
) -> Cells:
    """Weights in 1/1024, rounded half away from zero."""
    h, w = size.values
    rows = _places_10(x.shape[1], h, align_corners, half_pixel_centers)
    cols = _places_10(x.shape[2], w, align_corners, half_pixel_centers)
    return _resized(x, rows, cols, _mean_10)


@EXACT.of(resize_nearest_neighbor)
def exact_resize_nearest_neighbor(
    x: Cells, size: Cells, *, align_corners: bool, half_pixel_centers: bool
) -> Cells:
    """One element at a time; places in float32 by definition."""

    def nearest(i: int, source: int, target: int) -> int:
        at = f32((i + (0.5 if half_pixel_centers else 0.0)) * _step(source, target, align_corners))
        return min(half_away(at) if align_corners else math.floor(at), source - 1)

    h, w = size.values
    y = Cells.full((x.shape[0], h, w, x.shape[3]), 0)
    for n, i, j, c in y.indices():
        y[n, i, j, c] = x[n, nearest(i, x.shape[1], h), nearest(j, x.shape[2], w), c]
    return y
