"""Broken constraints of resizing by weights and of sampling at places."""

from __future__ import annotations

from ...refimpl.resample import resize
from .examples import breaks, f32, s32

breaks(
    resize,
    valid={"x": f32(2, 3), "size": s32([4, 5])},
    C1={"size": s32([4])},
    C2={"mode": "area"},
    C3={"x": f32(2, 0)},
    C4={"scale": (2.0, 0.0)},
    C5={"roi": (0.0, 1.0)},
)
