"""Second oracles of the operators that choose among boxes: pair by pair, each step rounded to float32."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...ir import QuantParams, TensorType
from ...refimpl.detection import detection_postprocess, non_max_suppression
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32

Box = tuple[float, float, float, float]  # two lower bounds, two upper ones


def _area(box: Box) -> float:
    return f32(f32(box[2] - box[0]) * f32(box[3] - box[1]))


def _overlap(a: Box, b: Box) -> float:
    one, other = _area(a), _area(b)
    if one <= 0 or other <= 0:
        return 0.0
    height = max(f32(min(a[2], b[2]) - max(a[0], b[0])), 0.0)
    width = max(f32(min(a[3], b[3]) - max(a[1], b[1])), 0.0)
    shared = f32(height * width)
    return f32(shared / f32(f32(one + other) - shared))


def _best_first(scores: Sequence[float], fits: Callable[[float], bool]) -> list[int]:
    """Pick the best of what is left, again and again."""
    left = [i for i, s in enumerate(scores) if fits(s)]
    found = []
    while left:
        best = left[0]
        for i in left[1:]:
            nothing = scores[best] != scores[best] and scores[i] == scores[i]
            best = i if scores[i] > scores[best] or nothing else best
        left.remove(best)
        found.append(best)
    return found


def _apart(boxes: Sequence[Box], order: Iterable[int], share: float, limit: int) -> list[int]:
    taken: list[int] = []
    for i in order:
        if len(taken) < limit and all(_overlap(boxes[i], boxes[j]) <= share for j in taken):
            taken.append(i)
    return taken


def _value(cells: Cells | None, absent: Any) -> Any:
    return absent if cells is None else cells.values[0]


@EXACT.of(non_max_suppression)
def exact_non_max_suppression(
    boxes: Cells,
    scores: Cells,
    limit: Cells | None = None,
    iou_threshold: Cells | None = None,
    score_threshold: Cells | None = None,
    *,
    center_point_box: bool,
) -> tuple[Cells, Cells]:
    """One batch and class after the other."""
    batches, count = boxes.shape[:2]
    least = _value(score_threshold, None)
    rows: list[tuple[int, int, int]] = []
    for batch in range(batches):
        corners = []
        for n in range(count):
            p, q, r, s = (boxes[batch, n, k] for k in range(4))
            if center_point_box:
                bounds = (f32(p - r / 2), f32(q - s / 2), f32(p + r / 2), f32(q + s / 2))
            else:
                bounds = (min(p, r), min(q, s), max(p, r), max(q, s))
            corners.append(bounds)
        for which in range(scores.shape[1]):
            own = [scores[batch, which, n] for n in range(count)]
            order = _best_first(own, lambda s: least is None or s > least)
            taken = _apart(corners, order, _value(iou_threshold, 0.0), _value(limit, 0))
            rows += [(batch, which, n) for n in taken]
    room = scores.shape[0] * scores.shape[1] * min(_value(limit, 0), count)
    padded = [*rows, *[(-1, -1, -1)] * (room - len(rows))]
    return Cells((room, 3), [v for row in padded for v in row]), Cells((), [len(rows)])


@EXACT.of(detection_postprocess)
def exact_detection_postprocess(
    boxes: Cells, scores: Cells, anchors: Cells, **attributes: Any
) -> tuple[Cells, ...]:
    """Decode, choose, write."""
    count, classes = scores.shape[1], attributes["num_classes"]
    scale = tuple(map(f32, attributes["scale"]))
    corners = []
    for n in range(count):
        code = [boxes[0, n, k] for k in range(4)]
        corners.append(_decoded(code, [anchors[n, k] for k in range(4)], scale))
    skipped = scores.shape[2] - classes
    table = [[scores[0, n, k + skipped] for k in range(classes)] for n in range(count)]
    found = (_regular if attributes["regular"] else _fast)(corners, table, **attributes)
    size = attributes["max_detections"] * attributes["max_classes_per_detection"]
    y = [Cells.full((1, size, 4), 0.0), Cells.full((1, size), 0.0), Cells.full((1, size), 0.0)]
    for at, box, which in found:
        y[1][0, at], y[2][0, at] = which, table[box][which]
        for k in range(4):
            y[0][0, at, k] = corners[box][k]
    several = 1 if attributes["regular"] else attributes["max_classes_per_detection"]
    return (*y, Cells((1,), [len({at // several for at, _, _ in found})]))


def _decoded(code: Sequence[float], anchor: Sequence[float], scale: Sequence[float]) -> Box:
    import mpmath

    bounds = []
    for k in (0, 1):
        centre = f32(code[k] / scale[k] * anchor[2 + k] + anchor[k])
        power = mpmath.exp(mpmath.mpf(code[2 + k] / scale[2 + k]))
        half = f32(float(0.5 * power * anchor[2 + k]))
        bounds += [f32(centre - half), f32(centre + half)]
    return bounds[0], bounds[2], bounds[1], bounds[3]


def _regular(
    corners: Sequence[Box],
    table: Sequence[Sequence[float]],
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    detections_per_class: int,
    num_classes: int,
    **_: Any,
) -> list[tuple[int, int, int]]:
    pairs = []
    for which in range(num_classes):
        order = _best_first([row[which] for row in table], lambda s: s >= f32(score_threshold))
        taken = _apart(corners, order, f32(iou_threshold), detections_per_class)
        pairs += [(box, which) for box in taken]
    best = _best_first([table[box][which] for box, which in pairs], lambda s: True)
    return [(at, *pairs[i]) for at, i in enumerate(best[:max_detections])]


def _fast(
    corners: Sequence[Box],
    table: Sequence[Sequence[float]],
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    max_classes_per_detection: int,
    **_: Any,
) -> list[tuple[int, int, int]]:
    several = max_classes_per_detection
    classes = [_best_first(row, lambda s: True)[:several] for row in table]
    best = [row[own[0]] for row, own in zip(table, classes, strict=True)]
    order = _best_first(best, lambda s: s >= f32(score_threshold))
    taken = _apart(corners, order, f32(iou_threshold), max_detections)
    return [
        (several * at + k, box, which)
        for at, box in enumerate(taken)
        for k, which in enumerate(classes[box])
    ]


@EXACT_INT8.of((detection_postprocess, "s8"), (detection_postprocess, "u8"))
def exact_detection_postprocess_int8(
    *tensors: Cells,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    dialect: str,
    **attributes: Any,
) -> tuple[Cells, ...]:
    """Of what the integers stand for."""
    real = [_real(t, q) for t, q in zip(tensors, quant, strict=True)]
    return exact_detection_postprocess(*real, **attributes)


def _real(cells: Cells, quant: QuantParams | None) -> Cells:
    if quant is None:
        return cells
    (scale,), (zero,) = quant.scale, quant.zero_point
    return Cells(cells.shape, [f32(f32(scale) * (v - zero)) for v in cells.values])
