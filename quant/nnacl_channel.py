"""What is done to each channel of int8 tensors for itself, as nnacl computes it.

Batch normalization takes float32 factors that are made of the stored statistics (batchnorm_int8.cc, batchnorm_int8.c);
a factor and a summand are taken in fixed point (scale_int8.cc, scale_int8.c).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, RunError, TensorType, UnsupportedError
from ..refimpl.channel import batch_norm, scale
from .activation import activation_range, centred, output_of, saturated
from .fixedpoint import quantize_multiplier, scale_rounding_twice
from .nnacl_unary import nearest_steps
from .rule import INT8, Quantized

F32 = NDArray[np.float32]
KEY = "s8-nnacl"


def beside(values: Array, rank: int, axis: int) -> Array:
    """Return `values` shaped to stand along the axes from `axis` on of `rank` axes."""
    after = rank - axis % rank - values.ndim
    return values.reshape(*values.shape, *[1] * after)


def _plain_factors(
    x: Quantized, mean: Quantized, deviation: F32, zero: np.float32
) -> tuple[F32, F32]:
    slope = (np.float64(x.scale) / deviation).astype(np.float32)
    middle = np.float64(mean.scale) * centred(mean) / deviation
    return slope, ((zero - slope * np.float32(x.zero_point)) - middle).astype(np.float32)


def _fused_factors(
    x: Quantized,
    mean: Quantized,
    factor: Quantized,
    offset: Quantized,
    deviation: F32,
    out: Quantized,
) -> tuple[F32, F32]:
    steps = (x.scale * factor.scale) * centred(factor).astype(np.float32)
    slope = steps / deviation
    moved = np.float32(out.zero_point) + (offset.scale / out.scale) * centred(offset).astype("f")
    moved = moved - slope * np.float32(x.zero_point)
    middle = (factor.scale * mean.scale) * centred(factor).astype("f") * centred(mean).astype("f")
    return slope, moved - middle / deviation


@INT8.of((batch_norm, KEY))
def batch_norm_nnacl(
    x: Quantized,
    mean: Quantized,
    variance: Quantized,
    factor: Quantized | None = None,
    offset: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    axis: int,
    epsilon: float,
    dialect: str = "nnacl",
) -> Array:
    """Multiply the stored integer by a float32 slope, add a float32 constant, round half away from zero.

    Both come from the deviation sy sqrt(epsilon + variance), which is computed in float64 and rounded. With a scale and
    an offset the rest is float32 arithmetic, without them in part float64. One of the two alone has no rule. A
    variance that with epsilon is not positive is a `RunError`.
    """
    y = output_of(out[0])
    spread = np.float64(np.float32(epsilon)) + np.float64(variance.scale) * centred(variance)
    if np.any(spread <= 0):
        raise RunError("batch_norm: a variance is not positive")
    deviation = (np.float64(y.scale) * np.sqrt(spread)).astype(np.float32)
    if factor is not None and offset is not None:
        slope, moved = _fused_factors(x, mean, factor, offset, deviation, y)
    elif factor is None and offset is None:
        slope, moved = _plain_factors(x, mean, deviation, np.float32(y.zero_point))
    else:
        raise UnsupportedError("batch_norm: nnacl takes both scale and offset, or none")
    rank = x.value.ndim
    steps = x.value.astype(np.float32) * beside(slope, rank, axis) + beside(moved, rank, axis)
    return nearest_steps(steps, TensorType(out[0].shape, out[0].dtype))


QUIRKS = {"none": (-128, 127), "relu": (0, 127), "relu6": (0, 6)}


def scale_bounds(out: TensorType, activation: str, dialect: str) -> tuple[int, int]:
    """Return the least and the largest stored result: quantized bounds.

    The source of nnacl clamps stored integers at 0 and 6, whatever these stand for: nnacl-quirks.
    """
    if dialect != "nnacl-quirks":
        return activation_range(out, activation, dialect)
    if activation not in QUIRKS:
        raise UnsupportedError(f"scale: nnacl-quirks has no {activation}")
    return QUIRKS[activation]


@INT8.of((scale, KEY), (scale, "s8-nnacl-quirks"))
def scale_nnacl(
    x: Quantized,
    factor: Quantized,
    offset: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    axis: int,
    activation: str,
    dialect: str = "nnacl",
) -> Array:
    """Rescale x factor by float64(sx sf / sy) and the offset by float64(so / sy), each rounded twice, and add."""
    y, rank = output_of(out[0]), x.value.ndim
    product = centred(x) * beside(centred(factor), rank, axis)
    real = np.float64(x.scale) * np.float64(factor.scale) / np.float64(y.scale)
    steps = scale_rounding_twice(product, *quantize_multiplier(real)).astype(np.int64)
    if offset is not None:
        ratio = quantize_multiplier(np.float64(offset.scale) / np.float64(y.scale))
        steps = steps + beside(scale_rounding_twice(centred(offset), *ratio), rank, axis)
    bounds = scale_bounds(out[0], activation, dialect)
    return saturated(steps + y.zero_point, out[0], bounds)
