"""Floating-point formats of 16, 8 and 4 bits: what their bits stand for, and how numbers are rounded to them.

All but f8e8m0 are a sign, an exponent and a fraction, with subnormal numbers below the least exponent; they differ in
what the largest bit patterns mean. f8e8m0 is an exponent alone: a power of two, or NaN. The tables are those of ONNX's
Cast, of Micikevicius et al. 2022 (e4m3fn, e5m2), Noune et al. 2022 (fnuz) and the OCP Microscaling specification.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir import BITS_OF, FORMAT_OF, FORMATS, NARROW_INTS, Array

F64 = NDArray[np.float64]
S64 = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """How a format's bits, but for the sign, stand for sizes.

    Attributes:
        fraction: bits of the fraction.
        bias: of the exponent.
        largest: bits of the largest finite size.
        nan: bits of NaN (f4e2m1, which has none, makes -0 of it).
        sign: the bit of the sign.
        infinity: bits of infinity, None where there is none.
        minus_zero: whether -0 is there; where it is not, its bits are NaN.
    """

    fraction: int
    bias: int
    largest: int
    nan: int
    sign: int
    infinity: int | None = None
    minus_zero: bool = True


LAYOUTS = {
    "f16": Layout(10, 15, 0x7BFF, 0x7E00, 0x8000, infinity=0x7C00),
    "bf16": Layout(7, 127, 0x7F7F, 0x7FC0, 0x8000, infinity=0x7F80),
    "f8e4m3fn": Layout(3, 7, 0x7E, 0x7F, 0x80),
    "f8e4m3fnuz": Layout(3, 8, 0x7F, 0x80, 0x80, minus_zero=False),
    "f8e5m2": Layout(2, 15, 0x7B, 0x7E, 0x80, infinity=0x7C),
    "f8e5m2fnuz": Layout(2, 16, 0x7F, 0x80, 0x80, minus_zero=False),
    "f4e2m1": Layout(1, 1, 0x7, 0x8, 0x8),
}
SCALE_BIAS, SCALE_NAN = 127, 0xFF  # of f8e8m0
ROUND_MODES = ("up", "down", "nearest")
# The bits of an element that count, by format.
MASKS = {"s4": 0xF, "u4": 0xF, "s2": 0x3, "u2": 0x3}


def widen(x: Array) -> Array:
    """Return narrow numbers as float32 or int8: exact; arrays of NumPy's own types as they are.

    >>> widen(np.array([0x7E, 0x81], np.uint8).view(FORMATS["f8e4m3fn"])).tolist()
    [448.0, -0.001953125]
    """
    form = FORMAT_OF[x.dtype]
    if form in NARROW_INTS:
        whole = (x.view(np.uint8) & np.uint8(MASKS[form])).astype(np.int8)
        least = (MASKS[form] + 1) // 2
        return np.where((form[0] == "s") & (whole >= least), whole - 2 * least, whole)
    if form == "f8e8m0":
        exponent = x.view(np.uint8).astype(np.int64)
        size = np.ldexp(1.0, exponent - SCALE_BIAS)
        return np.where(exponent == SCALE_NAN, np.nan, size).astype(np.float32)
    if form not in LAYOUTS or form == "f16":
        return x
    layout = LAYOUTS[form]
    bits = x.view(BITS_OF[form]).astype(np.int64) & (2 * layout.sign - 1)
    code = bits & (layout.sign - 1)
    exponent, fraction = code >> layout.fraction, code & ((1 << layout.fraction) - 1)
    normal = exponent > 0
    size = np.ldexp(
        (fraction + (normal.astype(np.int64) << layout.fraction)).astype(np.float64),
        np.maximum(exponent, 1) - layout.bias - layout.fraction,
    )
    size = np.where(code > layout.largest, np.nan, size)
    if layout.infinity is not None:
        size = np.where(code == layout.infinity, np.inf, size)
    wide = np.where(bits & layout.sign > 0, -size, size)
    if not layout.minus_zero:
        wide = np.where(bits == layout.nan, np.nan, wide)
    return np.asarray(wide.astype(np.float32))


def narrow(x: Array, form: str, saturate: bool = False, round_mode: str = "up") -> Array:
    """Round numbers of NumPy's types to a narrow format, once: to nearest, ties to even; f8e8m0 by `round_mode`.

    What exceeds the largest number becomes infinity, or NaN where there is none; with `saturate` the largest.
    f4e2m1 always saturates, f16 and bf16 never do.

    >>> narrow(np.array([0.3, 1e9, -1e9]), "f8e5m2").tolist(), narrow(np.array([1e9]), "f8e5m2", True).tolist()
    ([0.3125, inf, -inf], [57344.0])
    """
    wide = odd_float64(x)
    if form == "f8e8m0":
        return _power(wide, saturate, round_mode)
    layout = LAYOUTS[form]
    least = 1 - layout.bias
    size: F64 = np.where(np.isfinite(wide), np.abs(wide), 0.0)
    # the exponent of one unit in the last place
    exponent = np.where(size < 2.0**least, least, np.frexp(size)[1] - 1)
    step = exponent.astype(np.int64) - layout.fraction
    count = np.rint(np.ldexp(size, -step)).astype(np.int64)
    # A carry from the fraction raises the exponent, and subnormal numbers fit in.
    code = count + ((step + layout.fraction - least) << layout.fraction)
    beyond = layout.nan if layout.infinity is None else layout.infinity
    if (saturate and form.startswith("f8")) or form == "f4e2m1":
        beyond = layout.largest
    code = np.where((code > layout.largest) | np.isinf(wide), beyond, code)
    code = np.where(np.isnan(wide), layout.nan, code)
    signed = np.signbit(wide) & (layout.minus_zero | (code > 0))
    return (code | np.where(signed, layout.sign, 0)).astype(BITS_OF[form]).view(FORMATS[form])


def _power(wide: F64, saturate: bool, round_mode: str) -> Array:
    """Round to powers of two; what is below the least becomes it or, without `saturate`, NaN; below zero all is NaN."""
    mantissa, exponent = np.frexp(np.where(np.isfinite(wide) & (wide > 0), wide, 1.0))
    up = {"up": mantissa > 0.5, "nearest": mantissa >= 0.75, "down": np.zeros(wide.shape, np.bool_)}
    code = exponent.astype(np.int64) - 1 + up[round_mode] + SCALE_BIAS
    code = np.where(np.isposinf(wide), SCALE_NAN, code)
    above, below = code >= SCALE_NAN, (wide >= 0) & (wide < 2.0**-SCALE_BIAS)
    code = np.where(above, SCALE_NAN - 1 if saturate else SCALE_NAN, code)
    code = np.where(below, 0 if saturate else SCALE_NAN, code)
    code = np.where(np.isnan(wide) | (wide < 0), SCALE_NAN, code)
    return code.astype(np.uint8).view(FORMATS["f8e8m0"])


def odd_float64(x: Array) -> F64:
    """Return numbers as float64; 64-bit integers that it cannot hold so that they are rounded as themselves.

    From 2^53 on the lower 12 bits become one that says whether any was set: at least 41 bits stay, and no format
    here has more than 11, so that the result is on the same side of each tie, or on it.
    """
    if x.dtype.kind not in "iu" or x.dtype.itemsize < 8:
        return np.asarray(x, np.float64)
    signed = x.dtype.kind == "i"
    negative = x < 0 if signed else np.zeros(x.shape, np.bool_)
    size = x.view(np.uint64)
    size = np.where(negative, np.uint64(0) - size, size)
    rest = size & np.uint64(0xFFF)
    odd = (size - rest) | (rest > 0).astype(np.uint64) << np.uint64(11)
    kept = np.where(size >> np.uint64(53) > 0, odd, size).astype(np.float64)
    return np.where(negative, -kept, kept)
