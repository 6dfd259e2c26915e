"""Broken constraints of operators that address elements by values, or order them."""

from __future__ import annotations

import numpy as np

from ...refimpl.detection import detection_postprocess, non_max_suppression
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
breaks(
    non_max_suppression,
    valid={
        "boxes": f32(2, 5, 4),
        "scores": f32(2, 3, 5),
        "limit": s32(3),
        "iou_threshold": f32(1),
        "score_threshold": f32(),
    },
    C1={"scores": f32(2, 5, 3)},
    C2={"scores": np.ones((2, 3, 5), np.float16)},
    C3={"score_threshold": f32(2)},
    C4={"iou_threshold": np.full(1, -0.5, np.float32)},
)
breaks(
    detection_postprocess,
    valid={
        "boxes": f32(1, 5, 4),
        "scores": f32(1, 5, 3),
        "anchors": f32(5, 4),
        "max_detections": 2,
        "num_classes": 2,
        "score_threshold": 0.0,
        "iou_threshold": 0.5,
    },
    C1={"anchors": f32(4, 5)},
    C2={"num_classes": 1},
    C3={"iou_threshold": 0.0},
    C4={"max_detections": 0},
    C5={"scale": (1.0, 1.0, 0.0, 1.0)},
)
