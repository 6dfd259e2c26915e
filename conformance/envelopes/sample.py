"""Envelopes of sampling at places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.sample import MODES, grid_sample, sampled_sums
from ..tables import ENVELOPE
from .matmul import LARGEST, TINY, gamma, magnitude

F64 = NDArray[np.float64]


@ENVELOPE.of(grid_sample)
def grid_sample_envelope(x: Array, grid: Array, *, mode: str, **options: Any) -> F64:
    """A sum of T products of an element with a weight an axis, n of them.

    Each weight is found in more precision and rounded, n roundings; multiplied, n more; added, T; and the reference
    rounds: gamma(T + 2 n + 1) of the sum of the |products|, and the least number for each that underflows. A copy is
    exact.
    """
    if mode == "nearest":
        return np.zeros(())
    n, (first, last) = grid.shape[-1], MODES[mode]
    terms = (last - first) ** n
    wide = magnitude(x)
    absolute = sampled_sums(wide, grid.astype(np.float64), absolute=True, mode=mode, **options)
    bound = gamma(terms + 2 * n + 1) * absolute + (n + 1) * terms * TINY
    bound = np.where(absolute + bound > LARGEST, np.inf, bound)
    return np.where(np.isnan(absolute), 0, bound)
