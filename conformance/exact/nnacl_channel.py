"""Second oracles of nnacl's batch normalization and of its factor for each channel."""

from __future__ import annotations

import math
from typing import Any

from ...ir import QuantParams
from ...refimpl.channel import batch_norm, scale
from ..cells import Cells
from ..tables import EXACT_INT8
from .activation import activated_int
from .binary32 import f32, half_away
from .fixed import clamped, output_scale, scaled, tensor_scale
from .nnacl_unary import KEY
from .unary import Outputs, Quants


def _number(quant: QuantParams | None, q: int) -> tuple[float, int]:
    """Return the scale, and the steps above the zero point."""
    unit, zero = tensor_scale(quant)
    return unit, q - zero


@EXACT_INT8.of((batch_norm, KEY))
def batch_norm_exact(
    x: Cells,
    mean: Cells,
    variance: Cells,
    factor: Cells | None = None,
    offset: Cells | None = None,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    axis: int,
    epsilon: float,
) -> Cells:
    """One float32 slope and constant for each channel."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    lines: list[tuple[float, float]] = []
    for c in range(x.shape[axis]):
        sv, v = _number(quant[2], variance[c])
        deviation = f32(sy * math.sqrt(f32(epsilon) + sv * v))
        sm, m = _number(quant[1], mean[c])
        if factor is None or offset is None:
            a = f32(sx / deviation)
            b = f32(f32(zy - f32(a * zx)) - sm * m / deviation)
        else:
            (sf, f), (so, o) = _number(quant[3], factor[c]), _number(quant[4], offset[c])
            a = f32(f32(f32(sx * sf) * f) / deviation)
            b = f32(f32(zy + f32(f32(so / sy) * o)) - f32(a * zx))
            b = f32(b - f32(f32(f32(f32(sf * sm) * f) * m) / deviation))
        lines.append((a, b))
    y: list[Any] = []
    for index, q in zip(x.indices(), x.values, strict=True):
        a, b = lines[index[axis]]
        y.append(clamped(half_away(f32(f32(q * a) + b)), form))
    return Cells(x.shape, y)


@EXACT_INT8.of((scale, KEY))
def scale_exact(
    x: Cells,
    factor: Cells,
    offset: Cells | None = None,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    axis: int,
    activation: str,
) -> Cells:
    """Two fixed-point products."""
    (sx, zx), (sf, zf), (sy, zy, _) = *map(tensor_scale, quant[:2]), output_scale(out)
    first, y = axis % len(x.shape), []
    for index, q in zip(x.indices(), x.values, strict=True):
        own = index[first : first + len(factor.shape)]
        steps = scaled((q - zx) * (factor[own] - zf), sx * sf / sy)
        if offset is not None:
            so, o = _number(quant[2], offset[own])
            steps += scaled(o, so / sy)
        y.append(activated_int(steps + zy, activation, out, dialect))
    return Cells(x.shape, y)
