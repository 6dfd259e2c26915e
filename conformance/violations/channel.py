"""Broken constraints of what is done to each channel for itself."""

from __future__ import annotations

from ...refimpl.channel import batch_norm, instance_norm, scale
from .examples import breaks, f32, s32

X = f32(2, 3, 4)

breaks(
    batch_norm,
    valid={"x": X, "mean": f32(3), "variance": f32(3), "scale": f32(3), "axis": 1},
    C1={"axis": 3},
    C2={"variance": f32(4)},
    C3={"epsilon": -1.0},
)
breaks(
    instance_norm,
    valid={"x": X, "scale": f32(3), "offset": f32(3), "axis": 1},
    C1={"x": f32(3), "axis": 0},
    C2={"axis": -3},
    C3={"offset": f32(4)},
    C4={"epsilon": -1.0},
)
breaks(
    scale,
    valid={"x": X, "factor": f32(3, 4), "offset": f32(3, 4), "axis": 1},
    C1={"axis": -4},
    C2={"factor": s32([1, 1, 1])},
    C3={"offset": f32(4)},
    C4={"activation": "tanh"},
)
