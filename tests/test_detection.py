"""Detection: wrong boxes are errors, damaged options too, and many boxes give what few do."""

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.judge import expected, judge
from litegold.conformance.second import exact
from litegold.formats import tflite
from litegold.formats.tflite.custom import read_map, write_map
from litegold.formats.tflite.detection import OPTIONS
from litegold.ir import FormatError, RunError
from litegold.refimpl.detection import detection_postprocess, non_max_suppression
from litegold.runtime import Session

ATTRIBUTES = {
    "max_detections": 20,
    "num_classes": 6,
    "score_threshold": 0.3,
    "iou_threshold": 0.5,
    "scale": (10.0, 10.0, 5.0, 5.0),
    "max_classes_per_detection": 3,
}


def detection(count, seed, **attributes):
    rng = np.random.default_rng(seed)
    boxes = rng.normal(0, 2, (1, count, 4)).astype(np.float32)
    scores = rng.random((1, count, 7), np.float32)
    anchors = rng.uniform(0.1, 0.9, (count, 4)).astype(np.float32)
    return Case(detection_postprocess, (boxes, scores, anchors), {**ATTRIBUTES, **attributes})


@pytest.mark.parametrize("regular", [False, True])
def test_many_boxes(regular):
    """A kernel that sorts merges runs; two hundred boxes make eight lengths of them."""
    case = detection(200, 7, regular=regular)
    want, graph = expected(case), case.graph()
    assert want[3][0] == 20
    plan = [Session(graph, threads, split_from=0).run(case.feeds()) for threads in (1, 2)]
    for w, e, *found in zip(want, exact(case), *(list(p.values()) for p in plan), strict=True):
        assert judge(e, w) and all(judge(y, w) for y in found)


def test_a_box_upside_down_is_an_error():
    case = detection(3, 1)
    case.args[2][1, 2] = -1
    with pytest.raises(RunError, match="bound"):
        expected(case)
    with pytest.raises(RunError, match="detection_postprocess"):
        Session(case.graph()).run(case.feeds())


def test_boxes_and_scores_may_be_nothing():
    args = np.zeros((2, 0, 4), np.float32), np.zeros((2, 3, 0), np.float32), np.array([5])
    rows, count = non_max_suppression(*args)
    assert rows.shape == (0, 3) and count == 0


@pytest.mark.parametrize("seed", range(40))
def test_damaged_options_are_refused_or_read(seed):
    model = tflite.write(detection(3, 1).graph())
    rng, stored = np.random.default_rng(seed), bytearray(write_map(dict.fromkeys(OPTIONS, 1)))
    assert tflite.read(model).nodes[0].attributes["max_detections"] == 20
    for _ in range(1 + seed % 4):
        stored[rng.integers(len(stored))] = rng.integers(256)
    for cut in (bytes(stored), bytes(stored[: rng.integers(len(stored))])):
        try:
            found = read_map(cut, OPTIONS)
        except FormatError:
            continue
        assert found.keys() == OPTIONS.keys()


def test_an_option_that_is_not_there_is_named():
    with pytest.raises(FormatError, match="num_classes"):
        read_map(write_map({"max_detections": 1}), {"max_detections": int, "num_classes": int})
