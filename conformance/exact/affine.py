"""Second oracles of quantization by tensors of scales: Fractions, rounded where ONNX says that something is."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from ...refimpl.affine import dequantize_linear, quantize_linear
from ..cells import Cells
from ..tables import EXACT
from .binary32 import f32
from .fixed import limits
from .narrow import nearest

FLOAT8 = ("f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz")
NARROW_LIMITS = {"s4": (-8, 7), "u4": (0, 15), "s2": (-2, 1), "u2": (0, 3)}


def _place(index: tuple[int, ...], scales: Cells, axis: int, block: int) -> Any:
    """Return which of the scales an element has."""
    if scales.shape == ():
        return ()
    axis %= len(index)
    if not block:
        return (index[axis],)
    return tuple(i // block if a == axis else i for a, i in enumerate(index))


def _rounded(value: Any, form: str) -> float:
    """Round a number, exact or float, to a real type."""
    if form in ("f16", "bf16"):
        return nearest(value, form)
    if isinstance(value, float):
        return _float32(value)
    return _float32_of(Fraction(value))


def _float32(value: float) -> float:
    try:
        return f32(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _float32_of(value: Fraction) -> float:
    """Round a fraction to float32, once: by whole numbers of the unit that it has there."""
    if value == 0:
        return 0.0
    size, sign = abs(value), -1 if value < 0 else 1
    exponent = max(size.numerator.bit_length() - size.denominator.bit_length() - 1, -126)
    while size >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while exponent > -126 and size < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (exponent - 23)
    whole = round(size / unit)  # ties to even
    found = whole * unit
    return sign * (math.inf if found >= Fraction(2) ** 128 else float(found))


def _quotient(v: float, s: float, form: str) -> float:
    """Divide, and round to a real type."""
    if math.isnan(v) or math.isnan(s) or (math.isinf(v) and math.isinf(s)) or v == s == 0:
        return math.nan
    sign = math.copysign(1.0, v) * math.copysign(1.0, s)
    if math.isinf(v) or s == 0:
        return sign * math.inf
    if math.isinf(s) or v == 0:
        return sign * 0.0
    return math.copysign(_rounded(Fraction(v) / Fraction(s), form), sign)


@EXACT.of(quantize_linear)
def quantize_linear_exact(
    x: Cells,
    scale: Cells,
    zero_point: Cells | None = None,
    *,
    to: str,
    axis: int,
    block: int,
    saturate: bool,
    precision: str,
) -> Cells:
    """A quotient, rounded; a whole number, ties to even; the zero point; the ends."""
    y = Cells.full(x.shape, 0)
    for index in x.indices():
        at = _place(index, scale, axis, block)
        zero = 0 if zero_point is None else zero_point[at]
        q = _quotient(_rounded(x[index], precision), _rounded(scale[at], precision), precision)
        if to in FLOAT8:
            y[index] = nearest(q, to, saturate)
        elif to == "f4e2m1":
            shifted = q if zero_point is None else _rounded(q + zero, precision)
            y[index] = nearest(shifted, to)
        else:
            low, high = NARROW_LIMITS[to] if to in NARROW_LIMITS else limits(to)
            if math.isnan(q):
                y[index] = low
            elif math.isinf(q):
                y[index] = high if q > 0 else low
            else:
                y[index] = min(max(round(Fraction(q)) + zero, low), high)
    return y


@EXACT.of(dequantize_linear)
def dequantize_linear_exact(
    x: Cells,
    scale: Cells,
    zero_point: Cells | None = None,
    *,
    to: str,
    axis: int,
    block: int,
) -> Cells:
    """The exact product, where it is one."""
    y = Cells.full(x.shape, 0)
    for index in x.indices():
        at = _place(index, scale, axis, block)
        v, s = x[index], scale[at]
        if zero_point is not None and x.format not in FLOAT8:
            v -= zero_point[at]
        if math.isfinite(v) and math.isfinite(s) and v != 0 and s != 0:
            y[index] = Fraction(v) * Fraction(s)
        else:
            y[index] = float(v) * s
    return y
