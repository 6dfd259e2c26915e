"""Envelope of the range."""

from __future__ import annotations

import numpy as np

from ...ir import FORMATS, Array
from ...refimpl.fill import range
from ..tables import ENVELOPE

U = 2.0**-24  # unit roundoff of float32


@ENVELOPE.of(range)
def range_envelope(start: Array, limit: Array, delta: Array) -> Array:
    """Element i is reached by i additions, or by one product and one addition.

    All partial sums lie between start and y_i; each of the i additions errs by U times its result, and the
    reference by one rounding: (i + 1) U max(|start|, |y_i|). A product i delta is at most twice that maximum, so
    the second way errs by 3 U of it, and the sum of both covers i = 0, 1, too. (1 + U)^i stays below 1.01. The first
    element is exact; the sign of a zero is free, as 0 delta may be added to it.
    """
    y = range(start, limit, delta).astype(np.float64)
    i = np.arange(y.size)
    unit = 2.0**-8 if start.dtype == FORMATS["bf16"] else U
    first = 0.0 if start else 2.0**-149
    return np.where(i > 0, 1.01 * (i + 3) * unit * np.maximum(abs(float(start)), np.abs(y)), first)
