"""Bilinear resizing, term by term or in nested steps."""

from __future__ import annotations

import numpy as np

from ...refimpl.resize import bilinear_axis, resize_bilinear
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng


@ORDERED.of((resize_bilinear, ""))
def of_bilinear(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Four elements around a place."""
    h, w, down, across = (int(v) for v in rng.integers(1, 20, 4))
    x = draw(rng, 1, h, w, rows // (down * across) + 1)
    corners, centres = ((False, False), (True, False), (False, True))[int(rng.integers(3))]
    top, bottom, f = bilinear_axis(h, down, corners, centres)
    left, right, g = bilinear_axis(w, across, corners, centres)
    f, g = f[:, None, None], g[:, None]
    nested = bool(rng.integers(2))

    def compute(add: InOrder) -> F32:
        image = x[0]
        a, b, c, d = (image[i][:, j] for i in (top, bottom) for j in (left, right))
        if nested:
            upper, lower = a + (b - a) * g, c + (d - c) * g
            return (upper + (lower - upper) * f)[None]
        each = [a * (ONE - f), b * (ONE - f), c * f, d * f]
        weights = [np.broadcast_to(v, a.shape) for v in (ONE - g, g) * 2]
        rows_of = (np.stack(v, -1).reshape(-1, 4) for v in (each, weights))
        return add(*rows_of).reshape(1, *a.shape)

    attributes = {"align_corners": corners, "half_pixel_centers": centres}
    return Drawn(Case(resize_bilinear, (x, np.array([down, across])), attributes), compute)
