"""Operators that choose among boxes. Each step is rounded to float32, as engines do: a choice has no error bound."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..ir import Array, RunError, TensorType, op, require

F32: Final = np.float32


def overlaps(boxes: Array, one: Array) -> Array:
    """Return the area that each of `boxes` shares with the box `one`, by that of both together.

    Boxes are rows of two lower and two upper bounds. One without an area shares nothing.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    own = one[2:] - one[:2]
    areas, area = sides[:, 0] * sides[:, 1], own[0] * own[1]
    low, high = np.maximum(boxes[:, :2], one[:2]), np.minimum(boxes[:, 2:], one[2:])
    both = np.maximum(high - low, F32(0))
    shared = both[:, 0] * both[:, 1]
    with np.errstate(all="ignore"):
        share = shared / (areas + area - shared)
    return np.where((areas > 0) & (area > 0), share, F32(0))


def suppressed(boxes: Array, order: Array, threshold: np.float32, limit: int) -> list[int]:
    """Return up to `limit` of the boxes in `order` that overlap none before them by more than `threshold`."""
    chosen: list[int] = []
    while len(order) and len(chosen) < limit:
        best, order = order[0], order[1:]
        chosen.append(int(best))
        order = order[~(overlaps(boxes[order], boxes[best]) > threshold)]
    return chosen


def _descending(scores: Array) -> Array:
    """Return the order of falling scores; of equal ones the first comes first, a NaN last."""
    missing = np.isnan(scores)
    return np.lexsort((-np.where(missing, F32(0), scores), missing))


def _one(label: str, t: TensorType | None) -> None:
    require(label, t is None or t.size == 1, f"a limit or threshold has shape {t and t.shape}")


def _infer_non_max_suppression(
    boxes: TensorType,
    scores: TensorType,
    limit: TensorType | None = None,
    iou_threshold: TensorType | None = None,
    score_threshold: TensorType | None = None,
    *,
    center_point_box: bool = False,
) -> tuple[TensorType, TensorType]:
    b, s = boxes.shape, scores.shape
    fits = len(b) == len(s) == 3 and b[2] == 4 and (b[0], b[1]) == (s[0], s[2])
    require("C1", fits, f"boxes {b}, scores {s}")
    require("C2", boxes.dtype == scores.dtype, f"boxes {boxes.format}, scores {scores.format}")
    for t in (limit, iou_threshold, score_threshold):
        _one("C3", t)
    count = s[0] * s[1] * most_boxes(None if limit is None else limit.known(), s[2])
    return boxes.like((count, 3), np.int64), boxes.like((), np.int64)


def most_boxes(limit: Array | None, count: int) -> int:
    """Return how many of `count` boxes a batch and class may have."""
    return 0 if limit is None else min(max(int(limit.reshape(())), 0), count)


@op(infer=_infer_non_max_suppression, static=("limit",))
def non_max_suppression(
    boxes: Array,
    scores: Array,
    limit: Array | None = None,
    iou_threshold: Array | None = None,
    score_threshold: Array | None = None,
    *,
    center_point_box: bool = False,
) -> tuple[Array, Array]:
    """Return the positions (batch, class, box) of boxes that overlap no better one by more than a threshold.

    In each batch and class, boxes are taken in the order of falling scores, of equal ones the first, a NaN last; one
    that overlaps none taken before is taken. The overlap is the area of both by that of one or the other. Behind the
    positions are rows of -1, as many as there is room for; the second result is the number of positions.

    Inputs: `boxes` (B, N, 4): y, x of a corner and of the opposite one; `scores` (B, C, N); `limit` of boxes in a
    batch and class, 0 if absent; `iou_threshold`, 0 if absent; `score_threshold`, which scores exceed.
    Attributes: `center_point_box`: boxes are x, y of the centre, width and height.
    Constraints: (C1) Shapes are these. (C2) `boxes` and `scores` are of one type. (C3) Limit and thresholds have one
    element.

    >>> boxes = np.array([[[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 2, 1, 3]]], "f")
    >>> scores, share = np.array([[[0.5, 0.7, 0.6]]], "f"), np.array(0.5, "f")
    >>> [y.tolist() for y in non_max_suppression(boxes, scores, np.array(9), share)]
    [[[0, 0, 1], [0, 0, 2], [-1, -1, -1]], 2]
    """
    most = most_boxes(limit, boxes.shape[1])
    share = F32(0) if iou_threshold is None else F32(iou_threshold.reshape(()))
    found = _selected(boxes, scores, most, share, score_threshold, center=center_point_box)
    y = np.full((scores.shape[0] * scores.shape[1] * most, 3), -1, np.int64)
    y[: len(found)] = np.array(found, np.int64).reshape(-1, 3)
    return y, np.array(len(found), np.int64)


