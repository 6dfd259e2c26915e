"""Pooling of images."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...refimpl.pool import avg_pool2d, max_pool2d
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, total


def windows(x: F32, size: int) -> F32:
    """Return the windows of `size` places over each channel of (places, channels): (windows, channels, size)."""
    return np.ascontiguousarray(sliding_window_view(x, size, axis=0))


@ORDERED.of((avg_pool2d, ""))
def of_average(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A window of all the terms over each of four channels, times the reciprocal of their number."""
    x = draw(rng, 1, 1, rows // 4 + terms, 4)
    by = np.float32(1) / np.float32(terms)

    def compute(add: InOrder) -> F32:
        return (total(add, windows(x[0, 0], terms))[..., 0] * by)[None, None]

    return Drawn(Case(avg_pool2d, (x,), {"kernel": (1, terms), "stride": (1, 1)}), compute)


@ORDERED.of((max_pool2d, ""))
def of_largest(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """The largest of each window; nothing is rounded."""
    x = draw(rng, 1, 1, rows // 4 + terms, 4)
    case = Case(max_pool2d, (x,), {"kernel": (1, terms), "stride": (1, 1)})
    return Drawn(case, lambda add: windows(x[0, 0], terms).max(axis=-1)[None, None])
