"""Envelopes of the pooling of regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.region import corners, pooled_bin, region_samples, roi_align, roi_pool
from ..tables import ENVELOPE
from .matmul import LARGEST, TINY, gamma, magnitude

F64 = NDArray[np.float64]


@ENVELOPE.of(roi_align)
def roi_align_envelope(
    x: Array,
    regions: Array,
    image: Array,
    *,
    size: tuple[int, int],
    mode: str,
    **options: Any,
) -> F64:
    """A mean of T products of an element with two weights, or the largest of them.

    The weights are found in more precision and rounded, multiplied with each other and the element: four roundings.
    A mean adds T of them and divides; the reference rounds: gamma(T + 6) of the mean of the |products|. The largest
    of products that are off by gamma(5) of their size is off by no more than that of the largest |product|. For each
    operation that underflows the least number is added.
    """
    wide, found = magnitude(x), region_samples(x, regions, size=size, **options)
    bound = np.zeros((len(regions), *size, x.shape[3]))
    for r, (rows, columns) in enumerate(found):
        for i, j in np.ndindex(*size):
            weight, value = corners(wide[image[r]], rows, columns, i, j)
            terms = weight.size
            factor = gamma(terms + 6) if mode == "average" else gamma(5)
            absolute = pooled_bin(weight, value, mode)
            total = absolute * (max(weight.shape[1], 1) if mode == "average" else 1)
            found_here = factor * absolute + 4 * TINY
            bound[r, i, j] = np.where(total * (1 + factor) > LARGEST, np.inf, found_here)
    return bound


@ENVELOPE.of(roi_pool)
def roi_pool_envelope(x: Array, regions: Array, **options: Any) -> F64:
    """Exact, but where zeros of both signs are the largest either may come out."""
    return np.where(roi_pool(x, regions, **options) == 0, TINY, 0.0)
