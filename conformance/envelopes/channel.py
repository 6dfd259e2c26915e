"""How far what is done to each channel may be off. u = 2**-24 is the unit roundoff, gamma(n) = n u / (1 - n u)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.channel import along, batch_norm, instance_norm, scale
from ..tables import ENVELOPE
from .matmul import magnitude
from .norm import normalized_bound
from .reduce import LARGEST, SUBNORMAL, gamma

F64 = NDArray[np.float64]


@ENVELOPE.of(batch_norm)
def batch_norm_envelope(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Array | None = None,
    offset: Array | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> F64:
    """Allow gamma(8) ((|x| + |mean|) f + |offset|), and some subnormals, with the factor f = |scale| / deviation.

    The factor is off by gamma(4): a sum, a root, a quotient, a product. An implementation may multiply the difference
    to the mean by it, or fold mean and offset into one summand first: then x f and mean f each round once more, so do
    the two sums, and so does the reference. A factor that is subnormal is off by half of the least number, times |x|.
    Where a deviation of 0 makes the factor infinite, or a product overflows, the order decides.
    """
    spread = np.sqrt(along(variance, x.ndim, axis) + float(np.float32(epsilon)))
    factor = (1.0 if scale is None else magnitude(along(scale, x.ndim, axis))) / spread
    summand = 0.0 if offset is None else magnitude(along(offset, x.ndim, axis))
    reach = magnitude(x) + magnitude(along(mean, x.ndim, axis))
    total = reach * factor + summand
    bound = gamma(8) * total + SUBNORMAL * (reach + 3)
    overflows = ((total > LARGEST / 2) | (factor > LARGEST / 2)) & ~np.isnan(factor)
    return np.where(overflows, np.inf, np.where(np.isnan(bound), 0.0, bound))


@ENVELOPE.of(instance_norm)
def instance_norm_envelope(
    x: Array, scale: Array, offset: Array, *, axis: int = -1, epsilon: float = 1e-5
) -> F64:
    """Each channel of each element of the batch is a row of a layer normalization."""
    axes = tuple(a for a in range(1, x.ndim) if a != axis % x.ndim)
    size, shift = (np.abs(along(v, x.ndim, axis)) for v in (scale, offset))
    return normalized_bound(x.astype(np.float64), axes, size, shift, epsilon)


@ENVELOPE.of(scale)
def scale_envelope(
    x: Array,
    factor: Array,
    offset: Array | None = None,
    *,
    axis: int = -1,
    activation: str = "none",
) -> F64:
    """Allow gamma(3) (|x factor| + |offset|) and one subnormal: a product, a sum, the reference; clamping is exact."""
    product = magnitude(x) * magnitude(along(factor, x.ndim, axis))
    total = product if offset is None else product + magnitude(along(offset, x.ndim, axis))
    return np.where(total > LARGEST / 2, np.inf, gamma(3) * total + SUBNORMAL)
