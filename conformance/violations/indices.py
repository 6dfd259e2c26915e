"""Broken constraints of operators that address elements by values, or order them."""

from __future__ import annotations

import numpy as np

from ...refimpl.detection import detection_postprocess, non_max_suppression
from ...refimpl.embedding import custom_predict, hashtable_lookup, lsh_projection, tf_idf
from ...refimpl.gather import gather_elements
from ...refimpl.logic import assertion, nonzero
from ...refimpl.packed import custom_extract_features, custom_normalize, packed, skip_gram
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
breaks(assertion, valid={"condition": np.ones(2, np.bool_)}, C1={"condition": f32(2)})
breaks(
    hashtable_lookup,
    valid={"lookup": s32([1, 2]), "keys": s32([1, 3, 4]), "values": f32(3, 2)},
    C1={"keys": f32(3)},
    C2={"lookup": s32(1)},
    C3={"values": f32(2, 3)},
)
breaks(
    lsh_projection,
    valid={"seeds": f32(3, 4), "x": s32([[1, 2], [3, 4]]), "weights": f32(2)},
    C1={"seeds": f32(3, 33)},
    C2={"x": s32(1)},
    C3={"weights": f32(3)},
    C4={"kind": "full"},
)
breaks(
    custom_predict,
    valid={
        "lookup": s32([1, 2]),
        "keys": s32([1, 3, 4]),
        "labels": s32([[1, 2], [3, 4], [5, 6]]),
        "weights": f32(3, 2),
        "count": 2,
        "threshold": 0.0,
    },
    C1={"labels": f32(3, 2)},
    C2={"lookup": s32(1)},
    C3={"weights": f32(2, 3)},
    C4={"count": -1},
)
breaks(
    tf_idf,
    valid={
        "x": s32([1, 2, 3]),
        "pool": s32([1, 2, 2, 3]),
        "starts": s32([0, 2]),
        "columns": s32([0, 1, 2]),
        "weights": f32(3),
        "mode": "TF",
        "shortest": 1,
        "longest": 2,
        "max_skip": 0,
    },
    C1={"x": s32(1)},
    C2={"pool": np.array([1, 2, 2, 3], np.int64)},
    C3={"starts": s32([[0, 2]])},
    C4={"starts": s32([0, 3])},
    C5={"columns": s32([0, 1, 1])},
    C6={"weights": f32(2)},
    C7={"mode": "IF"},
    C8={"longest": 0},
)
PACKED = packed([b"a b"])
breaks(
    skip_gram,
    valid={"x": PACKED, "size": 2},
    C1={"x": PACKED[None]},
    C2={"size": 0},
    C3={"max_skip": -1},
)
breaks(custom_extract_features, valid={"x": PACKED}, C1={"x": PACKED[None]})
breaks(custom_normalize, valid={"x": PACKED}, C1={"x": PACKED[None]})
breaks(
    gather_elements,
    valid={"x": f32(2, 3), "indices": s32([[0, 1, 1], [1, 0, 0]])},
    C1={"indices": f32(2, 3)},
    C2={"axis": 2},
    C3={"indices": s32([0, 1])},
    C4={"indices": s32([[0, 1, 1, 0]])},
)
breaks(nonzero, valid={"x": f32(2)}, C1={"x": f32()})
