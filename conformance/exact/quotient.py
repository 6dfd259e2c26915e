"""Second oracles of quotients, powers and comparisons of bytes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf, workdps

from ...refimpl.binary import div
from ...refimpl.binary import pow as pow_op
from ...refimpl.logic import equal, greater, greater_equal, less, less_equal, not_equal
from ..cells import Cells
from ..tables import EXACT_INT8
from .activation import activated_int
from .binary import WHOLE, paired
from .binary32 import f32, half_away
from .fixed import clamped, divided, multiplier, output_scale, tensor_scale
from .nnacl_unary import KEY, real
from .softmax import _inverse
from .unary import DIGITS, Outputs, Quants


def _high(a: int, b: int) -> int:
    return (a * b + 2**30) >> 31


@EXACT_INT8.of((div, "u8"), (div, KEY))
def div_exact(
    x: Cells, y: Cells, *, quant: Quants, out: Outputs, dialect: str, activation: str
) -> Cells:
    """A reciprocal of the divisor's size with 31 fractional bits; the dividend takes up all of int32."""
    if quant[0] is None:
        return WHOLE[div](x, y, activation=activation, out=out)
    (sx, zx), (sy, zy), (sz, zz, _) = *map(tensor_scale, quant[:2]), output_scale(out)
    mantissa, exponent = multiplier(f32(sx / f32(sy * sz)))

    def quotient(p: int, q: int) -> int:
        a, b = p - zx, q - zy
        room = 31 - (a if a >= 0 else ~a).bit_length()
        inverse, bits = _inverse(abs(b))
        inverse = inverse if b > 0 else -inverse
        value = _high(_high(a << room, inverse), mantissa)
        whole = divided(value, bits + 19 + room - exponent)
        return activated_int(whole + zz, activation, out, dialect)

    return paired(quotient, x, y)


@EXACT_INT8.of((pow_op, KEY))
def pow_exact(x: Cells, y: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """The power to 50 digits, rounded to float32."""
    (sx, zx), (sy, zy), (sz, zz, form) = *map(tensor_scale, quant[:2]), output_scale(out)

    def power(p: int, q: int) -> int:
        base, exponent = f32(sx * (p - zx)), f32(sy * (q - zy))
        with workdps(DIGITS):
            value = f32(float(mp.power(mpf(base), mpf(exponent)))) if exponent else 1.0
        return clamped(half_away(value / sz) + zz, form)

    return paired(power, x, y)


COMPARISONS: dict[Any, Callable[[float, float], bool]] = {
    equal: lambda a, b: abs(f32(a - b)) <= 1e-8,
    not_equal: lambda a, b: abs(f32(a - b)) > 1e-8,
    greater: operator.gt,
    greater_equal: operator.ge,
    less: operator.lt,
    less_equal: operator.le,
}


def _comparison(compare: Callable[[float, float], bool]) -> Callable[..., Cells]:
    def exact(x: Cells, y: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
        """Two float32 numbers."""
        first, second = tensor_scale(quant[0]), tensor_scale(quant[1])
        return paired(lambda p, q: compare(real(p, *first), real(q, *second)), x, y)

    return exact


for _op, _compare in COMPARISONS.items():
    EXACT_INT8.of((_op, KEY))(_comparison(_compare))
