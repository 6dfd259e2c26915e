"""The best boxes that do not overlap much. Every step is rounded to float32, as the reference declares."""

from __future__ import annotations

import math

import numpy as np

from ..ir import FORMATS, TensorType
from ..refimpl.detection import detection_postprocess, most_boxes, non_max_suppression
from .kernel import F32, F64, I64, OK, OUT_OF_DOMAIN, S64, T, inlined, kernel, kernel_family, share
from .lowering import Operand, Site, Step, lowers
from .strided import operand


@inlined
def beats(a, b):  # type: ignore[no-untyped-def]
    """Whether `a` comes before `b`: it is larger, or a number where `b` is NaN."""
    return a > b or (b != b and a == a)


@inlined
def decode(boxes, wide, anchors, row, axis, centre_scale, size_scale, corners):  # type: ignore[no-untyped-def]
    """Find the bounds of a box along an axis; return whether they are in order."""
    size = np.float64(anchors[row * 4 + 2 + axis])
    at = np.float64(boxes[row * wide + axis]) / centre_scale * size
    centre = np.float32(at + np.float64(anchors[row * 4 + axis]))
    power = math.exp(np.float64(boxes[row * wide + 2 + axis]) / size_scale)
    half = np.float32(0.5 * power * size)
    corners[row * 4 + axis] = centre - half
    corners[row * 4 + 2 + axis] = centre + half
    return not centre - half > centre + half


@inlined
def length(low, high):  # type: ignore[no-untyped-def]
    """Return what lies between two bounds."""
    found = high - low
    return found if found > 0 or found != found else np.float32(0.0)


@inlined
def overlap(corners, i, j):  # type: ignore[no-untyped-def]
    """Return the area that two boxes share, by that of both together."""
    top, left, bottom, right = corners[i], corners[i + 1], corners[i + 2], corners[i + 3]
    upper, first, lower, last = corners[j], corners[j + 1], corners[j + 2], corners[j + 3]
    area, other = (bottom - top) * (right - left), (lower - upper) * (last - first)
    if not (area > 0 and other > 0):
        return np.float32(0.0)
    height = length(upper if upper > top else top, lower if lower < bottom else bottom)
    width = length(first if first > left else left, last if last < right else right)
    shared = height * width
    return shared / (area + other - shared)


@inlined
def sort_falling(keys, order, spare, count):  # type: ignore[no-untyped-def]
    """Order positions so that their keys fall; equals stay in order, NaNs come last. Ever longer runs merge."""
    run = 1
    while run < count:
        for start in range(0, count, 2 * run):
            middle, stop = min(start + run, count), min(start + 2 * run, count)
            i, j = start, middle
            for k in range(start, stop):
                right = j < stop and (i >= middle or beats(keys[order[j]], keys[order[i]]))
                spare[k] = order[j] if right else order[i]
                i, j = (i, j + 1) if right else (i + 1, j)
        for k in range(count):
            order[k] = spare[k]
        run *= 2


@inlined
def choose(corners, order, count, limit, share, chosen, base):  # type: ignore[no-untyped-def]
    """Take boxes in `order` that overlap none taken before; return how many, from chosen[base] on."""
    found = 0
    for k in range(count):
        if found == limit:
            break
        free = True
        for m in range(found):
            if overlap(corners, order[k] * 4, chosen[base + m] * 4) > share:
                free = False
                break
        if free:
            chosen[base + found] = order[k]
            found += 1
    return found


@inlined
def next_class(scores, row, count, last):  # type: ignore[no-untyped-def]
    """Return the class with the best score among those that come after the class `last`, or -1."""
    best = -1
    for k in range(count):
        late = last < 0 or beats(scores[row + last], scores[row + k])
        late = late or (k > last and not beats(scores[row + k], scores[row + last]))
        if late and (best < 0 or beats(scores[row + k], scores[row + best])):
            best = k
    return best


@inlined
def clear(boxes, classes, scores, size):  # type: ignore[no-untyped-def]
    """Set the results to 0."""
    for i in range(size):
        classes[i] = 0
        scores[i] = 0
        for k in range(4):
            boxes[4 * i + k] = 0


