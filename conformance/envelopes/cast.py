"""Changes of the element type are exact, or rounded to nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.cast import bit_cast, cast, dequantize, quantize
from ..tables import ENVELOPE


@ENVELOPE.of(cast, bit_cast, quantize, dequantize)
def exact_envelope(x: Array, **_: Any) -> NDArray[np.float64]:
    """Zero: a single rounding to the nearest number, or none."""
    return np.zeros(x.shape)
