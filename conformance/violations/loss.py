"""Broken constraints of losses."""

from __future__ import annotations

import numpy as np

from ...refimpl.loss import negative_log_likelihood
from .examples import breaks, f32

breaks(
    negative_log_likelihood,
    valid={"x": f32(2, 3, 4), "target": np.zeros((2, 4), np.int32), "weight": f32(3)},
    C1={"x": f32(3)},
    C2={"target": f32(2, 4)},
    C3={"target": np.zeros((2, 3), np.int32)},
    C4={"weight": f32(4)},
    C5={"reduction": "max"},
)
