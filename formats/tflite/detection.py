"""Detection: a custom operator of TFLite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.detection import detection_postprocess
from .custom import read_map, write_map
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord, custom

CODE: Final = "TFLite_Detection_PostProcess"
OPTIONS: Final = {
    "max_detections": int,
    "max_classes_per_detection": int,
    "num_classes": int,
    "nms_score_threshold": float,
    "nms_iou_threshold": float,
    "y_scale": float,
    "x_scale": float,
    "h_scale": float,
    "w_scale": float,
    "detections_per_class": 100,
    "use_regular_nms": False,
}


@TFLITE.of(custom(CODE))
def detection_postprocess_of(source: TfliteOp) -> Node:
    """The same; thresholds and scales are float32."""
    found = read_map(source.custom, OPTIONS)
    return source.node(
        detection_postprocess,
        max_detections=found["max_detections"],
        num_classes=found["num_classes"],
        score_threshold=float(np.float32(found["nms_score_threshold"])),
        iou_threshold=float(np.float32(found["nms_iou_threshold"])),
        scale=tuple(float(np.float32(found[f"{axis}_scale"])) for axis in "yxhw"),
        regular=found["use_regular_nms"],
        max_classes_per_detection=found["max_classes_per_detection"],
        detections_per_class=found["detections_per_class"],
    )


@TFLITE_WRITER.of(detection_postprocess)
def write_detection_postprocess(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same."""
    a = {**detection_postprocess.attributes, **node.attributes}
    if any(n and types[n].format == "s8" for n in node.inputs):
        raise UnsupportedError("TFLite takes boxes, scores and anchors as float32 or uint8")
    options = {
        "max_detections": a["max_detections"],
        "max_classes_per_detection": a["max_classes_per_detection"],
        "num_classes": a["num_classes"],
        "nms_score_threshold": a["score_threshold"],
        "nms_iou_threshold": a["iou_threshold"],
        **{f"{axis}_scale": s for axis, s in zip("yxhw", a["scale"], strict=True)},
        "detections_per_class": a["detections_per_class"],
        "use_regular_nms": a["regular"],
    }
    return TfliteRecord(CODE, node.inputs, custom=write_map(options))
