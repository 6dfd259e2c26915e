"""Detection is not bounded, it is declared."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Array
from ...refimpl.detection import detection_postprocess, non_max_suppression
from ..tables import ENVELOPE


@ENVELOPE.of(detection_postprocess, non_max_suppression)
def detection_envelope(*tensors: Array | None, **attributes: Any) -> tuple[Array, ...]:
    """Allow nothing.

    Which boxes are chosen jumps where an overlap passes its threshold, so that no bound could tell right from wrong.
    Each step is rounded to float32 as declared. The exponential function is found in float64, whose last place the
    rounding hides, unless it lies within 2^-29 of the middle between two float32 numbers.
    """
    return (np.zeros(()),) * 4
