"""Broken constraints of transforms and their tables."""

from __future__ import annotations

import numpy as np

from ...refimpl.signal import cosine_window, dft, mel_weight_matrix
from .examples import breaks, f32, s32

breaks(
    dft,
    valid={"x": f32(2, 4, 2)},
    C1={"x": f32(2, 4, 3)},
    C2={"axis": 2},
    C3={"x": f32(2, 1, 2), "inverse": True, "onesided": True},
)
breaks(
    cosine_window,
    valid={"size": s32(5)},
    C1={"size": s32(-1)},
    C2={"coefficients": (float("inf"),)},
)
breaks(
    mel_weight_matrix,
    valid={
        "bands": s32(4),
        "length": s32(16),
        "rate": s32(8000),
        "low": np.array([100], np.float32),
        "high": np.array([3000], np.float32),
    },
    C1={"bands": s32(0)},
    C2={"low": np.array([4000], np.float32)},
    C3={"high": np.array([9000], np.float32)},
)
