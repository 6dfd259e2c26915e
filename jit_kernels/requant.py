"""The scalar twin of `quant.fixedpoint.scale_rounding_twice`, for kernels that requantize element by element."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..quant.fixedpoint import quantize_multiplier
from .kernel import inlined


def factor(real: ArrayLike) -> list[int]:
    """Return a multiplier as the kernels take it: mantissa, left shift, right shift, half of its unit, sign's weight.

    >>> factor(0.375)
    [1610612736, 0, 1, 1, 1]
    """
    mantissa, shift = (int(v) for v in quantize_multiplier(real))
    right = max(-shift, 0)
    return [mantissa, max(shift, 0), right, 1 << right >> 1, int(right > 0)]


@inlined
def scale_twice(v, mantissa, left, right, half, weight):  # type: ignore[no-untyped-def]
    """Return int64 `v` times a multiplier: the high product is rounded up at halves, the shift away from zero."""
    shifted = np.int64(np.int32(v << left))
    high = (shifted * mantissa + (1 << 30)) >> 31
    return (high + half + (high >> 63) * weight) >> right
