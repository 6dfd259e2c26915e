"""Broken constraints of convolutions and pools over any number of axes."""

from __future__ import annotations

from typing import Any

from ...refimpl.conv_nd import conv, conv_transpose
from ...refimpl.pool_nd import avg_pool, lp_pool, max_pool
from .examples import breaks, f32, s32

breaks(
    conv,
    valid={"x": f32(1, 5, 6, 7, 4), "w": f32(3, 2, 2, 3, 4), "b": f32(3)},
    C1={"stride": (1, 1)},
    C2={"stride": (1, 0, 1)},
    C3={"dilation": (1, 1, 4)},
    C4={"w": f32(3, 2, 2, 3, 3)},
    C5={"b": f32(4)},
)
breaks(
    conv_transpose,
    valid={
        "x": f32(1, 3, 4, 2),
        "w": f32(6, 2, 3, 1),
        "shape": s32([1, 4, 6, 6]),
        "b": f32(6),
    },
    C1={"w": f32(6, 2, 1)},
    C2={"pad": (0, 0, -1, 0)},
    C3={"shape": s32([1, 0, 6, 6])},
    C4={"w": f32(5, 2, 3, 1)},
    C5={"b": f32(2)},
    C6={"shape": s32([1, 4, 6, 5])},
)
WINDOW: dict[str, Any] = {"x": f32(1, 5, 6, 4), "kernel": (2, 3), "pad": (1, 0, 0, 1)}
BROKEN: dict[str, Any] = {
    "C1": {"kernel": (2,)},
    "C2": {"dilation": (0, 1)},
    "C3": {"kernel": (7, 2)},
    "C4": {"pad": (2, 0, 0, 0)},
}
breaks(*(avg_pool, max_pool), valid=WINDOW, **BROKEN)
breaks(lp_pool, valid=WINDOW, **BROKEN, C5={"p": 0})
