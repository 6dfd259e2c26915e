"""How far float32 numbers may be off that are combined at the places that indices name."""

from __future__ import annotations

import numpy as np

from ...ir import Array
from ...refimpl.scatter import scatter_nd_update
from ..tables import ENVELOPE
from .reduce import F64, LARGEST, SMALLEST_NORMAL, SUBNORMAL, U


@ENVELOPE.of(scatter_nd_update)
def scatter_nd_update_envelope(
    x: Array, indices: Array, updates: Array, *, reduction: str = "none"
) -> F64:
    """Allow nothing for what is put or compared, else what a sum or product of as many numbers may be off.

    A place that n updates come to has a sum of n + 1 numbers v, off by at most gamma(n) sum |v|, and one rounding more
    is the reference's: gamma(n + 1) sum |v| (Higham, 2002, section 4.2), and a subnormal that frees the sign of zero. A
    product is off by gamma(n + 1) |prod v|; where factors below 1 alone would make it subnormal, each of the n products
    adds half the distance of those, which the factors above 1 magnify. Where a partial result may overflow, anything.
    """
    if reduction not in ("add", "mul"):
        return np.zeros(x.shape)
    rows = tuple(indices.reshape(-1, indices.shape[-1]).T)
    size = np.abs(np.where(np.isfinite(updates), updates, 0).astype(np.float64))
    size = size.reshape(len(rows[0]), *x.shape[indices.shape[-1] :])
    old = np.abs(np.where(np.isfinite(x), x, 0).astype(np.float64))
    count = np.zeros(x.shape)
    np.add.at(count, rows, 1.0)
    gamma = np.where(count > 0, (count + 1) * U / (1 - (count + 1) * U), 0.0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if reduction == "add":
            np.add.at(old, rows, size)
            bound = gamma * old + SUBNORMAL * (count > 0)
            return np.where(old + bound > LARGEST, np.inf, bound)
        large = np.maximum(old, 1.0)
        small = np.where(old == 0, 1.0, np.minimum(old, 1.0))
        np.multiply.at(large, rows, np.maximum(size, 1.0))
        np.multiply.at(small, rows, np.where(size == 0, 1.0, np.minimum(size, 1.0)))
        np.multiply.at(old, rows, size)
        bound = gamma * old + np.where(small < SMALLEST_NORMAL, count * SUBNORMAL * large, 0.0)
        return np.where(large * (1 + gamma) < LARGEST, bound, np.inf)
