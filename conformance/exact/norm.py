"""Second oracles of the normalisations, to 50 digits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...ir import QuantParams, TensorType
from ...refimpl.norm import (
    l2_normalization,
    layer_norm,
    local_response_normalization,
    rms_norm,
)
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .activation import activated
from .binary32 import f32
from .fixed import clamped, divided, scaled_by, tensor_scale, wrapped

DIGITS = 50
ONE = 1 << 28  # in Q3.28


@EXACT.of(l2_normalization)
def exact_l2_normalization(x: Cells, *, activation: str = "none") -> Cells:
    """Divide every vector along the last axis by its length, at least float32's 10**-6."""
    depth, y = x.shape[-1], Cells(x.shape, list(x.values))
    with workdps(DIGITS):
        for at in range(0, len(x.values), max(depth, 1)):
            vector = x.values[at : at + depth]
            square = sum((Fraction(v) ** 2 for v in vector), Fraction(0))
            length = mp.sqrt(mpf(square.numerator) / square.denominator)
            length = max(length, mpf(f32(1e-6)))
            y.values[at : at + depth] = [activated(mpf(v) / length, activation) for v in vector]
    return y


@EXACT.of(local_response_normalization)
def exact_local_response_normalization(
    x: Cells,
    *,
    radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    after: int = -1,
) -> Cells:
    """Take channel c - radius to c + after, as far as they are there; -1 is radius - 1."""
    bias, alpha, beta = f32(bias), f32(alpha), f32(beta)
    y = Cells.full(x.shape, 0)
    with workdps(DIGITS):
        after = radius - 1 if after == -1 else after
        for *pixel, c in x.indices():
            near = [x[*pixel, k] for k in range(x.shape[-1]) if c - radius <= k <= c + after]
            base = Fraction(bias) + Fraction(alpha) * sum(
                (Fraction(v) ** 2 for v in near), Fraction(0)
            )
            real = mpf(base.numerator) / base.denominator
            y[*pixel, c] = mpf(x[*pixel, c]) * mp.power(real, -mpf(beta))
    return y


def _times(a: int, b: int, integer_bits: int) -> int:
    """Multiply Q3.28 numbers, and saturate what has gained integer bits back to Q3.28."""
    high = (a * b + 2**30) >> 31
    return clamped(high << integer_bits, "s32")


def inverse_root(x: int) -> tuple[int, int]:
    """Return the mantissa and the exponent that stand for 1 / sqrt(x): five Newton steps in Q3.28.

    x = 4**k r with r of 28 or 29 bits; r / 2**29 lies in [1/4, 1), and its inverse root in (1, 2].
    """
    if x <= 1:
        return 2**31 - 1, 0
    k = 0
    while not 2**27 <= x < 2**29:
        x, k = (x // 4, k + 1) if x >= 2**29 else (4 * x, k - 1)
    half, root = divided(x >> 1, 1), ONE
    for _ in range(5):
        cube = (((root * root + 2**30) >> 31) * root + 2**30) >> 31
        cube = clamped(cube << 6, "s32")
        step = ((3 * ONE // 2 * root + 2**30) >> 31) - ((half * cube + 2**30) >> 31)
        root = clamped(step << 3, "s32")
    root = _times(root, 1518500250, 0)
    shift = 11 + k
    return (root << -shift, 0) if shift < 0 else (root, -shift)


@EXACT_INT8.of((l2_normalization, "s8"), (l2_normalization, "u8"))
def exact_l2_normalization_int8(
    x: Cells, *, quant: tuple[QuantParams | None, ...], out: tuple[TensorType, ...], **_: Any
) -> Cells:
    """int8: 128 times the multiplier; uint8: 128 times the difference. Both around the prescribed zero."""
    zero = tensor_scale(quant[0])[1]
    depth, form, y = x.shape[-1], out[0].format, Cells.full(x.shape, 0)
    for at in range(0, len(x.values), max(depth, 1)):
        vector = [v - zero for v in x.values[at : at + depth]]
        mantissa, exponent = inverse_root(wrapped(sum(v * v for v in vector)))
        for k, v in enumerate(vector):
            if form == "s8":
                value = scaled_by(v, mantissa, exponent + 7)
            else:
                value = scaled_by(128 * v, mantissa, exponent) + 128
            y.values[at + k] = clamped(value, form)
    return y


@EXACT.of(layer_norm)
def exact_layer_norm(
    x: Cells, scale: Cells, bias: Cells | None = None, *, axis: int = -1, epsilon: float = 1e-5
) -> Cells:
    """The mean and the variance are Fractions."""
    count, y = math.prod(x.shape[axis:]), Cells(x.shape, list(x.values))
    with workdps(DIGITS):
        for at in range(0, len(x.values), max(count, 1)):
            row = [Fraction(v) for v in x.values[at : at + count]]
            middle = sum(row, Fraction(0)) / count
            variance = sum(((v - middle) ** 2 for v in row), Fraction(0)) / count
            total = variance + Fraction(f32(epsilon))
            deviation = mp.sqrt(mpf(total.numerator) / total.denominator)
            for k, v in enumerate(row):
                d = (v - middle) * Fraction(scale.values[k])
                real = mpf(d.numerator) / d.denominator / deviation
                y.values[at + k] = real if bias is None else real + mpf(bias.values[k])
    return y


@EXACT.of(rms_norm)
def exact_rms_norm(x: Cells, scale: Cells, *, axis: int = -1, epsilon: float = 1e-5) -> Cells:
    """The mean square is a Fraction."""
    count, y = math.prod(x.shape[axis:]), Cells(x.shape, list(x.values))
    with workdps(DIGITS):
        for at in range(0, len(x.values), max(count, 1)):
            row = [Fraction(v) for v in x.values[at : at + count]]
            total = sum((v * v for v in row), Fraction(0)) / count + Fraction(f32(epsilon))
            root = mp.sqrt(mpf(total.numerator) / total.denominator)
            for k, v in enumerate(row):
                scaled = v * Fraction(scale.values[k])
                y.values[at + k] = mpf(scaled.numerator) / scaled.denominator / root
    return y
