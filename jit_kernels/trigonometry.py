"""Logarithm, circular and hyperbolic functions of float32: in float32 where products and sums are fused, or else wide.

Wide ones are found in float64, a vector at a time, and rounded once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..ir import Op
from ..refimpl import trigonometry as ours
from ..refimpl.unary import cos, log, sin
from . import narrow_math as narrow
from .activation import each
from .float_parts import magnitude, real, root, signed_as
from .kernel import I64, OK, Kernel, kernel, share
from .lowering import Site, Step, lowers
from .simd import Tile, Value, Vectors, tile
from .wide_math import (
    PI,
    Function,
    angle,
    cos_wide,
    exp_wide,
    expm1_wide,
    log1p_wide,
    log_wide,
    sin_wide,
    tan_wide,
)


def widened(v: Vectors, x: Value) -> Value:
    """Return float32 as float64."""
    return v.b.fpext(x, v.vector("f64", x.type.count))


def rounded(v: Vectors, x: Value) -> Value:
    """Return float64 rounded to float32."""
    return v.b.fptrunc(x, v.vector("f32", x.type.count))


def by_float64(v: Vectors, x: Value, of: Function) -> Value:
    """Return `of` of the widened numbers, rounded; a NaN is handed on as it is.

    Where two NaNs of different signs meet, it would be the compiler's choice which of them comes out.
    """
    y = rounded(v, of(v, widened(v, x)))
    return v.b.select(v.b.fcmp_unordered("uno", x, x), x, y)


def wide_row(name: str, of: Function) -> Tile:
    """Make the tile of a function of float64 vectors that is used on `count` float32 numbers."""

    def row(v: Vectors, x: I64, y: I64, count: I64) -> None:
        each(v, x, y, count, lambda v, some: by_float64(v, some, of))

    row.__doc__ = of.__doc__
    return tile(name)(row)


def either(near: Function, wide: Function) -> Function:
    """Return a function of float32 vectors: `near` where the target fuses products with sums, else `wide`."""
    return lambda v, x: near(v, x) if narrow.fuses(v) else by_float64(v, x, wide)


log32 = either(narrow.log_of, log_wide)


def either_row(name: str, near: Function, wide: Function) -> Tile:
    """Make the tile of a function that has a form for float32 vectors."""

    def row(v: Vectors, x: I64, y: I64, count: I64) -> None:
        each(v, x, y, count, either(near, wide))

    row.__doc__ = near.__doc__
    return tile(name)(row)


def reducing_row(name: str, near: Callable[..., Value], wide: Function) -> Tile:
    """The same of one that leaves what is far out to the wide form."""
    far = functools.partial(by_float64, of=wide)
    return either_row(name, functools.partial(near, far=far), wide)


def _leg(v: Vectors, x: Value) -> Value:
    """Return sqrt(1 - x x), in which nothing is lost near 1: both factors are exact."""
    one = real(v, x, 1)
    return root(v, v.b.fmul(v.b.fsub(one, x), v.b.fadd(one, x)))


def acos_wide(v: Vectors, x: Value) -> Value:
    """The angle of (|x|, sqrt(1 - x x)), from the other side where x is negative."""
    a = angle(v, _leg(v, x), magnitude(v, x))
    left = v.b.fcmp_ordered("<", x, real(v, x, 0))
    return v.b.select(left, v.b.fsub(real(v, x, PI), a), a)


def asin_wide(v: Vectors, x: Value) -> Value:
    """The angle of (sqrt(1 - x x), |x|)."""
    return signed_as(v, angle(v, magnitude(v, x), _leg(v, x)), x)


def atan_wide(v: Vectors, x: Value) -> Value:
    """The angle of (1, |x|)."""
    return signed_as(v, angle(v, magnitude(v, x), real(v, x, 1)), x)


def asinh_wide(v: Vectors, x: Value) -> Value:
    """Return ln(1 + u) with u = |x| + x x / (1 + sqrt(1 + x x))."""
    size, one = magnitude(v, x), real(v, x, 1)
    square = v.b.fmul(x, x)
    rest = v.b.fdiv(square, v.b.fadd(one, root(v, v.b.fadd(one, square))))
    infinite = v.b.fcmp_ordered("==", size, real(v, x, float("inf")))
    u = v.b.select(infinite, size, v.b.fadd(size, rest))
    return signed_as(v, log1p_wide(v, u), x)


def acosh_wide(v: Vectors, x: Value) -> Value:
    """Return ln(1 + u) with u = (x - 1) + sqrt((x - 1) (x + 1)); below 1 the root is NaN, or u is."""
    one = real(v, x, 1)
    less = v.b.fsub(x, one)
    u = v.b.fadd(less, root(v, v.b.fmul(less, v.b.fadd(x, one))))
    u = v.b.select(v.b.fcmp_ordered(">=", x, one), u, real(v, x, float("nan")))
    return log1p_wide(v, u)


def atanh_wide(v: Vectors, x: Value) -> Value:
    """Half of ln(1 + u) with u = 2 |x| / (1 - |x|); beyond 1 it is NaN."""
    size, one = magnitude(v, x), real(v, x, 1)
    u = v.b.fdiv(v.b.fadd(size, size), v.b.fsub(one, size))
    u = v.b.select(v.b.fcmp_ordered("<=", size, one), u, real(v, x, float("nan")))
    return signed_as(v, v.b.fmul(log1p_wide(v, u), real(v, x, 0.5)), x)


def sinh_wide(v: Vectors, x: Value) -> Value:
    """Half of m + m / (m + 1) with m = e**|x| - 1."""
    m = expm1_wide(v, magnitude(v, x))
    size = v.b.fadd(m, v.b.fdiv(m, v.b.fadd(m, real(v, x, 1))))
    return signed_as(v, v.b.fmul(size, real(v, x, 0.5)), x)


def cosh_wide(v: Vectors, x: Value) -> Value:
    """Half of p + 1 / p with p = e**|x|."""
    p = exp_wide(v, magnitude(v, x))
    return v.b.fmul(v.b.fadd(p, v.b.fdiv(real(v, x, 1), p)), real(v, x, 0.5))


log_row = either_row("f32_log_row", narrow.log_of, log_wide)
sin_row = reducing_row("f32_sin_row", narrow.sin_of, sin_wide)
cos_row = reducing_row("f32_cos_row", narrow.cos_of, cos_wide)
tan_row = reducing_row("f32_tan_row", narrow.tan_of, tan_wide)
acos_row = either_row("f32_acos_row", narrow.acos_of, acos_wide)
asin_row = either_row("f32_asin_row", narrow.asin_of, asin_wide)
atan_row = either_row("f32_atan_row", narrow.atan_of, atan_wide)
acosh_row = either_row("f32_acosh_row", narrow.acosh_of, acosh_wide)
asinh_row = either_row("f32_asinh_row", narrow.asinh_of, asinh_wide)
atanh_row = either_row("f32_atanh_row", narrow.atanh_of, atanh_wide)
cosh_row = either_row("f32_cosh_row", narrow.cosh_of, cosh_wide)
sinh_row = either_row("f32_sinh_row", narrow.sinh_of, sinh_wide)


@kernel
def f32_log(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Natural logarithm."""
    start, stop = share(count, tid, threads)
    log_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_sin(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Sine."""
    start, stop = share(count, tid, threads)
    sin_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_cos(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Cosine."""
    start, stop = share(count, tid, threads)
    cos_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_tan(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Tangent."""
    start, stop = share(count, tid, threads)
    tan_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_acos(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Inverse cosine."""
    start, stop = share(count, tid, threads)
    acos_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_asin(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Inverse sine."""
    start, stop = share(count, tid, threads)
    asin_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_atan(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Inverse tangent."""
    start, stop = share(count, tid, threads)
    atan_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_acosh(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Inverse hyperbolic cosine."""
    start, stop = share(count, tid, threads)
    acosh_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_asinh(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Inverse hyperbolic sine."""
    start, stop = share(count, tid, threads)
    asinh_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_atanh(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Inverse hyperbolic tangent."""
    start, stop = share(count, tid, threads)
    atanh_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_cosh(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Hyperbolic cosine."""
    start, stop = share(count, tid, threads)
    cosh_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_sinh(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Hyperbolic sine."""
    start, stop = share(count, tid, threads)
    sinh_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


KERNELS: dict[Op[..., Any], Kernel] = {
    log: f32_log,
    sin: f32_sin,
    cos: f32_cos,
    ours.tan: f32_tan,
    ours.acos: f32_acos,
    ours.asin: f32_asin,
    ours.atan: f32_atan,
    ours.acosh: f32_acosh,
    ours.asinh: f32_asinh,
    ours.atanh: f32_atanh,
    ours.cosh: f32_cosh,
    ours.sinh: f32_sinh,
}


@lowers(*((op, "f32") for op in KERNELS))
def lower_function(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    return [Step(KERNELS[site.node.op], (x, y, y.type.size))]
