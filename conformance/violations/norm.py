"""Broken constraints of normalizations."""

from __future__ import annotations

from ...refimpl.norm import l2_normalization, layer_norm, local_response_normalization, rms_norm
from .examples import breaks, f32

X = f32(2, 3, 4)

breaks(
    layer_norm,
    valid={"x": X, "scale": f32(3, 4), "bias": f32(3, 4), "axis": 1},
    C1={"axis": 3},
    C2={"bias": f32(4)},
    C3={"epsilon": -1.0},
)
breaks(
    rms_norm,
    valid={"x": X, "scale": f32(3, 4), "axis": 1},
    C1={"axis": 3},
    C2={"scale": f32(4)},
    C3={"epsilon": -1.0},
)
breaks(l2_normalization, valid={"x": X}, C1={"x": f32()}, C2={"activation": "tanh"})
breaks(
    local_response_normalization,
    valid={"x": X},
    C1={"x": f32()},
    C2={"radius": -1},
    C3={"after": -2},
)