def _selected(
    boxes: Array,
    scores: Array,
    most: int,
    share: np.float32,
    score_threshold: Array | None,
    *,
    center: bool,
) -> list[tuple[int, int, int]]:
    found = []
    for batch, rows in enumerate(boxes.astype(F32)):
        if center:
            half = rows[:, 2:] / F32(2)
            corners = np.hstack([rows[:, :2] - half, rows[:, :2] + half])
        else:
            ends = np.sort(rows.reshape(-1, 2, 2), axis=1)
            corners = ends.reshape(-1, 4)
        for which, own in enumerate(scores[batch]):
            order = _descending(own)
            if score_threshold is not None:
                order = order[own[order] > score_threshold.reshape(())]
            found += [(batch, which, i) for i in suppressed(corners, order, share, most)]
    return found


def _infer_detection_postprocess(
    boxes: TensorType,
    scores: TensorType,
    anchors: TensorType,
    *,
    max_detections: int,
    num_classes: int,
    score_threshold: float,
    iou_threshold: float,
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
    regular: bool = False,
    max_classes_per_detection: int = 1,
    detections_per_class: int = 100,
) -> tuple[TensorType, ...]:
    b, s = boxes.shape, scores.shape
    fits = len(b) == len(s) == 3 and b[0] == s[0] == 1 and b[1] == s[1] and b[2] >= 4
    require("C1", fits and anchors.shape == (b[1], 4), f"boxes {b}, scores {s}, {anchors.shape}")
    require("C2", num_classes > 0 and s[2] - num_classes in (0, 1), f"{num_classes} of {s[2]}")
    require("C3", 0 < iou_threshold <= 1, f"an overlap of {iou_threshold}")
    counts = (max_detections, max_classes_per_detection, detections_per_class)
    require("C4", min(counts) > 0, f"counts {counts}")
    require("C5", len(scale) == 4 and all(scale), f"scale {scale}")
    n, dtype = max_detections * max_classes_per_detection, boxes.dtype
    dtype = dtype if dtype.kind == "f" else np.dtype(F32)
    return tuple(boxes.like(shape, dtype) for shape in ((1, n, 4), (1, n), (1, n), (1,)))


