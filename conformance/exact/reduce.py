"""Second oracles of the reductions: every element is sorted into the result that it belongs to."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...ir import QuantParams, TensorType
from ...refimpl.reduce import (
    arg_max,
    arg_min,
    mean,
    reduce_all,
    reduce_any,
    reduce_log_sum_exp,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduce_sum_abs,
    reduce_sum_square,
)
from ...refimpl.reduce import sum as sum_op
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .fixed import clamped, limits, multiplier, output_scale, scaled_by, tensor_scale, wrapped

Quants = tuple[QuantParams | None, ...]
Outputs = tuple[TensorType, ...]
LARGEST = {"f16": float((2**11 - 1) * 2**5), "f32": float((2**24 - 1) * 2**104)}


def grouped(x: Cells, axes: Cells, keep_dims: bool) -> tuple[tuple[int, ...], list[list[Any]]]:
    """Return the shape of the result, and for each of its elements those that it is made of, in order."""
    rank = len(x.shape)
    gone = {a + rank if a < 0 else a for a in axes.values} if rank else set()
    whole = tuple(1 if i in gone else n for i, n in enumerate(x.shape))
    groups = Cells(whole, [[] for _ in range(math.prod(whole))])
    for index in x.indices():
        groups[tuple(0 if i in gone else k for i, k in enumerate(index))].append(x[index])
    kept = whole if keep_dims else tuple(n for i, n in enumerate(whole) if i not in gone)
    return kept, groups.values


def total_of(values: list[Any]) -> Any:
    """Add up exactly; infinities and NaN as IEEE 754 has it."""
    special = [v for v in values if isinstance(v, float) and not math.isfinite(v)]
    if special:
        return special[0] if len(set(special)) == 1 else math.nan
    exact = Fraction(0)
    for v in values:
        exact += Fraction(v)
    return int(exact) if all(isinstance(v, int) for v in values) else exact


@EXACT.of(sum_op)
def exact_sum(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """Add up; the caller rounds, or wraps."""
    shape, groups = grouped(x, axes, keep_dims)
    return Cells(shape, [total_of(g) for g in groups])


def _average(values: list[Any], floats: bool) -> Any:
    if not values:
        return math.nan if floats else 0
    total = total_of(values)
    if floats:
        return total / len(values) if isinstance(total, Fraction) else total
    total = wrapped(total, "s64")
    return int(math.copysign(1, total)) * (abs(total) // len(values))


@EXACT.of(mean)
def exact_mean(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """Average; whole numbers are cut towards zero. Which of both an empty tensor holds does not show here."""
    shape, groups = grouped(x, axes, keep_dims)
    floats = any(isinstance(v, float) for v in x.values)
    return Cells(shape, [_average(g, floats) for g in groups])


def _typed_mean(x: Cells, axes: Cells, *, out: Outputs, keep_dims: bool, **_: Any) -> Cells:
    """Average, where the type of what may be empty is known."""
    shape, groups = grouped(x, axes, keep_dims)
    return Cells(shape, [_average(g, out[0].format in LARGEST) for g in groups])


EXACT_INT8.of((mean, "f32"), (mean, "f16"))(_typed_mean)


@EXACT.of(reduce_prod)
def exact_prod(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """Multiply; the caller rounds, or wraps. No infinities."""
    shape, groups = grouped(x, axes, keep_dims)
    products = [math.prod((Fraction(v) for v in g), start=Fraction(1)) for g in groups]
    return Cells(shape, products)


def _extreme(values: list[Any], better: Callable[[Any, Any], bool]) -> Any:
    best = values[0]
    for v in values[1:]:
        if better(v, best) or (v != v and best == best):
            best = v
    return best


def _enter_extreme(op: Any, better: Callable[[Any, Any], bool], end: int) -> None:
    """Enter both forms of an oracle: for elements alone, and with the type that an empty one needs."""

    def plain(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
        shape, groups = grouped(x, axes, keep_dims)
        return Cells(shape, [_extreme(g, better) for g in groups])

    def typed(x: Cells, axes: Cells, *, out: Outputs, keep_dims: bool, **_: Any) -> Cells:
        form = out[0].format
        ends = (-LARGEST[form], LARGEST[form]) if form in LARGEST else limits(form)
        shape, groups = grouped(x, axes, keep_dims)
        return Cells(shape, [_extreme(g, better) if g else ends[end] for g in groups])

    EXACT.of(op)(plain)
    EXACT_INT8.of(
        *((op, form) for form in ("f32", "f16", "s8", "u8", "s16", "s32", "u32", "s64", "u64"))
    )(typed)


_enter_extreme(reduce_max, lambda v, best: v > best, 0)
_enter_extreme(reduce_min, lambda v, best: v < best, 1)


def _requantized(total: int, mantissa: int, exponent: int, out: Outputs) -> int:
    _, zero, form = output_scale(out)
    return clamped(scaled_by(wrapped(total), mantissa, exponent) + zero, form)


@EXACT_INT8.of((sum_op, "s8"), (sum_op, "u8"))
def exact_sum_int8(
    x: Cells, axes: Cells, *, quant: Quants, out: Outputs, keep_dims: bool, **_: Any
) -> Cells:
    """Add the differences to the zero point, and scale by sx / sy. Nothing gives the stored 0."""
    (scale, zero), shape_groups = tensor_scale(quant[0]), grouped(x, axes, keep_dims)
    fixed = multiplier(scale / output_scale(out)[0])
    values = [
        _requantized(total_of([v - zero for v in g]), *fixed, out) if g else 0
        for g in shape_groups[1]
    ]
    return Cells(shape_groups[0], values)


@EXACT_INT8.of((mean, "s8"), (mean, "u8"), (mean, "s16"))
def exact_mean_int8(
    x: Cells, axes: Cells, *, quant: Quants, out: Outputs, keep_dims: bool, **_: Any
) -> Cells:
    """Scale the sum by a multiplier that the count has divided.

    Before it does, the multiplier is shifted left as far as the count has bits: what is lost stays below one in
    2**31. The shift stops at 32, and where it would exceed what can be shifted back.
    """
    (scale, zero), (shape, groups) = tensor_scale(quant[0]), grouped(x, axes, keep_dims)
    mantissa, exponent = multiplier(scale / output_scale(out)[0])
    values = []
    for g in groups:
        if not g:
            values.append(0)
            continue
        bits = min(math.floor(math.log2(len(g))), 32, 31 + exponent)
        divided = (mantissa << bits) // len(g)
        values.append(_requantized(total_of([v - zero for v in g]), divided, exponent - bits, out))
    return Cells(shape, values)


def _position(x: Cells, axis: Cells, better: Callable[[Any, Any], bool]) -> Cells:
    """Find the first best element along an axis; NaNs are never better, and anything is better than one."""
    (a,) = axis.values
    rank = len(x.shape)
    a = a + rank if a < 0 else a
    out = Cells.full(x.shape[:a] + x.shape[a + 1 :], 0)
    for index in out.indices():
        values = [x[(*index[:a], k, *index[a:])] for k in range(x.shape[a])]
        for k, v in enumerate(values):
            best = values[out[index]]
            if better(v, best) or (best != best and v == v):
                out[index] = k
    return out


@EXACT.of(arg_max)
def exact_arg_max(x: Cells, axis: Cells, *, to: str = "s64") -> Cells:
    """Compare."""
    return _position(x, axis, lambda v, best: v > best)


@EXACT.of(arg_min)
def exact_arg_min(x: Cells, axis: Cells, *, to: str = "s64") -> Cells:
    """Compare."""
    return _position(x, axis, lambda v, best: v < best)


@EXACT.of(reduce_sum_square)
def exact_sum_square(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """Square, then add up."""
    shape, groups = grouped(x, axes, keep_dims)
    squares = [
        [v * v if v != v or abs(v) == math.inf else Fraction(v) ** 2 for v in g] for g in groups
    ]
    return Cells(shape, [total_of(g) for g in squares])


@EXACT.of(reduce_sum_abs)
def exact_sum_abs(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """Drop the signs, then add up."""
    shape, groups = grouped(x, axes, keep_dims)
    return Cells(shape, [total_of([abs(v) for v in g]) for g in groups])


def _log_of_sum(values: list[Any]) -> Any:
    """Powers to 50 digits of what is finite; -inf adds nothing."""
    if any(v != v for v in values):
        return math.nan
    finite = [v for v in values if v > -math.inf]
    if math.inf in finite or not finite:
        return math.inf if finite else -math.inf
    most = max(finite)
    with workdps(50):
        return mpf(most) + mp.log(mp.fsum(mp.exp(mpf(v) - most) for v in finite))


@EXACT.of(reduce_log_sum_exp)
def exact_log_sum_exp(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """Raise, add up, take the logarithm."""
    shape, groups = grouped(x, axes, keep_dims)
    return Cells(shape, [_log_of_sum(g) for g in groups])


@EXACT.of(reduce_all)
def exact_all(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """No element is false."""
    shape, groups = grouped(x, axes, keep_dims)
    return Cells(shape, [False not in g for g in groups])


@EXACT.of(reduce_any)
def exact_any(x: Cells, axes: Cells, *, keep_dims: bool = False) -> Cells:
    """Some element is true."""
    shape, groups = grouped(x, axes, keep_dims)
    return Cells(shape, [True in g for g in groups])
