"""Second oracles of nnacl's functions of one tensor: float32 and float64 steps on Python numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

from ...refimpl.activation import leaky_relu, relu, relu6
from ...refimpl.cast import quantize
from ...refimpl.logic import logical_not
from ...refimpl.unary import abs as abs_op
from ...refimpl.unary import ceil, cos, floor, log, rsqrt, sin, sqrt, square
from ...refimpl.unary import round as round_op
from ..cells import Cells
from ..tables import EXACT_INT8
from .binary32 import f32, half_away
from .fixed import clamped, output_scale, scaled, tensor_scale
from .unary import Outputs, Quants, each

KEY = "s8-nnacl"
FUNCTIONS: dict[Any, Callable[[float], Any]] = {
    abs_op: abs,
    cos: lambda v: mp.cos(mpf(v)),
    floor: math.floor,
    log: lambda v: mp.log(mpf(v)),
    logical_not: lambda v: 1.0 if v == 0 else 0.0,
    sin: lambda v: mp.sin(mpf(v)),
    sqrt: lambda v: mp.sqrt(mpf(v)),
}
WHOLE: dict[Any, Callable[[float], int]] = {ceil: math.ceil, round_op: half_away}


def real(q: int, scale: float, zero: int) -> float:
    """Return q s - z s as two products and a difference in float32."""
    return f32(f32(q * scale) - f32(zero * scale))


def _by_float(function: Callable[[float], Any]) -> Callable[..., Cells]:
    def exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
        """The function and the quotient are float32 numbers."""
        (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)

        def one(q: int) -> int:
            value = f32(float(function(real(q, sx, zx))))
            return clamped(half_away(f32(value / sy)) + zy, form)

        return each(one, x)

    return exact


def _by_double(function: Callable[[float], int]) -> Callable[..., Cells]:
    def exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
        """A whole number over the scale, in float64."""
        (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
        return each(
            lambda q: clamped(half_away(float(function(real(q, sx, zx))) / sy) + zy, form), x
        )

    return exact


for _op, _function in FUNCTIONS.items():
    EXACT_INT8.of((_op, KEY))(_by_float(_function))
for _op, _whole in WHOLE.items():
    EXACT_INT8.of((_op, KEY))(_by_double(_whole))


@EXACT_INT8.of((rsqrt, KEY))
def rsqrt_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """1 over the root times the scale."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)

    def one(q: int) -> int:
        root = f32(float(mp.sqrt(mpf(real(q, sx, zx)))))
        return clamped(half_away(f32(1 / f32(root * sy))) + zy, form)

    return each(one, x)


@EXACT_INT8.of((square, KEY))
def square_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """By a fixed-point multiplier."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    factor = f32(f32(sx * sx) / sy)
    return each(lambda q: clamped(scaled((q - zx) ** 2, factor) + zy, form), x)


def _relu(most: float) -> Callable[..., Cells]:
    def exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
        """What is negative is 0 before."""
        (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
        high = 10**6 if most == math.inf else half_away(f32(f32(most / sy) + zy))

        def one(q: int) -> int:
            return clamped(min(scaled(max(q - zx, 0), sx / sy) + zy, high), form)

        return each(one, x)

    return exact


EXACT_INT8.of((relu, KEY))(_relu(math.inf))
EXACT_INT8.of((relu6, KEY))(_relu(6.0))


@EXACT_INT8.of((leaky_relu, KEY))
def leaky_relu_exact(x: Cells, *, alpha: float, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """A line for each sign, in float32."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    factor, slope = f32(sx * f32(1 / sy)), f32(alpha)
    away = f32(-zx * factor)

    def one(q: int) -> int:
        steps = f32(f32(q * factor) + away)
        if q <= zx:
            steps = f32(f32(f32(q * slope) * factor) + f32(away * slope))
        return clamped(half_away(steps) + zy, form)

    return each(one, x)


@EXACT_INT8.of((quantize, "f32-nnacl"))
def quantize_exact(x: Cells, *, to: str, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """A product with the inverse and a sum, both float32."""
    sy, zy, form = output_scale(out)
    inverse = f32(1 / sy)

    def one(v: float) -> int:
        if math.isnan(v):
            return clamped(0, form)
        far = math.copysign(10.0**9, v)
        steps = far if abs(v) * inverse > 1e9 else f32(f32(v * inverse) + zy)
        return clamped(half_away(steps), form)

    return each(one, x)
