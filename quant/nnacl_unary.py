"""Functions of one int8 tensor as nnacl, the kernels of MindSpore Lite 1.1, computes them.

All but the square are floating-point steps (nnacl/int8/arithmetic_self_int8.c): the stored integer times the scale,
plus minus the zero point times the scale, each rounded to float32; the function; the quotient by the output's scale,
which where the function is one of C's on double is a quotient of doubles; rounded half away from zero. No step is
contracted with another, and the C library's functions are taken as rounded correctly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, Op, RunError, TensorType, UnsupportedError
from ..refimpl.activation import leaky_relu, relu, relu6
from ..refimpl.cast import quantize
from ..refimpl.logic import logical_not
from ..refimpl.unary import abs as abs_op
from ..refimpl.unary import ceil, cos, floor, log, rsqrt, sin, sqrt, square
from ..refimpl.unary import round as round_op
from .activation import activation_range, centred, output_of, saturated
from .fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    quantize_multiplier,
    round_half_away,
    scale_rounding_twice,
)
from .rule import INT8, Quantized

F32 = NDArray[np.float32]
KEY = "s8-nnacl"


def real_numbers(x: Quantized) -> F32:
    """Return what the stored integers stand for, by a product and a sum in float32."""
    shift = np.float32(-x.zero_point) * x.scale
    return np.asarray(x.value.astype(np.float32) * x.scale + shift)


def nearest_steps(quotient: Array, out: TensorType) -> Array:
    """Round numbers of steps half away from zero, move them to the zero point, clamp."""
    steps = np.clip(round_half_away(quotient), INT32_MIN, INT32_MAX).astype(np.int64)
    return saturated(steps + output_of(out).zero_point, out)


def _by_double(function: Callable[[Any], Any]) -> Callable[[F32], Array]:
    """Return a function that is computed, and divided by the scale, as float64."""
    return lambda real: function(real.astype(np.float64))


def _by_float(function: Callable[[Any], Any]) -> Callable[[F32], Array]:
    """Return a function that is rounded to float32, and so is its quotient."""
    return lambda real: np.asarray(function(real.astype(np.float64)), np.float32)


FUNCTIONS: dict[Op[..., Any], Callable[[F32], Array]] = {
    abs_op: _by_float(np.abs),
    ceil: _by_double(np.ceil),
    cos: _by_float(np.cos),
    floor: _by_float(np.floor),
    round_op: _by_double(round_half_away),
    sin: _by_float(np.sin),
    sqrt: _by_float(np.sqrt),
    log: _by_float(np.log),
    logical_not: _by_float(lambda real: real == 0),
}
# Least stored integer, above the zero point, for which a function has a value.
LEAST: dict[Op[..., Any], int] = {sqrt: 0, log: 1, rsqrt: 1}


def _require_domain(op: Op[..., Any], x: Quantized) -> None:
    if op in LEAST and np.any(centred(x) < LEAST[op]):
        raise RunError(f"{op.__name__}: a value is {'negative' if op is sqrt else 'not positive'}")


def _function_nnacl(op: Op[..., Any]) -> Callable[..., Array]:
    function = FUNCTIONS[op]

    def rule(x: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
        """Apply the function to the real numbers in float32, and divide by the scale of the output.

        Rounding takes halves away from zero. Roots and logarithms of what they are not defined for are a `RunError`.
        """
        _require_domain(op, x)
        value = function(real_numbers(x))
        scale = output_of(out[0]).scale
        return nearest_steps(value / value.dtype.type(scale), out[0])

    return rule


for _op in FUNCTIONS:
    INT8.of((_op, KEY))(_function_nnacl(_op))


@INT8.of((rsqrt, KEY))
def rsqrt_nnacl(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "nnacl") -> Array:
    """Divide 1 by the product of the float32 root and the output's scale; what is not positive is a `RunError`."""
    _require_domain(rsqrt, x)
    product = np.sqrt(real_numbers(x)) * output_of(out[0]).scale
    return nearest_steps(np.float32(1) / product, out[0])


@INT8.of((square, KEY))
def square_nnacl(x: Quantized, *, out: tuple[TensorType, ...], dialect: str = "nnacl") -> Array:
    """Rescale the square of the steps by float32(sx sx / sy), rounding twice."""
    y = output_of(out[0])
    scaled = scale_rounding_twice(
        centred(x) ** 2, *quantize_multiplier(x.scale * x.scale / y.scale)
    )
    return saturated(scaled.astype(np.int64) + y.zero_point, out[0])


def _relu_nnacl(activation: str) -> Callable[..., Array]:
    def rule(x: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
        """Rescale what is positive by float64(sx / sy), rounding twice; the upper bound is nnacl's.

        The source shifts to the left after it has rounded (relux_int8.c): nnacl-quirks.
        """
        y, steps = output_of(out[0]), np.maximum(centred(x), 0)
        multiplier, shift = quantize_multiplier(np.float64(x.scale) / np.float64(y.scale))
        scaled = scale_rounding_twice(steps, multiplier, shift)
        most = activation_range(out[0], activation, "nnacl")[1]
        low = int(np.iinfo(out[0].dtype).min)
        return saturated(scaled.astype(np.int64) + y.zero_point, out[0], (low, most))

    return rule


for _op, _activation in ((relu, "relu"), (relu6, "relu6")):
    INT8.of((_op, KEY))(_relu_nnacl(_activation))


@INT8.of((leaky_relu, KEY))
def leaky_relu_nnacl(
    x: Quantized, *, out: tuple[TensorType, ...], alpha: float, dialect: str = "nnacl"
) -> Array:
    """Multiply by float32(sx (1 / sy)), and before that by `alpha` what is negative; add the zero points in float32.

    The source (leaky_relu_int8.c) is right for zero points of 0 alone: nnacl-quirks.
    """
    y = output_of(out[0])
    factor = x.scale * (np.float32(1) / y.scale)
    stored, away = x.value.astype(np.float32), np.float32(-x.zero_point) * factor
    slope = np.float32(alpha)
    negative = stored * slope * factor + away * slope
    steps = np.where(centred(x) <= 0, negative, stored * factor + away)
    return nearest_steps(steps, out[0])


@INT8.of((quantize, "f32-nnacl"))
def quantize_nnacl(
    x: Quantized, *, out: tuple[TensorType, ...], to: str, dialect: str = "nnacl"
) -> Array:
    """Multiply by the float32 inverse of the scale, add the zero point in float32, round half away from zero, clamp.

    NaN becomes the stored 0 (quant_dtype_cast_int8.c; C leaves that open). There is one scale for all.
    """
    y = output_of(out[0])
    if out[0].quant is not None and out[0].quant.per_channel:
        raise UnsupportedError("quantize: nnacl has one scale for a tensor")
    with np.errstate(all="ignore"):
        steps = x.value * (np.float32(1) / y.scale) + np.float32(y.zero_point)
        return saturated(np.nan_to_num(round_half_away(steps), nan=0.0), out[0])
