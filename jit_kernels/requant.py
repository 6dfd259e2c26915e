"""The scalar twin of `quant.fixedpoint.scale_rounding_twice`, for kernels that requantize element by element."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..quant.fixedpoint import quantize_multiplier, wrap_int32
from .kernel import inlined


def factor(real: ArrayLike) -> list[int]:
    """Return a multiplier as `scale_twice` takes it.

    Mantissa, the power of two that a shift to the left multiplies by (modulo 2**32), the shift to the
    right, half of its unit, and 1 if there is one.

    >>> factor(0.375)
    [1610612736, 1, 1, 1, 1]
    """
    mantissa, shift = (int(v) for v in quantize_multiplier(real))
    right = max(-shift, 0)
    left = int(wrap_int32(1 << max(shift, 0)))
    return [mantissa, left, right, 1 << right >> 1, int(right > 0)]


@inlined
def scale_twice(v, mantissa, left, right, half, weight):  # type: ignore[no-untyped-def]
    """Return `v` times a multiplier: the high product is rounded up at halves, the shift away from zero.

    `v` fits into 32 bits, and into 31 where there is a shift to the right. Then all but the product does: LLVM
    keeps it in lanes of 32 bits, as the conversions and the mask tell it that nothing is lost.
    """
    shifted = np.int32(np.int32(v) * np.int32(left))
    high = np.int32((np.int64(shifted) * np.int64(np.int32(mantissa)) + (1 << 30)) >> 31)
    nudged = np.int32(np.int32(high + np.int32(half)) + np.int32(high >> 31) * np.int32(weight))
    return np.int32(nudged >> (right & 31))


@inlined
def scale_twice_wide(v, mantissa, left, right, half, weight):  # type: ignore[no-untyped-def]
    """Return the same for any int32 `v`."""
    shifted = np.int64(np.int32(np.int32(v) * np.int32(left)))
    high = (shifted * np.int64(np.int32(mantissa)) + (1 << 30)) >> 31
    return (high + half + (high >> 63) * weight) >> right
