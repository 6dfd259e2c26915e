"""Second oracles of smooth gates and pieces of lines: Fractions, and 50 digits where those do not suffice."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf

from ...refimpl.gate import (
    celu,
    hard_sigmoid,
    mish,
    selu,
    shrink,
    softplus,
    softsign,
    swish,
    thresholded_relu,
)
from ..cells import Cells
from ..tables import EXACT
from .binary32 import f32
from .unary import each, exponential

FAR = 300.0  # e to this power exceeds every float32


def _fraction(v: float) -> Any:
    return Fraction(v) if math.isfinite(v) else v


def _real(v: float) -> Any:
    """Return an attribute, rounded to float32, as mpf."""
    return mpf(f32(v))


def _soft_plus(v: float) -> Any:
    if math.isnan(v) or abs(v) > FAR:
        return v if not v < 0 else 0.0
    return mp.log1p(mp.exp(mpf(v)))


EXACT.of(softplus)(lambda x: each(_soft_plus, x))


@EXACT.of(softsign)
def softsign_exact(x: Cells) -> Cells:
    """A quotient of Fractions; a zero stays."""

    def one(v: float) -> Any:
        if not math.isfinite(v):
            return math.nan
        return Fraction(v) / (1 + abs(Fraction(v))) if v else v

    return each(one, x)


def _bend(v: float) -> Any:
    """Return e**v - 1 for a v that is not positive."""
    if math.isnan(v) or v == 0:
        return v
    return mp.expm1(mpf(v)) if v > -FAR else mpf(-1)


@EXACT.of(selu)
def selu_exact(x: Cells, *, alpha: float, gamma: float) -> Cells:
    """A line to the right, a bend to the left."""
    a, c = _real(alpha), _real(gamma)

    def one(v: float) -> Any:
        if not math.isfinite(v) and not v < 0:
            return v * f32(gamma)
        return c * mpf(v) if v > 0 else c * a * _bend(v)

    return each(one, x)


@EXACT.of(celu)
def celu_exact(x: Cells, *, alpha: float) -> Cells:
    """The larger of x and 0, and the smaller of the bend and 0."""
    a = _real(alpha)

    def one(v: float) -> Any:
        if math.isnan(v):
            return v
        ratio = mpf(v) / a
        bend = -a if ratio < -FAR else a * (mp.expm1(ratio) if ratio < FAR else mp.inf)
        return (v if v > 0 else 0) + (bend if bend < 0 else 0)

    return each(one, x)


@EXACT.of(mish)
def mish_exact(x: Cells) -> Cells:
    """By the definition; far out the weight is 0 or 1."""

    def one(v: float) -> Any:
        if math.isnan(v) or abs(v) > FAR:
            return v * (0.0 if v < 0 else 1.0)
        return mpf(v) * mp.tanh(mp.log1p(mp.exp(mpf(v))))

    return each(one, x)


@EXACT.of(swish)
def swish_exact(x: Cells, *, alpha: float) -> Cells:
    """The weight is 0 where the power exceeds every float32."""

    def one(v: float) -> Any:
        inner = f32(alpha) * v
        if math.isnan(inner):
            return math.nan
        if abs(inner) > FAR:
            return v * (0.0 if inner < 0 else 1.0)
        power = exponential(float(-inner)) if abs(inner) == math.inf else mp.exp(-_real(alpha) * v)
        return v / (1 + power) if math.isfinite(v) else v

    return each(one, x)


@EXACT.of(thresholded_relu)
def thresholded_relu_exact(x: Cells, *, alpha: float) -> Cells:
    """Compare."""
    return each(lambda v: v if v > f32(alpha) else 0.0, x)


@EXACT.of(shrink)
def shrink_exact(x: Cells, *, bias: float, lambd: float) -> Cells:
    """Compare, then add Fractions."""
    b, far = _fraction(f32(bias)), f32(lambd)

    def one(v: float) -> Any:
        if v < -far:
            return _fraction(v) + b
        return _fraction(v) - b if v > far else 0.0

    return each(one, x)


def _line(a: float, b: float) -> Callable[[float], Any]:
    def value(v: float) -> Any:
        if not math.isfinite(v):
            return a * v + b
        return Fraction(a) * Fraction(v) + Fraction(b)

    return value


@EXACT.of(hard_sigmoid)
def hard_sigmoid_exact(x: Cells, *, alpha: float, beta: float) -> Cells:
    """A line, cut off at 0 and 1."""
    line = _line(f32(alpha), f32(beta))

    def one(v: float) -> Any:
        y = line(v)
        return y if y != y else max(min(y, 1), 0)

    return each(one, x)
