"""Second oracles of the changes of the element type."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from ...ir import QuantParams
from ...refimpl.cast import cast, dequantize, quantize
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32, half_away
from .fixed import clamped, limits, output_scale, scaled, tensor_scale, wrapped
from .unary import Outputs, Quants, each


@EXACT.of(cast)
def cast_exact(x: Cells, *, to: str) -> Cells:
    """Floats are cut towards zero and saturate, NaN upwards; integers wrap; not zero is true."""

    def one(v: Any) -> Any:
        if to == "bool":
            return v != 0
        if not isinstance(v, float):
            return int(v) if to in ("f32", "f16") else wrapped(int(v), to)
        if to in ("f32", "f16"):
            return v
        if not math.isfinite(v):
            return limits(to)[0] if v == -math.inf else limits(to)[1]
        return clamped(int(v), to)

    return each(one, x)


def _slices(x: Cells, quant: QuantParams) -> list[tuple[float, int]]:
    """Return the scale and the zero point of every element."""
    if quant.axis is None or len(quant.scale) == 1:
        return [tensor_scale(quant)] * len(x.values)
    zeros = quant.zero_point * (len(quant.scale) if len(quant.zero_point) == 1 else 1)
    return [(quant.scale[i[quant.axis]], zeros[i[quant.axis]]) for i in x.indices()]


@EXACT_INT8.of((quantize, "f32"))
def quantize_exact(x: Cells, *, to: str, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """The float32 quotient, half away from zero; outside of int32 it is the least one."""
    assert out[0].quant is not None

    def steps(v: float, scale: float) -> int:
        quotient = v / scale
        if math.isnan(quotient) or abs(quotient) > 2.0**40:
            return -(2**31)
        whole = half_away(f32(quotient))
        return whole if -(2**31) <= whole < 2**31 else -(2**31)

    places = _slices(x, out[0].quant)
    values = [
        clamped(wrapped(steps(v, s) + z), to) for v, (s, z) in zip(x.values, places, strict=True)
    ]
    return Cells(x.shape, values)


@EXACT_INT8.of(*[(quantize, form) for form in ("s8", "u8", "s16", "s32")])
def requantize_exact(x: Cells, *, to: str, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """The quotient of the scales is a float64."""
    (sx, zx), (sy, zy, _) = tensor_scale(quant[0]), output_scale(out)
    return each(lambda q: clamped(wrapped(scaled(q - zx, sx / sy) + zy), to), x)


@EXACT_INT8.of(*[(dequantize, form) for form in ("s8", "u8", "s16")])
def dequantize_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """The exact product."""
    assert quant[0] is not None
    pairs = zip(x.values, _slices(x, quant[0]), strict=True)
    return Cells(x.shape, [Fraction(s) * (q - z) for q, (s, z) in pairs])


EXACT.of(dequantize)(lambda x: each(float, x))
