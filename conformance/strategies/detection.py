"""Cases of the operators that choose among boxes: on a coarse grid, so that overlaps meet thresholds, or anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import FORMATS, Array, QuantParams
from ...refimpl.detection import detection_postprocess, non_max_suppression
from ..case import Case
from ..tables import CASES
from .draw import quant_params, seeds


@st.composite
def _boxes(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """Corners, or centres and sizes, in eighths of a unit up to 2, or anywhere."""
    rng = np.random.default_rng(draw(seeds()))
    if draw(st.booleans()):
        return (rng.integers(0, 17, (*shape, 4)) / 8).astype(np.float32)
    return rng.uniform(-1, 2, (*shape, 4)).astype(np.float32)


@st.composite
def non_max_suppression_cases(draw: st.DrawFn) -> Case:
    """Up to fourteen boxes, three classes, two batches; scores with ties; limits and thresholds there or not."""
    batches, classes, count = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from((8, 5, 3, 14, 2, 10, 1) * 3 + (0,))),
    )
    rng = np.random.default_rng(draw(seeds()))
    scores = (rng.integers(0, 33, (batches, classes, count)) / 32).astype(np.float32)
    limit = np.array(draw(st.sampled_from((3, 1, 2, 5, 9, 100) * 3 + (0,))), np.int64)
    share = np.array(draw(st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.7, 1.0])), np.float32)
    least = np.array(draw(st.sampled_from([0.25, -1.0, 0.5, 0.1, 0.9])), np.float32)
    args: list[Array | None] = [draw(_boxes((batches, count))), scores, limit, share, least]
    args = args[: draw(st.sampled_from([3, 4, 5, 5]))]
    if draw(st.booleans()):
        args = [None if a is None else a if i < 2 else a.reshape(1) for i, a in enumerate(args)]
    center = draw(st.booleans())
    attributes = {"center_point_box": center}
    return Case(non_max_suppression, tuple(args), attributes, constant=frozenset({2}))


@st.composite
def _attributes(draw: st.DrawFn, classes: int, low: float) -> dict[str, Any]:
    return {
        "max_detections": draw(st.integers(1, 6)),
        "num_classes": classes,
        "score_threshold": draw(st.sampled_from([low, 0.25, 0.5])),
        "iou_threshold": draw(st.sampled_from([0.5, 1 / 3, 0.6, 0.25, 1.0])),
        "scale": draw(st.sampled_from([(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])),
        "regular": draw(st.booleans()),
        "max_classes_per_detection": draw(st.integers(1, 3)),
        "detections_per_class": draw(st.integers(1, 5)),
    }


@st.composite
def detection_postprocess_cases(draw: st.DrawFn) -> Case:
    """Up to ten boxes near their anchors; distinct scores, since TFLite's sort leaves the order of equal ones open."""
    count, classes, more = (
        draw(st.integers(1, 10)),
        draw(st.integers(1, 4)),
        draw(st.integers(0, 1)),
    )
    rng = np.random.default_rng(draw(seeds()))
    wide = 4 + draw(st.sampled_from([0, 0, 3]))
    boxes = rng.uniform(-2, 2, (1, count, wide)).astype(np.float32)
    if draw(st.booleans()):
        boxes[..., 2:4] = 0  # sizes of the anchors themselves
        boxes[..., :2] = rng.integers(-1, 2, (1, count, 2))
    scores = (rng.permutation(64)[: count * (classes + more)] + 0.5).reshape(1, count, -1) / 64
    anchors = rng.integers(0, 5, (count, 4)) / 4 + np.array([0, 0, 0.5, 0.5])
    args = (boxes, scores.astype(np.float32), anchors.astype(np.float32))
    return Case(detection_postprocess, args, draw(_attributes(classes, 0.0)))


@st.composite
def quantized_detection_cases(draw: st.DrawFn, fmt: str) -> Case:
    """The same on integers, each tensor with a scale of its own."""
    count, classes, more = draw(st.integers(1, 8)), draw(st.integers(1, 4)), draw(st.integers(0, 1))
    rng, dtype = np.random.default_rng(draw(seeds())), FORMATS[fmt]
    low = int(np.iinfo(dtype).min)
    boxes = rng.integers(low, low + 256, (1, count, 4)).astype(dtype)
    scores = (rng.permutation(256)[: count * (classes + more)] + low).reshape(1, count, -1)
    anchors = rng.integers(low, low + 64, (count, 4)).astype(dtype)
    quants = (
        draw(quant_params(fmt, low=2.0**-7, high=2.0**-4)),
        QuantParams((1 / 256,), (low,)),
        QuantParams((1 / 32,), (low,)),
    )
    args = (boxes, scores.astype(dtype), anchors)
    return Case(detection_postprocess, args, draw(_attributes(classes, 0.0)), quants)


CASES.of((non_max_suppression, "f32"))(non_max_suppression_cases())
CASES.of((detection_postprocess, "f32"))(detection_postprocess_cases())
for fmt in ("s8", "u8"):
    CASES.of((detection_postprocess, fmt))(quantized_detection_cases(fmt))
