"""Envelopes of transforms and their tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.signal import (
    cosine_window,
    dft,
    mel_weight_matrix,
    transform_length,
)
from ..tables import ENVELOPE
from .matmul import TINY, UNIT, magnitude, sum_of_products

F64 = NDArray[np.float64]


@ENVELOPE.of(dft)
def dft_envelope(x: Array, *, axis: int, length: int, inverse: bool, onesided: bool) -> F64:
    """A sum of 2 L products of a part with a cosine or sine, in any order: by the definition, or by a fast transform.

    The factors are rounded: two more roundings, as is the division by L. A fast transform has fewer on the way of each
    element, of numbers whose sizes add up to no more than twice this sum (a complex product has two terms a part). Of a
    half all but the ends count twice.
    """
    at = axis % x.ndim
    points = transform_length(x.shape[at], length, inverse, onesided)
    used = points // 2 + 1 if inverse and onesided else points
    line = magnitude(np.take(x, np.arange(min(used, x.shape[at])), at))
    absolute = 2 * line.sum((at, -1), keepdims=True) * (2 if inverse and onesided else 1)
    bound = sum_of_products(absolute, 2 * points + 4)
    return bound / points + TINY if inverse else bound


@ENVELOPE.of(cosine_window)
def cosine_window_envelope(size: Array, *, coefficients: tuple[float, ...], **_: Any) -> float:
    """For each cosine its argument of up to 2 pi k, right to three roundings, and three more of the term and the sum.

    The slope of a cosine is at most 1, and so is the cosine: |c| (6 pi k + 3 + terms) units, and the reference rounds.
    """
    terms = len(coefficients)
    parts = [abs(c) * (6 * math.pi * k + 3 + terms) for k, c in enumerate(coefficients)]
    return UNIT * (sum(parts) + sum(map(abs, coefficients))) + TINY


@ENVELOPE.of(mel_weight_matrix)
def mel_weight_matrix_envelope(*_: Array) -> F64:
    """Quotients of whole numbers of at most 24 bits: one rounding, as the reference has."""
    return np.full((), 2 * UNIT)
