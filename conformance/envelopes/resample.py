"""Envelope of resizing by weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.axes import whole_numbers
from ...refimpl.resample import Taps, all_taps, resize, weighted
from ..tables import ENVELOPE
from .matmul import LARGEST, TINY, gamma, magnitude

F64 = NDArray[np.float64]


def _summed(x: F64, taps: list[Taps | None]) -> F64:
    for axis, along in enumerate(taps):
        x = x if along is None else weighted(x, axis, along)
    return x


@ENVELOPE.of(resize)
def resize_envelope(
    x: Array, size: Array, *, mode: str, extrapolation: float, **options: Any
) -> F64:
    """A sum of products along each axis, axis after axis, or of few neighbours all at once.

    A weight is found in more precision and rounded once; its product with an element and the sum of the T of them
    that one axis takes are T + 1 roundings more, so gamma(sum of (T + 2) + 1) of the sum of the |products|, the
    reference's rounding included. All at once the weights of n axes are multiplied, and prod T products added: 2 n + 1
    + prod T, if that is more; with `antialias`, where T grows with the scale, no kernel does so. An element at an edge
    may be added more than once: its |weights| count. Each of at most that many operations may underflow, and what it
    left is multiplied by later weights, of which those of an axis sum to less than W: their |sum|, at least 1. Partial
    sums that overflow do so where the elements that take part exceed the largest float32 when multiplied by all W.
    Copies are exact, but for the sign of a zero, to which others times 0 may be added.
    """
    out = tuple(whole_numbers(size))
    if mode == "nearest":
        return np.zeros(())
    taps = all_taps(x.shape, out, mode=mode, **options)
    used = [t for t in taps if t is not None]
    terms = sum(t.index.shape[1] + 2 for t in used) + 1
    if not options["antialias"]:
        terms = max(terms, 2 * len(used) + 1 + math.prod(t.index.shape[1] for t in used))
    growth = float(np.prod([max(1.0, t.size.sum(1).max(initial=0)) for t in used]))
    wide = magnitude(x)
    absolute = _summed(wide, [t and replace(t, weight=t.size) for t in taps])
    met = _summed(wide, [t and replace(t, weight=(t.size != 0) * 1.0) for t in taps])
    bound = gamma(terms) * absolute + terms * growth * TINY
    bound = np.where(met * growth * (1 + gamma(terms)) > LARGEST, np.inf, bound)
    for axis, along in enumerate(taps):
        if along is not None and along.outside.any():
            np.moveaxis(bound, axis, 0)[along.outside] = 0
    return bound if used else np.where(x == 0, TINY, 0.0)
