"""Envelopes of pooling over any number of axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.conv_nd import Sizes
from ...refimpl.pool_nd import avg_pool, lp_pool, max_pool, places_met, pool_sums
from ..tables import ENVELOPE
from .matmul import LARGEST, TINY, UNIT, gamma, magnitude, sum_of_products

F64 = NDArray[np.float64]


@ENVELOPE.of(avg_pool)
def avg_pool_envelope(
    x: Array,
    *,
    kernel: Sizes,
    stride: Sizes,
    pad: Sizes,
    dilation: Sizes,
    ceil: bool,
    include_pad: bool,
) -> F64:
    """A sum of the elements of a window, times a rounded reciprocal: two roundings, as of a product and a bias."""
    window = (kernel, stride, pad, dilation, ceil)
    absolute = pool_sums(magnitude(x), *window)
    count = places_met(x, *window, include_pad)
    return np.asarray(sum_of_products(absolute, math.prod(kernel) + 1) / count)


@ENVELOPE.of(max_pool)
def max_pool_envelope(x: Array, **_: Any) -> F64:
    """An element is copied, the first of the largest: 0."""
    return np.zeros(())


@ENVELOPE.of(lp_pool)
def lp_pool_envelope(x: Array, *, kernel: Sizes, p: int, **window: Any) -> F64:
    """Relative to the result: what a sum of powers may be off by, a p-th of it, and the root's own error.

    A power is p - 1 products, and a rounded scale, by which a kernel keeps it from overflow, counts p times in it; a
    sum of m of them rounds m times more: gamma(m + 2 p) of the sum, of whose p-th root that is a p-th at first order
    (twice as much covers the rest, as gamma is below 1/2). The root is right to four units, scaling back rounds once
    and so does the reference. Where it is a power, and its exponent 1 / p rounds, that moves y by |ln y| units. What is
    scaled away below the least number is less than that of the largest.
    """
    y = lp_pool(magnitude(x), kernel=kernel, p=p, **window)  # type: ignore[arg-type]
    exponent = np.abs(np.log(np.where(y > 0, y, 1))) * (UNIT if p & (p - 1) else 0)
    bound = (2 * gamma(math.prod(kernel) + 2 * p) / p + gamma(8) + exponent) * y + 4 * TINY
    return np.where(y + bound > LARGEST, np.inf, bound)
