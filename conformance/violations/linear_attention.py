"""Broken constraints of linear attention, and of the turning of vectors."""

from __future__ import annotations

import numpy as np

from ...refimpl.linear_attention import linear_attention
from ...refimpl.rotary import rotary_embedding
from .examples import breaks, f32

breaks(
    linear_attention,
    valid={
        "q": f32(2, 3, 4, 5),
        "k": f32(2, 3, 2, 5),
        "v": f32(2, 3, 2, 6),
        "state": f32(2, 2, 5, 6),
        "decay": f32(2, 3, 2, 1),
        "beta": f32(2, 3, 1),
    },
    C1={"q": f32(3, 4, 5)},
    C2={"v": f32(2, 4, 2, 6)},
    C3={"q": f32(2, 3, 3, 5)},
    C4={"state": f32(2, 2, 6, 5)},
    C5={"decay": f32(2, 3, 2, 6)},
    C6={"beta": f32(2, 3, 3)},
    C7={"beta": np.ones((2, 3, 1), np.int32)},
)
breaks(
    rotary_embedding,
    valid={"x": f32(2, 3, 4, 7), "cos": f32(2, 4, 3), "sin": f32(2, 4, 3)},
    C1={"x": f32(3, 4, 7)},
    C2={"sin": f32(2, 4, 2)},
    C3={"x": f32(2, 3, 4, 5)},
)
