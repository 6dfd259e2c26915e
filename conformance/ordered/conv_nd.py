"""Convolutions over three axes and over one."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...refimpl.conv_nd import conv, conv_transpose
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .conv import windows
from .drawn import F32, Drawn, Numbers, Rng, dense


@ORDERED.of((conv, ""))
def of_conv(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Windows of 3 x 1 x 2 places, and as many channels as make the terms."""
    depth = -(-terms // 6)
    x, w, b = draw(rng, 1, rows // 4 + 2, 1, 2, depth), draw(rng, 4, 3, 1, 2, depth), draw(rng, 4)

    def compute(add: InOrder) -> F32:
        places = sliding_window_view(x[0, :, 0], 3, axis=0)  # (windows, 2, channels, 3)
        each = places.transpose(0, 3, 1, 2).reshape(-1, 6 * depth)
        return dense(add, each, w.reshape(4, -1)).reshape(1, -1, 1, 1, 4) + b

    return Drawn(Case(conv, (x, w, b)), compute)


@ORDERED.of((conv_transpose, ""))
def of_transposed(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Filters of three places along one axis, and a bias."""
    depth = -(-terms // 3)
    x, w, b = draw(rng, 1, rows // 4 + 1, depth), draw(rng, 4, 3, depth), draw(rng, 4)
    shape = np.array([1, x.shape[1] + 2, 4], np.int32)

    def compute(add: InOrder) -> F32:
        reached = windows(np.pad(x[0], ((2, 2), (0, 0))), 3)
        return dense(add, reached, w[:, ::-1].reshape(4, -1))[None] + b

    return Drawn(Case(conv_transpose, (x, w, shape, b)), compute)
