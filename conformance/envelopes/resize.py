"""Envelope of bilinear resizing."""

from __future__ import annotations

import numpy as np

from ...ir import Array
from ...refimpl.axes import whole_numbers
from ...refimpl.resize import bilinear_axis, resize_bilinear
from ..tables import ENVELOPE

U = 2.0**-24  # unit roundoff of float32
LARGEST = float(np.finfo(np.float32).max)


@ENVELOPE.of(resize_bilinear)
def resize_bilinear_envelope(
    x: Array, size: Array, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Array:
    """A mean of four elements, term by term or as nested steps a + (b - a) f.

    Term by term, x (1 - f) (1 - g) has four roundings and three additions follow: 7 U of
    sum |x| |weights|. Nested, b - a, the product and the sum are three roundings a level on values of at
    most |a| + |b| times max(1, |1 - f|), six in all. So 8 U (the reference rounds once) of sum |x| times
    the largest weight covers both. Products may fall below the smallest normal number: 8 times the
    smallest subnormal. Partial sums may overflow where they come near: unbounded there.
    """
    h, w = whole_numbers(size)
    top, bottom, f = bilinear_axis(x.shape[1], h, align_corners, half_pixel_centers)
    left, right, g = bilinear_axis(x.shape[2], w, align_corners, half_pixel_centers)
    a = np.abs(np.where(np.isfinite(x), x, 0).astype(np.float64))
    total = sum(a[:, rows][:, :, cols] for rows in (top, bottom) for cols in (left, right))
    largest = np.maximum(1, np.abs(1 - f))[:, None, None] * np.maximum(1, np.abs(1 - g))[:, None]
    bound = total * largest
    return np.where(bound > LARGEST / 2, np.inf, 8 * U * bound + 8 * 2.0**-149)
