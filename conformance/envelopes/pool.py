"""Envelopes of pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.conv import Pad, Pair
from ...refimpl.pool import avg_pool2d, max_pool2d, pool_shape, window_maxima, window_sums
from ..tables import ENVELOPE
from .matmul import TINY, magnitude, sum_of_products

F64 = NDArray[np.float64]


@ENVELOPE.of(avg_pool2d)
def avg_pool2d_envelope(x: Array, *, kernel: Pair, stride: Pair, pad: Pad, **_: Any) -> F64:
    """A sum of P Q elements, times a rounded reciprocal: two roundings, as of a product and a bias."""
    absolute, count = window_sums(magnitude(x), kernel, stride, pad)
    return np.asarray(sum_of_products(absolute, kernel[0] * kernel[1] + 1) / count)


@ENVELOPE.of(max_pool2d)
def max_pool2d_envelope(x: Array, *, kernel: Pair, stride: Pair, pad: Pad, **_: Any) -> F64:
    """Exact, but where zeros of both signs are the largest either may come out."""
    if x.dtype.kind != "f":
        return np.zeros(pool_shape(x, kernel, stride, pad))
    return np.where(window_maxima(x, kernel, stride, pad) == 0, TINY, 0.0)
