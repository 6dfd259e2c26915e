"""Second oracles of the arithmetic on two tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf, workdps

from ...refimpl.binary import (
    add,
    add_n,
    div,
    floor_div,
    floor_mod,
    fmod,
    maximum,
    minimum,
    mul,
    squared_difference,
    sub,
)
from ...refimpl.binary import pow as pow_op
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .activation import activated, activated_int
from .binary32 import f32
from .fixed import output_scale, scaled, tensor_scale, wrapped
from .unary import DIGITS, Outputs, Quants


def paired(function: Callable[[Any, Any], Any], x: Cells, y: Cells) -> Cells:
    """Apply `function` to all pairs of elements that meet when the shapes broadcast."""
    axes = max(len(x.shape), len(y.shape))
    shapes = [(1,) * (axes - len(c.shape)) + c.shape for c in (x, y)]
    whole = tuple(n if m == 1 else m for m, n in zip(*shapes, strict=True))

    def element(c: Cells, index: tuple[int, ...]) -> Any:
        own = index[axes - len(c.shape) :]
        return c[tuple(0 if n == 1 else i for i, n in zip(own, c.shape, strict=True))]

    result = Cells.full(whole, None)
    with workdps(DIGITS):
        for index in result.indices():
            result[index] = function(element(x, index), element(y, index))
    return result


def _real(v: Any, w: Any, exact: Callable[[Any, Any], Any]) -> Any:
    """Compute in Fractions where both are finite floats; a zero keeps the sign that floats give it."""
    if isinstance(v, int):
        return exact(v, w)
    if not (math.isfinite(v) and math.isfinite(w)):
        return exact(v, w)
    return exact(Fraction(v), Fraction(w)) or exact(v, w)


def _quotient(v: Any, w: Any) -> Any:
    if isinstance(v, int):
        size = abs(v) // abs(w)
        return size if (v < 0) == (w < 0) else -size
    if w == 0:
        return (
            math.nan
            if v == 0 or math.isnan(v)
            else math.copysign(math.inf, v) * math.copysign(1, w)
        )
    return v / w


def _fused(function: Callable[[Any, Any], Any]) -> Callable[..., Cells]:
    def exact(x: Cells, y: Cells, *, activation: str) -> Cells:
        return paired(lambda v, w: activated(_real(v, w, function), activation), x, y)

    return exact


def _fused_whole(function: Callable[[Any, Any], Any]) -> Callable[..., Cells]:
    """Integers wrap before the activation sees them."""

    def exact(x: Cells, y: Cells, *, activation: str, out: Outputs, **_: Any) -> Cells:
        form = out[0].format
        return paired(lambda v, w: activated(wrapped(function(v, w), form), activation), x, y)

    return exact


FUSED: dict[Any, Callable[[Any, Any], Any]] = {
    add: lambda v, w: v + w,
    sub: lambda v, w: v - w,
    mul: lambda v, w: v * w,
    div: _quotient,
}
WHOLE = {_op: _fused_whole(_function) for _op, _function in FUSED.items()}
for _op, _function in FUSED.items():
    EXACT.of(_op)(_fused(_function))
    EXACT_INT8.of(*((_op, f) for f in ("u16", "s32", "u32", "s64", "u64")))(WHOLE[_op])


def _floor_quotient(v: Any, w: Any) -> Any:
    if isinstance(v, int):
        return v // w
    if math.isfinite(v) and math.isfinite(w):
        return Fraction(v) // Fraction(w) or math.copysign(0.0, v) * math.copysign(1.0, w)
    return math.floor(v / w) if math.isfinite(v) else v / w


def _floor_remainder(v: Any, w: Any) -> Any:
    if isinstance(v, int):
        return v % w
    if not math.isfinite(v) or math.isnan(w) or w == 0:
        return math.nan
    if math.isinf(w):
        return v if v == 0 or (v < 0) == (w < 0) else w
    return Fraction(v) % Fraction(w) or math.copysign(0.0, v)


def _power(v: Any, w: Any) -> Any:
    if isinstance(v, int):
        return v**w
    if v > 0 and math.isfinite(w):
        return mp.power(mpf(v), mpf(w))
    return Fraction(v) ** int(w)  # a base below zero, a whole exponent


def _squared(v: Any, w: Any) -> Any:
    return (v - w) * (v - w)


def _signed_remainder(v: Any, w: Any) -> Any:
    """The remainder of the division that is cut towards zero."""
    if isinstance(v, int):
        return v - w * _quotient(v, w)
    if not math.isfinite(v) or math.isnan(w) or w == 0:
        return math.nan
    if math.isinf(w):
        return v
    size = abs(Fraction(v)) % abs(Fraction(w))
    return math.copysign(0.0, v) if size == 0 else size if v > 0 else -size


PAIRS: dict[Any, Callable[[Any, Any], Any]] = {
    maximum: lambda v, w: v if v > w else w,
    minimum: lambda v, w: v if v < w else w,
    floor_div: _floor_quotient,
    floor_mod: _floor_remainder,
    fmod: _signed_remainder,
    pow_op: _power,
    squared_difference: lambda v, w: _real(v, w, _squared),
}


def _plain(function: Callable[[Any, Any], Any]) -> Callable[[Cells, Cells], Cells]:
    return lambda x, y: paired(function, x, y)


for _op, _function in PAIRS.items():
    EXACT.of(_op)(_plain(_function))


@EXACT.of(add_n)
def add_n_exact(*xs: Cells) -> Cells:
    """Sum of Fractions."""

    def total(values: tuple[Any, ...]) -> Any:
        finite = all(math.isfinite(v) for v in values)
        return sum(map(Fraction, values)) if finite else sum(values)

    return Cells(xs[0].shape, [total(v) for v in zip(*(x.values for x in xs), strict=True)])


def _sum_exact(sign: int) -> Callable[..., Cells]:
    def exact(
        x: Cells, y: Cells, *, activation: str, quant: Quants, out: Outputs, dialect: str
    ) -> Cells:
        if quant[0] is None:
            return WHOLE[add if sign > 0 else sub](x, y, activation=activation, out=out)
        (sx, zx), (sy, zy), (sz, zz, form) = *map(tensor_scale, quant[:2]), output_scale(out)
        bits, unit = 15 if form == "s16" else 20, 2 * max(sx, sy)

        def one(v: int, w: int) -> int:
            total = scaled((v - zx) << bits, sx / unit) + sign * scaled((w - zy) << bits, sy / unit)
            steps = scaled(wrapped(total), unit / (2**bits * sz)) + zz
            return activated_int(steps, activation, out, dialect)

        return paired(one, x, y)

    return exact


for _form in ("s8", "u8", "s16", "s8-nnacl"):
    EXACT_INT8.of((add, _form))(_sum_exact(1))
    EXACT_INT8.of((sub, _form))(_sum_exact(-1))


EXACT_INT8.of((div, "s8"), (div, "s16"))(WHOLE[div])


@EXACT_INT8.of((mul, "s8"), (mul, "u8"), (mul, "s16"), (mul, "s8-nnacl"))
def mul_exact_int(
    x: Cells, y: Cells, *, activation: str, quant: Quants, out: Outputs, dialect: str
) -> Cells:
    """The product of the scales and its quotient are float32."""
    if quant[0] is None:
        return WHOLE[mul](x, y, activation=activation, out=out)
    (sx, zx), (sy, zy), (sz, zz, _) = *map(tensor_scale, quant[:2]), output_scale(out)
    real = f32(f32(sx * sy) / sz)

    def one(v: int, w: int) -> int:
        return activated_int(scaled((v - zx) * (w - zy), real) + zz, activation, out, dialect)

    return paired(one, x, y)


@EXACT_INT8.of((squared_difference, "s8"))
def squared_difference_exact_int(
    x: Cells, y: Cells, *, quant: Quants, out: Outputs, dialect: str
) -> Cells:
    """Seven bits after the point before the square, fourteen after it."""
    (sx, zx), (sy, zy), (sz, zz, _) = *map(tensor_scale, quant[:2]), output_scale(out)
    unit = 2 * max(sx, sy)

    def one(v: int, w: int) -> int:
        difference = scaled((v - zx) << 7, sx / unit) - scaled((w - zy) << 7, sy / unit)
        return activated_int(scaled(difference**2, unit * unit / (2**14 * sz)) + zz, "none", out)

    return paired(one, x, y)
