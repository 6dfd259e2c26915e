"""Second oracles of the activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf

from ...refimpl.activation import (
    elu,
    gelu,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32, half_away
from .fixed import clamped, divided, multiplier, output_scale, scaled, tensor_scale
from .unary import Outputs, Quants, each, exponential, looked_up

BOUNDS: dict[str, tuple[float, float]] = {
    "none": (-math.inf, math.inf),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


def activated(v: Any, activation: str) -> Any:
    """Clamp a number; a NaN stays."""
    low, high = BOUNDS[activation]
    return type(v)(low) if v < low else type(v)(high) if v > high else v


def activated_int(value: int, activation: str, out: Outputs, dialect: str = "tflite") -> int:
    """Clamp a stored integer to the quantized bounds of the activation, and to its type.

    In nnacl the zero point is added before the bound is rounded.
    """
    scale, zero_point, form = output_scale(out)
    low, high = BOUNDS[activation]

    def stored(bound: float) -> int:
        steps = f32(bound / scale)
        if dialect.startswith("nnacl"):
            return clamped(half_away(f32(steps + zero_point)), form)
        return clamped(zero_point + half_away(steps), form)

    if low > -math.inf:
        value = max(value, stored(low))
    if high < math.inf:
        value = min(value, stored(high))
    return clamped(value, form)


def _product(v: float, alpha: float) -> Any:
    finite = math.isfinite(v) and math.isfinite(alpha)
    return (Fraction(v) * Fraction(alpha) if finite else 0) or v * alpha  # a zero has its sign


def _relu(activation: str) -> tuple[Callable[[Cells], Cells], Callable[..., Cells]]:
    def exact(x: Cells) -> Cells:
        return each(lambda v: activated(v, activation), x)

    def exact_int(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
        (sx, zx), (sy, zy, _) = tensor_scale(quant[0]), output_scale(out)
        real = f32(sx / sy)
        return each(lambda q: activated_int(scaled(q - zx, real) + zy, activation, out), x)

    return exact, exact_int


for _op in (relu, relu6, relu_n1_to_1):
    _exact, _exact_int = _relu(_op.__name__)
    EXACT.of(_op)(_exact)
    for _form in ("s8", "u8") if _op is relu_n1_to_1 else ("s8", "u8", "s16"):
        EXACT_INT8.of((_op, _form))(_exact_int)


@EXACT.of(leaky_relu)
def leaky_relu_exact(x: Cells, *, alpha: float) -> Cells:
    """The slope is a float32."""
    return each(lambda v: v if v > 0 else _product(v, f32(alpha)), x)


@EXACT_INT8.of((leaky_relu, "s8"), (leaky_relu, "u8"), (leaky_relu, "s16"))
def leaky_relu_exact_int(
    x: Cells, *, alpha: float, quant: Quants, out: Outputs, dialect: str
) -> Cells:
    """A multiplier for each sign."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    slope, same = f32(f32(sx * f32(alpha)) / sy), f32(sx / sy)

    def one(q: int) -> int:
        if q >= zx:
            return clamped(scaled(q - zx, same) + zy, form)
        return clamped((-1 if slope < 0 else 1) * scaled(q - zx, abs(slope)) + zy, form)

    return each(one, x)


def _slopes(x: Cells, alpha: Cells) -> list[Any]:
    """Return the slope of every element."""
    skip = len(x.shape) - len(alpha.shape)
    return [
        alpha[tuple(0 if n == 1 else i for i, n in zip(index[skip:], alpha.shape, strict=True))]
        for index in x.indices()
    ]


@EXACT.of(prelu)
def prelu_exact(x: Cells, alpha: Cells) -> Cells:
    """Element by element."""
    pairs = zip(x.values, _slopes(x, alpha), strict=True)
    return Cells(x.shape, [v if v >= 0 else _product(v, a) for v, a in pairs])


