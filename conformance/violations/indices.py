"""Broken constraints of operators that address elements by values, or order them."""

from __future__ import annotations

import numpy as np

from ...refimpl.scatter import scatter_nd_update
from ...refimpl.sort import unique_rows
from .examples import breaks, f32, s32

breaks(
    scatter_nd_update,
    valid={"x": f32(4, 3), "indices": s32([[0], [1]]), "updates": f32(2, 3)},
    C1={"indices": f32(2, 1)},
    C2={"indices": s32([[0, 0, 0], [1, 1, 1]])},
    C3={"updates": f32(2, 4)},
    C4={"updates": s32([[1, 2, 3], [4, 5, 6]])},
    C5={"reduction": "mean"},
    C6={
        "x": np.ones((4, 3), np.bool_),
        "updates": np.ones((2, 3), np.bool_),
        "reduction": "add",
    },
)
breaks(unique_rows, valid={"x": f32(3, 2)}, C1={"x": f32(3)})
