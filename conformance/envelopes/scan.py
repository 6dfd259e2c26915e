"""How far running sums and products of float32 may be off: what those of their parts may."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.scan import cumprod, cumsum
from ..tables import ENVELOPE
from .reduce import LARGEST, SMALLEST_NORMAL, SUBNORMAL, U

F64 = NDArray[np.float64]


def _counts(x: Array, axis: Array, reverse: bool) -> F64:
    """Return how many elements each result is made of, or one more."""
    a = int(axis.reshape(())) % x.ndim
    count = np.arange(1, x.shape[a] + 1, dtype=np.float64)
    count = count[::-1] if reverse else count
    return count.reshape([-1 if i == a else 1 for i in range(x.ndim)])


@ENVELOPE.of(cumsum)
def cumsum_envelope(
    x: Array, axis: Array, *, exclusive: bool = False, reverse: bool = False
) -> F64:
    """Allow gamma(n) sum |x| and one subnormal for the sum of n elements, in any order; anything if it may overflow."""
    sizes = np.abs(np.where(np.isfinite(x), x, 0)).astype(np.float64)
    total = np.asarray(cumsum(sizes, axis, exclusive=exclusive, reverse=reverse))
    count = _counts(x, axis, reverse)
    bound = count * U / (1 - count * U) * total + SUBNORMAL
    return np.where(total + bound > LARGEST, np.inf, bound)


@ENVELOPE.of(cumprod)
def cumprod_envelope(x: Array, axis: Array, **attributes: Any) -> F64:
    """Allow gamma(n) |product|, and half the distance of subnormal numbers where an order may pass through them.

    The factors above 1 magnify it, as for `reduce_prod`.
    """
    sizes = np.abs(np.where(np.isfinite(x), x, 0)).astype(np.float64)
    with np.errstate(all="ignore"):
        product, largest, smallest = (
            np.asarray(cumprod(v, axis, **attributes))
            for v in (sizes, np.maximum(sizes, 1), np.where(sizes == 0, 1, np.minimum(sizes, 1)))
        )
        count = _counts(x, axis, attributes.get("reverse", False))
        gamma = count * U / (1 - count * U)
        bound = gamma * product
        bound += np.where(smallest < SMALLEST_NORMAL, count * SUBNORMAL * largest, 0.0)
        return np.where(largest * (1 + gamma) < LARGEST, bound, np.inf)