@EXACT_INT8.of((prelu, "s8"), (prelu, "u8"))
def prelu_exact_int(x: Cells, alpha: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """A multiplier for each sign; the stored slope is multiplied before."""
    (sx, zx), (sa, za), (sy, zy, form) = *map(tensor_scale, quant[:2]), output_scale(out)
    same, slope = f32(sx / sy), f32(f32(sx * sa) / sy)
    values = []
    for q, a in zip(x.values, _slopes(x, alpha), strict=True):
        y = scaled(q - zx, same) if q >= zx else scaled((q - zx) * (a - za), slope)
        values.append(clamped(y + zy, form))
    return Cells(x.shape, values)


def _sigmoid(v: float) -> Any:
    return v if math.isnan(v) else 1 / (1 + exponential(-v))


EXACT.of(logistic)(lambda x: each(_sigmoid, x))


@EXACT_INT8.of((logistic, "s8"), (logistic, "u8"), (logistic, "s8-nnacl"))
def logistic_exact_int(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """By table; the power, the sum and the quotient are float32 each."""

    def sigmoid(v: float) -> float:
        power = float(exponential(-v))
        return f32(1 / f32(1 + f32(power))) if power < 2.0**127 else 0.0

    return looked_up(sigmoid, x, quant, out)


def _tanh(v: float) -> Any:
    if math.isnan(v) or abs(v) > 60:
        return v if math.isnan(v) else math.copysign(1.0, v)
    return mp.tanh(mpf(v)) if v else v


EXACT.of(tanh)(lambda x: each(_tanh, x))


@EXACT_INT8.of((tanh, "s8"), (tanh, "u8"), (tanh, "s8-nnacl"))
def tanh_exact_int(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """By table."""
    return looked_up(_tanh, x, quant, out)


@EXACT.of(hard_swish)
def hard_swish_exact(x: Cells) -> Cells:
    """The definition, in Fractions."""

    def one(v: float) -> Any:
        if not math.isfinite(v):
            return v * min(max(v + 3, 0.0), 6.0) / 6
        return Fraction(v) * min(max(Fraction(v) + 3, Fraction(0)), Fraction(6)) / 6

    return each(one, x)


@EXACT_INT8.of((hard_swish, "s8"), (hard_swish, "u8"), (hard_swish, "s8-nnacl"))
def hard_swish_exact_int(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """16-bit fixed point: x in 1/128 steps, times a gate in [0, 1] of 15 bits, the last product cut."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    fine = f32(sx / 128)

    def narrow(real: float) -> tuple[int, int]:
        mantissa, exponent = multiplier(real)
        return min((mantissa + 2**15) >> 16, 2**15 - 1), exponent

    def rounded(a: int, b: int) -> int:
        return (a * b + 2**14) >> 15

    (scale, shift), (clamp, places) = narrow(f32(fine / sy)), narrow(f32(fine / f32(3 / 32768)))

    def one(q: int) -> int:
        steps = (q - zx) * 128
        gate = clamped(steps << places - 1, "s16") if places > 0 else steps
        gate = rounded(gate, clamp)
        gate = clamped(2 * gate, "s16") if places > 0 else divided(gate, -places)
        gate = (gate + 2**15) >> 1
        product = gate * rounded(steps, scale)
        high = abs(product) >> 15
        return clamped(divided(high if product >= 0 else -high, -shift) + zy, form)

    return each(one, x)


@EXACT.of(elu)
def elu_exact(x: Cells, *, alpha: float) -> Cells:
    """Where e**v - 1 is far out, what is left of it: -1."""

    def one(v: float) -> Any:
        if v >= 0 or math.isnan(v):
            return v
        slope = Fraction(f32(alpha))
        return mpf(slope.numerator) / slope.denominator * (mp.expm1(mpf(v)) if v > -300 else -1)

    return each(one, x)


@EXACT.of(gelu)
def gelu_exact(x: Cells, *, approximate: bool) -> Cells:
    """By the normal distribution, or by tanh; far out on the left nothing is left of x."""

    def one(v: float) -> Any:
        if not math.isfinite(v) or abs(v) > 60:
            return v * (1 if v > 0 else 0)
        if approximate:
            inner = mp.sqrt(2 / mp.pi) * (mpf(v) + mpf("0.044715") * mpf(v) ** 3)
            return mpf(v) / 2 * (1 + mp.tanh(inner))
        return mpf(v) * mp.ncdf(mpf(v))

    return each(one, x)
