"""Broken constraints of resizing by weights and of sampling at places."""

from __future__ import annotations

from ...refimpl.region import roi_align, roi_pool
from ...refimpl.resample import resize
from ...refimpl.sample import grid_sample
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
breaks(
    grid_sample,
    valid={"x": f32(2, 3, 4, 5), "grid": f32(2, 6, 7, 2)},
    C1={"x": f32(2, 3)},
    C2={"grid": f32(2, 6, 7, 3)},
    C3={"x": f32(2, 0, 4, 5)},
    C4={"mode": "area"},
)
breaks(
    roi_align,
    valid={"x": f32(2, 3, 4, 5), "regions": f32(6, 4), "image": s32([0] * 6)},
    C1={"x": f32(2, 0, 4, 5)},
    C2={"regions": f32(6, 5)},
    C3={"image": s32([0])},
    C4={"size": (1, 0)},
    C5={"mode": "sum"},
)
breaks(
    roi_pool,
    valid={"x": f32(2, 3, 4, 5), "regions": f32(6, 5)},
    C1={"x": f32(2, 3)},
    C2={"regions": f32(6, 4)},
    C3={"size": (1, 0)},
)
