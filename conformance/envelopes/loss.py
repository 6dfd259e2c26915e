"""How far float32 losses may be off. u = 2**-24 is the unit roundoff, gamma(n) = n u / (1 - n u)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.loss import negative_log_likelihood
from ..tables import ENVELOPE
from .matmul import magnitude
from .reduce import LARGEST, SUBNORMAL, U, gamma

F64 = NDArray[np.float64]


@ENVELOPE.of(negative_log_likelihood)
def negative_log_likelihood_envelope(
    x: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> F64:
    """A single loss is a product, off by gamma(2) and a subnormal; exact without weights.

    Sums of n: gamma(n + 2) of the magnitudes, in any order. A mean divides two sums S and W, which are off by s and w:
    by (s + |S| w / |W|) / (|W| - w), and gamma(2) for the quotient and the reference. Where w reaches half of W the
    weights cancel, and anything is right. The sign of a loss of zero is free.
    """
    used = np.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    classes = np.where(used, target, 0).astype(np.int64)
    found = np.take_along_axis(x, np.expand_dims(classes, 1), 1)[:, 0].astype(np.float64)
    weights = np.ones(target.shape) if weight is None else weight.astype(np.float64)[classes]
    weights = np.where(used, weights, 0.0)
    terms = np.where(used, magnitude(found) * magnitude(weights), 0.0)
    if reduction == "none":
        exact = weight is None and found != 0
        return np.where(used & exact, 0.0, gamma(2) * terms + SUBNORMAL)
    count = target.size
    off = gamma(count + 2) * terms.sum() + (count + 1) * SUBNORMAL
    overflows = terms.sum() + off > LARGEST
    if reduction == "sum":
        return np.asarray(np.inf if overflows else off)
    whole, total = -np.sum(found * weights, where=used), weights.sum()
    drift = 0.0 if weight is None else gamma(count + 1) * magnitude(weights).sum()
    if total == 0 and drift == 0:
        return np.zeros(())
    if overflows or drift > abs(total) / 2:
        return np.asarray(np.inf)
    mean = abs(whole / total)
    bound = (off + mean * drift) / (abs(total) - drift)
    return np.asarray(bound + 2 * U * (mean + bound) + SUBNORMAL)
