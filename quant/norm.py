"""L2 normalisation of quantized tensors, as LiteRT 2.3's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType
from ..refimpl.norm import l2_normalization
from .fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    S32,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    scale_rounding_twice,
    wrap_int32,
)
from .rule import INT8, Quantized

HALF_SQRT_2 = 1518500250  # sqrt(2) / 2 with 31 fractional bits
ONE, ONE_AND_A_HALF = 1 << 28, (1 << 28) + (1 << 27)  # with 28 fractional bits


def _saturating_shift(x: S32, places: int) -> S32:
    return np.clip(x.astype(np.int64) << places, INT32_MIN, INT32_MAX).astype(np.int32)


def inverse_sqrt_multiplier(x: NDArray[np.int32]) -> tuple[S32, S32]:
    """Return the fixed-point (multipliers, shifts) of 1 / sqrt(x), for x >= 0; 0 counts as 1.

    x is scaled by powers of 4 into [2**27, 2**29), then five Newton steps from 1 in Q3.28 follow
    (kernels/internal/common.h, GetInvSqrtQuantizedMultiplierExp).

    >>> [v.tolist() for v in inverse_sqrt_multiplier(np.array([1, 16, 10000]))]
    [[2147483647, 536870914, 343597361], [0, 0, -4]]
    """
    x = np.asarray(x, np.int64)
    places = np.full(x.shape, 11, np.int64)
    scaled = np.maximum(x, 2)
    while (large := scaled >= 1 << 29).any():
        scaled, places = np.where(large, scaled // 4, scaled), places + large
    while (small := scaled < 1 << 27).any():
        scaled, places = np.where(small, scaled * 4, scaled), places - small
    times = saturating_rounding_doubling_high_mul
    half = rounding_divide_by_pot(scaled >> 1, 1)
    root = np.full(x.shape, ONE, np.int32)
    for _ in range(5):
        cube = _saturating_shift(times(times(root, root), root), 6)
        step = times(ONE_AND_A_HALF, root).astype(np.int64) - times(half, cube)
        root = _saturating_shift(wrap_int32(step), 3)
    root = times(root, HALF_SQRT_2)
    root = wrap_int32(root.astype(np.int64) << np.maximum(-places, 0))
    one = x <= 1
    return (
        np.where(one, INT32_MAX, root).astype(np.int32),
        np.where(one, 0, -np.maximum(places, 0)).astype(np.int32),
    )


@INT8.of((l2_normalization, "s8"), (l2_normalization, "u8"))
def l2_normalization_int8(x: Quantized, *, out: tuple[TensorType, ...], **_: Any) -> Array:
    """Multiply by the inverse length in fixed point; the output is in 128ths about 0, or 128 for uint8.

    int8 shifts the difference after multiplying, uint8 before (integer_ops/l2normalization.h,
    reference/l2normalization.h). There is no least length.
    """
    centred = x.value.astype(np.int64) - x.zero_point
    length = wrap_int32(np.sum(centred * centred, axis=-1, keepdims=True))
    multiplier, shift = inverse_sqrt_multiplier(length)
    if x.value.dtype == np.int8:
        scaled = scale_rounding_twice(centred, multiplier, shift + 7)
        return np.clip(scaled, -128, 127).astype(np.int8)
    scaled = scale_rounding_twice(128 * centred, multiplier, shift)
    return np.clip(scaled.astype(np.int64) + 128, 0, 255).astype(np.uint8)
