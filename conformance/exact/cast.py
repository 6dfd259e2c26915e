"""Second oracles of the changes of the element type."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Any

from ...ir import QuantParams
from ...refimpl.cast import bit_cast, cast, dequantize, quantize
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32, half_away
from .fixed import BITS, clamped, limits, output_scale, scaled, tensor_scale, wrapped
from .narrow import SHAPES, bits_of, nearest, power, value_of
from .unary import Outputs, Quants, each

WIDTHS = {"s4": 4, "u4": 4, "s2": 2, "u2": 2}


@EXACT.of(cast)
def cast_exact(x: Cells, *, to: str, saturate: bool, round_mode: str) -> Cells:
    """Floats are cut towards zero and saturate, NaN upwards; integers wrap; not zero is true."""

    def one(v: Any) -> Any:
        if to == "bool":
            return v != 0
        if to == "f8e8m0":
            return power(v, saturate, round_mode)
        if to in SHAPES:
            return nearest(v, to, saturate)
        if to in WIDTHS:
            return low_bits(cut(v, "s32") if isinstance(v, float) else int(v), to)
        if to in ("f32", "f64"):
            return v if isinstance(v, float) else int(v)
        return cut(v, to) if isinstance(v, float) else wrapped(int(v), to)

    return each(one, x)


def cut(v: float, to: str) -> int:
    """Cut towards zero, and saturate; NaN is the largest."""
    if not math.isfinite(v):
        return limits(to)[0] if v == -math.inf else limits(to)[1]
    return clamped(int(v), to)


def low_bits(v: int, to: str) -> int:
    """Return what the lowest bits of an integer stand for."""
    rest = v % 2 ** WIDTHS[to]
    return rest - 2 ** WIDTHS[to] if to[0] == "s" and rest >= 2 ** (WIDTHS[to] - 1) else rest


@EXACT.of(bit_cast)
def bit_cast_exact(x: Cells, *, to: str) -> Cells:
    """Write each element as one type, and read it as the other."""
    return each(lambda v: _read(_written(v, x.format), to), x)


CODES = {"f32": "<f", "f64": "<d"}


def _written(v: Any, form: str) -> int:
    """Return the bits of an element, as a number."""
    if form in CODES:
        return int.from_bytes(struct.pack(CODES[form], v), "little")
    if form in SHAPES or form == "f8e8m0":
        return bits_of(v, form)
    return int(v) % 2 ** {**BITS, **WIDTHS}.get(form, 1)


def _read(bits: int, form: str) -> Any:
    if form in CODES:
        data = bits.to_bytes(struct.calcsize(CODES[form]), "little")
        return struct.unpack(CODES[form], data)[0]
    if form in SHAPES or form == "f8e8m0":
        return value_of(bits % 2 ** sum((*SHAPES.get(form, (7, 0))[:2], 1)), form)
    if form in WIDTHS:
        return low_bits(bits, form)
    return bits != 0 if form == "bool" else wrapped(bits, form)


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


@EXACT_INT8.of(*[(dequantize, form) for form in ("s8", "u8", "s16", "s8-nnacl")])
def dequantize_exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """The exact product."""
    assert quant[0] is not None
    pairs = zip(x.values, _slices(x, quant[0]), strict=True)
    return Cells(x.shape, [Fraction(s) * (q - z) for q, (s, z) in pairs])


EXACT.of(dequantize)(lambda x: each(float, x))
