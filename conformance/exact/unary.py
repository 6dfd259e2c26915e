"""Second oracles of the functions of one tensor: Fractions, and 50 digits where those do not suffice."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...ir import QuantParams, TensorType
from ...refimpl.unary import abs as abs_op
from ...refimpl.unary import ceil, cos, erf, exp, floor, log, neg, rsqrt, sign, sin, sqrt, square
from ...refimpl.unary import round as round_op
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32, half_away
from .fixed import clamped, output_scale, scaled, scaled_by, tensor_scale, wrapped

DIGITS = 50
Quants = tuple[QuantParams | None, ...]
Outputs = tuple[TensorType, ...]


def each(function: Callable[[Any], Any], x: Cells) -> Cells:
    """Apply `function` to every element; equal elements are computed once."""
    with workdps(DIGITS):
        known = {key: function(v) for key, v in {(v, str(v)): v for v in x.values}.items()}
    return Cells(x.shape, [known[v, str(v)] for v in x.values])


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda v: math.copysign(float(function(v)), v) if math.isfinite(v) else v


def exponential(v: float) -> Any:
    """Return e**v; far out, where nothing but 0 or infinity is left in float64, that."""
    if math.isnan(v) or abs(v) > 800:
        return v if math.isnan(v) else (math.inf if v > 0 else 0.0)
    return mp.exp(mpf(v))


def _logarithm(v: float) -> Any:
    if v == 0:
        return -math.inf
    if math.isnan(v) or v < 0 or v == math.inf:
        return v if v > 0 else math.nan
    return mp.log(mpf(v))


def _root(v: float) -> Any:
    if math.isnan(v) or v < 0:
        return math.nan
    return v if v in (0, math.inf) else mp.sqrt(mpf(v))


def _inverse_root(v: float) -> Any:
    if v == 0:
        return math.copysign(math.inf, v)
    if math.isnan(v) or v < 0:
        return math.nan
    return 0.0 if v == math.inf else 1 / mp.sqrt(mpf(v))


def _sign(v: Any) -> Any:
    """A zero loses its sign; NaN stays."""
    return v if v != v else type(v)((v > 0) - (v < 0))


FUNCTIONS: dict[Any, Callable[[Any], Any]] = {
    abs_op: abs,
    neg: lambda v: -v,
    sign: _sign,
    ceil: _whole(math.ceil),
    floor: _whole(math.floor),
    round_op: _whole(round),
    exp: exponential,
    log: _logarithm,
    sqrt: _root,
    rsqrt: _inverse_root,
    sin: lambda v: mp.sin(mpf(v)) if math.isfinite(v) else math.nan,
    cos: lambda v: mp.cos(mpf(v)) if math.isfinite(v) else math.nan,
    square: lambda v: Fraction(v) ** 2 if math.isfinite(v) else v * v,
}


def one_by_one(function: Callable[[Any], Any]) -> Callable[[Cells], Cells]:
    """Return the oracle that applies a function to every element, with reals of 50 digits."""
    return lambda x: each(function, x)


for _op, _function in FUNCTIONS.items():
    EXACT.of(_op)(one_by_one(_function))


def looked_up(function: Callable[[float], Any], x: Cells, quant: Quants, out: Outputs) -> Cells:
    """Apply a real function to dequantized bytes; every step between is a float32 operation."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)

    def one(q: int) -> int:
        real = float(function(f32(sx * (q - zx))))
        if abs(real) > 1e30:
            return clamped(int(math.copysign(10**9, real)), form)
        return clamped(int(f32(half_away(f32(f32(real) * f32(1 / sy))) + zy)), form)

    return each(one, x)


@EXACT_INT8.of((abs_op, "s8"), (abs_op, "s16"))
def abs_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """|x| sx / sy."""
    if quant[0] is None:
        return each(lambda q: wrapped(abs(q), out[0].format), x)
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    return each(lambda q: clamped(scaled(abs(q - zx), f32(sx / sy)) + zy, form), x)


@EXACT_INT8.of((exp, "s8"))
def exp_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """By table."""
    return looked_up(exponential, x, quant, out)


@EXACT_INT8.of((log, "s8"))
def log_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """By table; what is not positive gives the least output."""
    sy, zy, _ = output_scale(out)
    least = f32((-128 - zy) * sy)
    return looked_up(lambda v: mp.log(mpf(v)) if v > 0 else least, x, quant, out)


@EXACT_INT8.of((sqrt, "s8"), (sqrt, "s16"))
def sqrt_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """The float32 root over the scale, cut towards zero."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)

    def one(q: int) -> int:
        root = f32(math.sqrt(f32(sx * (q - zx))))
        return clamped(int(f32(root / sy)) + zy, form)

    return each(one, x)


def inverse_root(n: int) -> tuple[int, int]:
    """Return 1 / sqrt(n) as mantissa and exponent, by Newton's method on 28 fractional bits.

    n is brought into [2**27, 2**29) by powers of 4; five steps x (3 - n x x) / 2 from 1 follow.
    """
    if n <= 1:
        return 2**31 - 1, 0
    places = 11
    while n < 2**27:
        n, places = 4 * n, places - 1

    def times(a: int, b: int) -> int:
        return (a * b + 2**30) >> 31

    half, x = ((n >> 1) + 1) >> 1, 2**28
    for _ in range(5):
        cube = min(times(times(x, x), x) << 6, 2**31 - 1)
        x = min((times(3 * 2**27, x) - times(half, cube)) << 3, 2**31 - 1)
    root = times(x, 1518500250)  # sqrt(2) / 2
    return (root << -places, 0) if places < 0 else (root, -places)


@EXACT_INT8.of((rsqrt, "s8"))
def rsqrt_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """The fixed-point inverse root with 20 bits after the point, rescaled; zero gives the largest."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    real = 1 / f32(f32(math.sqrt(sx)) * sy)

    def one(q: int) -> int:
        if q == zx:
            return 127
        mantissa, exponent = inverse_root(q - zx)
        root = scaled_by(1, mantissa, exponent + 20)
        return clamped(scaled(root, real, -20) + zy, form)

    return each(one, x)


def _error_function(v: float) -> Any:
    if math.isnan(v) or abs(v) > 30:
        return v if math.isnan(v) else math.copysign(1.0, v)
    return mp.erf(mpf(v)) if v else v


EXACT.of(erf)(lambda x: each(_error_function, x))
