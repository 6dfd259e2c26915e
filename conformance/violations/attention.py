"""Broken constraints of attention."""

from __future__ import annotations

import numpy as np

from ...refimpl.attention import attention
from .examples import breaks, f32, s32

breaks(
    attention,
    valid={
        "q": f32(2, 4, 3, 5),
        "k": f32(2, 2, 7, 5),
        "v": f32(2, 2, 7, 6),
        "mask": f32(3, 7),
        "lengths": np.array([1, 2]),
    },
    C1={"q": f32(4, 3, 5)},
    C2={"v": f32(2, 2, 6, 6)},
    C3={"q": f32(2, 3, 3, 5)},
    C4={"mask": f32(4, 7)},
    C5={"lengths": s32([1, 2])},
    C6={"left": -2},
    C7={"scores": "all"},
)