@kernel
def decode_boxes(
    boxes: F32, anchors: F32, corners: F32, n: I64, wide: I64, y: F64, x: F64, h: F64, w: F64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """Find the bounds of each box."""
    start, stop = share(n, tid, threads)
    for row in range(start, stop):
        fine = decode(boxes, wide, anchors, row, 0, y, h, corners)
        if not (decode(boxes, wide, anchors, row, 1, x, w, corners) and fine):
            return OUT_OF_DOMAIN
    return OK


@kernel
def detect_fast(
    scores: F32, corners: F32, keys: F32, order: S64, spare: S64, chosen: S64, out_boxes: F32, out_classes: F32,
    out_scores: F32, out_count: F32, n: I64, columns: I64, classes: I64, most: I64, several: I64, least: F64,
    limit: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Search once, by the best score of each box; report each box with its best classes."""
    clear(out_boxes, out_classes, out_scores, most * several)
    skipped, kept = columns - classes, 0
    for row in range(n):
        best = next_class(scores, row * columns + skipped, classes, -1)
        keys[row] = scores[row * columns + skipped + best]
        if keys[row] >= np.float32(least):
            order[kept] = row
            kept += 1
    sort_falling(keys, order, spare, kept)
    found = choose(corners, order, kept, most, np.float32(limit), chosen, 0)
    for i in range(found):
        row, last = chosen[i], -1
        for k in range(min(several, classes)):
            last = next_class(scores, row * columns + skipped, classes, last)
            at = i * several + k
            out_classes[at] = last
            out_scores[at] = scores[row * columns + skipped + last]
            for c in range(4):
                out_boxes[4 * at + c] = corners[4 * row + c]
    out_count[0] = found
    return OK


@kernel
def detect_regular(
    scores: F32, corners: F32, keys: F32, order: S64, spare: S64, chosen: S64, out_boxes: F32, out_classes: F32,
    out_scores: F32, out_count: F32, n: I64, columns: I64, classes: I64, most: I64, size: I64, each: I64, least: F64,
    limit: F64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Search each class, up to `each` boxes of it, and keep the best of all."""
    clear(out_boxes, out_classes, out_scores, size)
    total = 0
    for which in range(classes):
        column, kept = columns - classes + which, 0
        for row in range(n):
            keys[row] = scores[row * columns + column]
            if keys[row] >= np.float32(least):
                order[kept] = row
                kept += 1
        sort_falling(keys, order, spare, kept)
        found = choose(corners, order, kept, each, np.float32(limit), chosen, total)
        for i in range(total, total + found):
            chosen[i] = chosen[i] * columns + column  # box and class in one number from now on
        total += found
    for i in range(total):
        keys[i], order[i] = scores[chosen[i]], i
    sort_falling(keys, order, spare, total)
    total = min(total, most)
    for i in range(total):
        pair = chosen[order[i]]
        out_classes[i] = pair % columns - (columns - classes)
        out_scores[i] = scores[pair]
        for c in range(4):
            out_boxes[4 * i + c] = corners[4 * (pair // columns) + c]
    out_count[0] = total
    return OK


@inlined
def bounds_of(boxes, first, second, center, lower):  # type: ignore[no-untyped-def]
    """Return a bound of a box along an axis, from a centre and a size or from two ends."""
    a, b = boxes[first], boxes[second]
    if center:
        half = b / np.float32(2.0)
        return a - half if lower else a + half
    return min(a, b) if lower else max(a, b)


@kernel
def select_boxes(
    boxes: F32, scores: F32, share_of: F32, least: F32, y: S64, count: S64, corners: F32, keys: F32, order: S64,
    spare: S64, chosen: S64, batches: I64, classes: I64, n: I64, most: I64, given: I64, center: I64, tid: I64,
    threads: I64,
) -> I64:  # fmt: skip
    """Choose boxes in each batch and class; `given` says whether there are thresholds (1: overlap, 2: score)."""
    limit = share_of[0] if given & 1 else np.float32(0.0)
    total = 0
    for batch in range(batches):
        for i in range(n):
            for axis in range(2):
                a, b = (batch * n + i) * 4 + axis, (batch * n + i) * 4 + 2 + axis
                corners[4 * i + axis] = bounds_of(boxes, a, b, center, True)
                corners[4 * i + 2 + axis] = bounds_of(boxes, a, b, center, False)
        for which in range(classes):
            kept = 0
            for i in range(n):
                keys[i] = scores[(batch * classes + which) * n + i]
                if given & 2 == 0 or keys[i] > least[0]:
                    order[kept] = i
                    kept += 1
            sort_falling(keys, order, spare, kept)
            found = choose(corners, order, kept, most, limit, chosen, 0)
            for i in range(found):
                y[3 * (total + i)], y[3 * (total + i) + 1] = batch, which
                y[3 * (total + i) + 2] = chosen[i]
            total += found
    for i in range(3 * total, 3 * batches * classes * most):
        y[i] = -1
    count[0] = total
    return OK


@lowers((non_max_suppression, "f32"))
def lower_non_max_suppression(site: Site) -> list[Step]:
    """By one thread: where a class begins depends on those before."""
    boxes, scores = operand(site.inputs[0]), operand(site.inputs[1])
    limit, share_of, least = (site.inputs[i] if len(site.inputs) > i else None for i in (2, 3, 4))
    batches, classes, n = scores.type.shape
    y, count = site.outputs
    most = most_boxes(None if limit is None else limit.value, n)
    corners, keys = _room(site, 4 * n, "f32"), _room(site, n, "f32")
    rooms = corners, keys, *(_room(site, n, "s64") for _ in range(3))
    given = (share_of is not None) + 2 * (least is not None)
    center = int(site.attributes["center_point_box"])
    sizes = batches, classes, n, most, given, center
    ends = boxes, scores, share_of or boxes, least or boxes, y, count
    return [Step(select_boxes, (*ends, *rooms, *sizes), serial=True)]


@kernel_family("s8", "u8")
def to_reals(x: T, y: F32, count: I64, scale: F64, zero: I64, tid: I64, threads: I64) -> I64:
    """Return scale (x - zero), rounded once."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.float32(scale * np.float64(np.int64(x[i]) - zero))
    return OK


def _room(site: Site, count: int, form: str) -> Operand:
    dtype = FORMATS[form]
    return Operand(site.scratch(max(count, 1) * dtype.itemsize).name, TensorType((count,), dtype))


def _real(site: Site, x: Operand, steps: list[Step]) -> Operand:
    """Return a tensor as float32."""
    quant = x.type.quant
    if x.type.dtype == FORMATS["f32"] or quant is None:
        return x
    y = _room(site, x.type.size, "f32")
    arguments = (x, y, x.type.size, float(np.float32(quant.scale[0])), quant.zero_point[0])
    steps.append(Step(to_reals[x.type.format], arguments))
    return y


@lowers(*((detection_postprocess, form) for form in ("f32", "s8", "u8")))
def lower_detection_postprocess(site: Site) -> list[Step]:
    """Decode by all threads, then choose by one."""
    steps: list[Step] = []
    places, a = [operand(p) for p in site.inputs], site.attributes
    boxes, scores, anchors = (_real(site, p, steps) for p in places)
    n, columns = places[1].type.shape[1:]
    classes, most, several = a["num_classes"], a["max_detections"], a["max_classes_per_detection"]
    each = min(a["detections_per_class"], n)
    room = max(n, classes * each if a["regular"] else 0)
    corners, keys = _room(site, 4 * n, "f32"), _room(site, room, "f32")
    order, spare, chosen = (_room(site, room, "s64") for _ in range(3))
    wide, scale = places[0].type.shape[2], [float(np.float32(s)) for s in a["scale"]]
    steps.append(Step(decode_boxes, (boxes, anchors, corners, n, wide, *scale)))
    ends = scores, corners, keys, order, spare, chosen, *site.outputs, n, columns, classes, most
    limits = float(a["score_threshold"]), float(a["iou_threshold"])
    if a["regular"]:
        arguments = (*ends, most * several, each, *limits)
        return [*steps, Step(detect_regular, arguments, serial=True)]
    return [*steps, Step(detect_fast, (*ends, several, *limits), serial=True)]
