"""Second oracles of circular and hyperbolic functions: 50 digits of mpmath, the ends of the domains by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

from ...refimpl.trigonometry import acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan
from ..cells import Cells
from ..tables import EXACT
from .unary import each

FAR = 300.0  # beyond, sinh and cosh exceed every float32


def _inside(low: float, high: float, function: Callable[[Any], Any]) -> Callable[[float], Any]:
    """NaN outside of [low, high]; a zero stays as it is where the function keeps it."""
    return lambda v: function(mpf(v)) if low <= v <= high else math.nan


def _odd(function: Callable[[float], Any]) -> Callable[[float], Any]:
    """Keep zeros, whose sign mpf does not have."""
    return lambda v: v if v == 0 else function(v)


def _inverse_hyperbolic_tangent(v: float) -> Any:
    if abs(v) == 1:
        return math.copysign(math.inf, v)
    return mp.atanh(mpf(v)) if abs(v) < 1 else math.nan


def _inverse_hyperbolic_sine(v: float) -> Any:
    return mp.asinh(mpf(v)) if math.isfinite(v) else v


def _angle(v: float) -> Any:
    if math.isnan(v):
        return v
    return mp.atan(mpf(v)) if math.isfinite(v) else mp.pi / 2 * (1 if v > 0 else -1)


def _hyperbolic(function: Callable[[Any], Any], even: bool) -> Callable[[float], Any]:
    def value(v: float) -> Any:
        if math.isnan(v):
            return v
        if abs(v) > FAR:
            return math.inf if even or v > 0 else -math.inf
        return function(mpf(v))

    return value


FUNCTIONS: dict[Any, Callable[[float], Any]] = {
    acos: _inside(-1, 1, mp.acos),
    acosh: lambda v: v if v == math.inf else _inside(1, math.inf, mp.acosh)(v),
    asin: _odd(_inside(-1, 1, mp.asin)),
    asinh: _odd(_inverse_hyperbolic_sine),
    atan: _odd(_angle),
    atanh: _odd(_inverse_hyperbolic_tangent),
    cosh: _hyperbolic(mp.cosh, even=True),
    sinh: _odd(_hyperbolic(mp.sinh, even=False)),
    tan: _odd(lambda v: mp.tan(mpf(v)) if math.isfinite(v) else math.nan),
}


def _exact(function: Callable[[float], Any]) -> Callable[[Cells], Cells]:
    return lambda x: each(function, x)


for _op, _function in FUNCTIONS.items():
    EXACT.of(_op)(_exact(_function))
