"""Convolutions of images, as sums over windows."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, dense


def windows(x: F32, size: int) -> F32:
    """Return the windows of `size` places of (places, channels), one a row: places, then channels."""
    return np.asarray(sliding_window_view(x, size, axis=0).swapaxes(1, 2)).reshape(
        -1, size * x.shape[1]
    )


@ORDERED.of((conv2d, ""))
def of_conv2d(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Windows of three places and as many channels as make the terms."""
    channels = -(-terms // 3)
    x = draw(rng, 1, 1, rows // 4 + 3, channels)
    w, b = draw(rng, 4, 1, 3, channels), draw(rng, 4)

    def compute(add: InOrder) -> F32:
        return dense(add, windows(x[0, 0], 3), w.reshape(4, -1)).reshape(1, 1, -1, 4) + b

    return Drawn(Case(conv2d, (x, w, b)), compute)


@ORDERED.of((depthwise_conv2d, ""))
def of_depthwise(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A window of all the terms over each of four channels."""
    x, w = draw(rng, 1, 1, rows // 4 + terms, 4), draw(rng, 1, 1, terms, 4)
    places = sliding_window_view(x[0, 0], terms, axis=0)  # (windows, channels, terms)

    def compute(add: InOrder) -> F32:
        filters = np.broadcast_to(w[0, 0].T, places.shape)
        rows_of = (np.ascontiguousarray(v).reshape(-1, terms) for v in (places, filters))
        return add(*rows_of).reshape(1, 1, -1, 4)

    return Drawn(Case(depthwise_conv2d, (x, w)), compute)


@ORDERED.of((conv2d_transpose, ""))
def of_transposed(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Filters of two places: each output is a sum over the channels of two elements."""
    depth = -(-terms // 2)
    x, w = draw(rng, 1, 1, rows // 4 + 1, depth), draw(rng, 4, 1, 2, depth)
    shape = np.array([1, 1, x.shape[2] + 1, 4], np.int32)

    def compute(add: InOrder) -> F32:
        reached = windows(np.pad(x[0, 0], ((1, 1), (0, 0))), 2)
        return dense(add, reached, w[:, 0, ::-1].reshape(4, -1)).reshape(1, 1, -1, 4)

    return Drawn(Case(conv2d_transpose, (x, w, shape)), compute)
