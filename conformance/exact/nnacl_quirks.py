"""Second oracles of the dialect nnacl-quirks."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...refimpl.activation import leaky_relu, relu, relu6
from ...refimpl.channel import scale
from ..cells import Cells
from ..tables import EXACT_INT8
from .binary32 import f32, half_away
from .fixed import clamped, divided, multiplier, output_scale, scaled, tensor_scale
from .unary import Outputs, Quants, each

KEY = "s8-nnacl-quirks"


def _relu(most: float) -> Callable[..., Cells]:
    def exact(x: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
        """High product, shift to the left, shift to the right."""
        (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
        mantissa, exponent = multiplier(sx / sy)
        high = 10**6 if most == math.inf else half_away(f32(f32(most / sy) + zy))

        def one(q: int) -> int:
            product = (max(q - zx, 0) * mantissa + 2**30) >> 31
            steps = divided(product << max(exponent, 0), max(-exponent, 0))
            return clamped(min(steps + zy, high), form)

        return each(one, x)

    return exact


EXACT_INT8.of((relu, KEY))(_relu(math.inf))
EXACT_INT8.of((relu6, KEY))(_relu(6.0))


@EXACT_INT8.of((leaky_relu, KEY))
def leaky_relu_exact(x: Cells, *, alpha: float, quant: Quants, out: Outputs, dialect: str) -> Cells:
    """Two lines that part at the stored 0."""
    (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
    factor = f32(sx * f32(1 / sy))

    def one(q: int) -> int:
        sloped = f32(q * f32(alpha)) if q <= 0 else q
        return clamped(half_away(f32(f32(sloped * factor) + f32(-zx * factor))) + zy, form)

    return each(one, x)


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
    """Two fixed-point products; 0 and 6 are stored integers."""
    (sx, zx), (sf, zf), (sy, zy, _) = *map(tensor_scale, quant[:2]), output_scale(out)
    first, y = axis % len(x.shape), []
    low, high = {"none": (-128, 127), "relu": (0, 127), "relu6": (0, 6)}[activation]
    for index, q in zip(x.indices(), x.values, strict=True):
        own = index[first : first + len(factor.shape)]
        steps = scaled((q - zx) * (factor[own] - zf), sx * sf / sy)
        if offset is not None:
            so, zo = tensor_scale(quant[2])
            steps += scaled(offset[own] - zo, so / sy)
        y.append(min(max(steps + zy, low), high))
    return Cells(x.shape, y)
