"""Comparisons are exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.logic import equal, greater, greater_equal, less, less_equal, not_equal
from ..tables import ENVELOPE


@ENVELOPE.of(equal, not_equal, greater, greater_equal, less, less_equal)
def exact_envelope(x: Array, y: Array) -> NDArray[np.float64]:
    """Zero: the results are truth values."""
    return np.zeros(np.broadcast_shapes(x.shape, y.shape))