@op(infer=_infer_detection_postprocess)
def detection_postprocess(
    boxes: Array,
    scores: Array,
    anchors: Array,
    *,
    max_detections: int,
    num_classes: int,
    score_threshold: float,
    iou_threshold: float,
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
    regular: bool = False,
    max_classes_per_detection: int = 1,
    detections_per_class: int = 100,
) -> tuple[Array, Array, Array, Array]:
    """Decode boxes and choose the best that do not overlap much; return them, their classes, scores, and their number.

    With anchors (y, x, h, w) and scales s: a centre is b / s * size + anchor, a half size 0.5 exp(b / s) size, both
    found in float64 and rounded to float32 (`detection_postprocess.cc`). What is left of the results is 0, where
    TFLite leaves memory as it was.

    Inputs: `boxes` (1, N, 4 or more): y, x, h, w; `scores` (1, N, C), a column for the background first where C is
    `num_classes` + 1; `anchors` (N, 4).
    Attributes: `max_detections`; `num_classes`; `score_threshold`, which scores reach; `iou_threshold`; `scale` of y,
    x, h, w; `regular`: each class is searched by itself, up to `detections_per_class` boxes of it taken, and the best
    of all kept. Or else boxes are searched once, by their best score, and each is reported with its best
    `max_classes_per_detection` classes.
    Constraints: (C1) Shapes are these. (C2) There is a column for each class. (C3) The overlap is above 0, up to 1.
    (C4) Counts are positive. (C5) There are four scales, not 0.

    >>> boxes, scores, anchors = np.zeros((1, 2, 4), "f"), np.array([[[0.6], [0.7]]], "f"), np.ones((2, 4), "f")
    >>> found = detection_postprocess(
    ...     boxes, scores, anchors, max_detections=2, num_classes=1, score_threshold=0.5, iou_threshold=0.5
    ... )
    >>> [y.tolist() for y in found[1:]]
    [[[0.0, 0.0]], [[0.699999988079071, 0.0]], [1.0]]
    """
    corners = _decoded(boxes[0, :, :4], anchors, scale)
    if np.any(corners[:, :2] > corners[:, 2:]):
        raise RunError("a box has its lower bound above the upper one")
    own = scores[0, :, scores.shape[2] - num_classes :].astype(F32)
    limits = F32(score_threshold), F32(iou_threshold)
    if regular:
        rows = _regular(corners, own, *limits, min(detections_per_class, len(own)))
        rows, count = rows[:max_detections], min(len(rows), max_detections)
    else:
        rows, count = _fast(corners, own, *limits, max_detections, max_classes_per_detection)
    size = max_detections * max_classes_per_detection
    found = np.zeros((1, size, 4), F32), np.zeros((1, size), F32), np.zeros((1, size), F32)
    for at, box, which in rows:
        found[0][0, at], found[1][0, at], found[2][0, at] = corners[box], which, own[box, which]
    made = (*found, np.array([count], F32))
    first, second, third, last = (y.astype(boxes.dtype) for y in made)
    return first, second, third, last


Row = tuple[int, int, int]  # place in the results, box, class


def _decoded(boxes: Array, anchors: Array, scale: tuple[float, ...]) -> Array:
    """Return the bounds of the boxes, rounded to float32 from centres and half sizes that are so."""
    b, a, s = boxes.astype(np.float64), anchors.astype(np.float64), np.array(scale, F32)
    with np.errstate(all="ignore"):
        centre = (b[:, :2] / s[:2].astype(np.float64) * a[:, 2:] + a[:, :2]).astype(F32)
        half = (0.5 * np.exp(b[:, 2:] / s[2:].astype(np.float64)) * a[:, 2:]).astype(F32)
        return np.hstack([centre - half, centre + half])


def _regular(
    corners: Array, scores: Array, least: np.float32, share: np.float32, limit: int
) -> list[Row]:
    found: list[tuple[int, int]] = []
    for which, own in enumerate(scores.T):
        order = _descending(own)
        order = order[own[order] >= least]
        found += [(box, which) for box in suppressed(corners, order, share, limit)]
    order = _descending(np.array([scores[pair] for pair in found], F32))
    return [(at, *found[i]) for at, i in enumerate(order.tolist())]


def _fast(
    corners: Array, scores: Array, least: np.float32, share: np.float32, limit: int, several: int
) -> tuple[list[Row], int]:
    classes = np.array([_descending(row)[:several] for row in scores]).reshape(len(scores), -1)
    best = np.take_along_axis(scores, classes[:, :1], 1)[:, 0] if len(scores) else np.empty(0, F32)
    order = _descending(best)
    order = order[best[order] >= least]
    chosen = suppressed(corners, order, share, limit)
    rows = [
        (several * at + k, box, int(which))
        for at, box in enumerate(chosen)
        for k, which in enumerate(classes[box])
    ]
    return rows, len(chosen)
