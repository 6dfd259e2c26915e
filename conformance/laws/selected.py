"""Laws of operators that choose, count and address elements, and of those that do so with texts."""

from __future__ import annotations

import numpy as np

from ...refimpl.detection import detection_postprocess, non_max_suppression
from ...refimpl.embedding import custom_predict, hashtable_lookup, lsh_projection
from ...refimpl.fill import fill, range
from ...refimpl.gather import (
    gather_elements,
    gather_nd,
    one_hot,
    reverse_sequence,
    scatter_nd,
    sparse_to_dense,
)
from ...refimpl.logic import nonzero, where
from ...refimpl.packed import (
    custom_extract_features,
    custom_normalize,
    packed,
    skip_gram,
    unpacked,
)
from ...refimpl.scatter import scatter_nd_update
from ...refimpl.sort import topk, unique, unique_rows
from ..case import Case
from .elements import first
from .law import EVERY, Pairs, Rng, Run, changed, law, value_of


@law(topk, formats=EVERY, exact=False)
def the_best_come_first(run: Run, case: Case, rng: Rng) -> Pairs:
    """Less of the best is a part of more, and each stands where its position says."""
    x = first(case)
    whole = changed(case, ..., np.asarray(x.shape[-1], np.int32))
    values, places = run.all(whole)
    count = run(case).shape[-1]
    yield run(case), values[..., :count]
    yield np.take_along_axis(x, places.astype(np.int64), -1), values
    equal = values[..., 1:] == values[..., :-1]
    yield equal & (np.diff(places, axis=-1) < 0), np.zeros(equal.shape, bool)  # in their order


@law(topk, formats=EVERY, exact=False)
def elements_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """In another order the same are the best."""
    x = first(case)
    order = rng.permutation(x.shape[-1])
    yield run(changed(case, x[..., order])) + 0, run(case) + 0


@law(unique, unique_rows, formats=EVERY, exact=False)
def each_is_found_again(run: Run, case: Case, rng: Rng) -> Pairs:
    """At its place among the distinct ones stands what stood there, but for the sign of zeros and NaNs."""
    x = first(case)
    values, *places = run.all(case)
    where_to = places[0] if case.op is unique else places[1]
    yield values[where_to] + 0, x + 0
    once = run.all(changed(case, values))
    yield once[0], values


@law(unique_rows, formats=EVERY, exact=False)
def counts_and_first_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Counts are of the places; the first place holds the row."""
    rows, start, places, counts = run.all(case)
    yield np.bincount(places, minlength=len(rows)), counts
    yield first(case)[start], rows


@law(where, nonzero, formats=EVERY, exact=False)
def named_ones_are_not_zero(run: Run, case: Case, rng: Rng) -> Pairs:
    """The places that are named are those of what is not zero."""
    x, found = first(case), run(case)
    mask = np.zeros(x.shape, bool)
    mask[tuple(found[: np.count_nonzero(x)].T)] = True
    yield mask, x != 0


@law(where, nonzero, formats=EVERY, exact=False)
def only_zero_counts(run: Run, case: Case, rng: Rng) -> Pairs:
    """Ones in place of all that is not zero are named alike."""
    x = first(case)
    yield from zip(run.all(changed(case, (x != 0).astype(x.dtype))), run.all(case), strict=True)


@law(scatter_nd, formats=("f32", "s32", "s64"))
def updates_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Sums at places do not depend on the order of the updates, which go in one by one."""
    indices, updates, shape = case.args
    assert indices is not None and updates is not None and shape is not None
    rows = indices.reshape(-1, indices.shape[-1])
    new = updates.reshape(len(rows), *updates.shape[indices.ndim - 1 :])
    order, y = rng.permutation(len(rows)), run(case)
    yield run(changed(case, rows[order], new[order])), y
    half = len(rows) // 2
    if half:
        parts = [run(changed(case, rows[s], new[s])) for s in (slice(half), slice(half, None))]
        yield parts[0] + parts[1], y


@law(scatter_nd_update, formats=("f32", "s8", "s32"))
def updated_one_after_the_other(run: Run, case: Case, rng: Rng) -> Pairs:
    """Updates in two runs are updates in one; sums and extremes come out in any order."""
    x, indices, updates = case.args
    assert x is not None and indices is not None and updates is not None
    rows = indices.reshape(-1, indices.shape[-1])
    new = updates.reshape(len(rows), *x.shape[rows.shape[1] :])
    half, y = len(rows) // 2, run(case)
    if x.dtype.kind == "f" and np.abs(y).max(initial=0) > 2**24:
        return  # products beyond whole numbers
    once = run(changed(case, ..., rows[:half], new[:half]))
    yield run(changed(case, once, rows[half:], new[half:])), y
    if value_of(case, "reduction") != "none":
        order = rng.permutation(len(rows))
        yield run(changed(case, ..., rows[order], new[order])), y


@law(scatter_nd_update, formats=EVERY, exact=False)
def what_was_put_is_there(run: Run, case: Case, rng: Rng) -> Pairs:
    """At places that are named once stands what was put there."""
    _, indices, updates = case.args
    assert indices is not None and updates is not None
    rows = indices.reshape(-1, indices.shape[-1])
    if len(np.unique(rows, axis=0)) == len(rows):
        y = run(changed(case, reduction="none"))
        yield run(Case(gather_nd, (y, indices), quant=case.quant[:1])), updates


@law(gather_nd, formats=EVERY, exact=False)
def rows_are_gathered(run: Run, case: Case, rng: Rng) -> Pairs:
    """All places in order give all elements, and indices in another order rows in that order."""
    x, indices = case.args
    assert x is not None and indices is not None
    places = np.stack([*np.indices(x.shape)], -1).astype(np.int32)
    yield run(changed(case, ..., places)), x
    if indices.ndim > 1:
        order = rng.permutation(len(indices))
        yield run(changed(case, ..., indices[order])), run(case)[order]


@law(gather_elements, formats=EVERY, exact=False)
def every_index_in_order(run: Run, case: Case, rng: Rng) -> Pairs:
    """All indices of the axis in order give all elements."""
    x = first(case)
    axis = value_of(case, "axis") % x.ndim
    places = np.broadcast_to(np.indices(x.shape)[axis], x.shape).astype(np.int32)
    yield run(changed(case, ..., places)), x


@law(reverse_sequence, formats=EVERY, exact=False)
def twice_is_nothing(run: Run, case: Case, rng: Rng) -> Pairs:
    """Turned around twice it is the same."""
    yield run(changed(case, run(case))), first(case)


@law(one_hot, formats=EVERY, exact=False)
def one_in_each_line(run: Run, case: Case, rng: Rng) -> Pairs:
    """`off` with `on` where `on` was: both exchanged, results are; and each line has `on` at its index."""
    indices, depth, on, off = case.args
    assert indices is not None and depth is not None and on is not None and off is not None
    y = run(case)
    hit = y.view(f"u{y.itemsize}") == on.reshape(()).view(f"u{y.itemsize}")
    yield run(changed(case, ..., ..., off, on)), np.where(hit, off.reshape(()), on.reshape(()))
    inside = (indices >= 0) & (indices < int(depth.reshape(-1)[0]))
    yield hit.sum(value_of(case, "axis"), dtype=np.int64), inside.astype(np.int64)


@law(sparse_to_dense, formats=EVERY, exact=False)
def dense_values_are_found(run: Run, case: Case, rng: Rng) -> Pairs:
    """Every place named in order holds its value, whatever the default."""
    _, shape, values, default = case.args
    assert shape is not None and values is not None and default is not None
    sizes = tuple(int(n) for n in shape.reshape(-1))
    places = np.stack([*np.indices(sizes)], -1).reshape(-1, len(sizes)).astype(np.int32)
    all_of = np.resize(np.append(values.ravel(), default.ravel()), len(places))
    if len(places):
        yield run(changed(case, places, ..., all_of)), all_of.reshape(sizes)


@law(hashtable_lookup, formats=EVERY, exact=False)
def every_key_is_found(run: Run, case: Case, rng: Rng) -> Pairs:
    """All keys looked up give all values, where they are distinct."""
    _, keys, values = case.args
    assert keys is not None and values is not None
    if np.all(np.diff(keys.astype(np.int64)) > 0):
        y, found = run.all(changed(case, keys))
        yield y, values
        yield found, np.ones(len(keys), np.uint8)


@law(fill, formats=EVERY, exact=False)
def the_same_everywhere(run: Run, case: Case, rng: Rng) -> Pairs:
    """Turned around it is the same, and as a row too."""
    dims = first(case)
    count = np.array([np.prod(dims, dtype=np.int64)], np.int32)
    y = run(case)
    yield run(changed(case, count)), y.ravel()
    yield y.ravel()[::-1], y.ravel()


@law(range, formats=("f32", "s32", "s64", "s16", "f64"), exact=False)
def ranges_scale(run: Run, case: Case, rng: Rng) -> Pairs:
    """Twice start, limit and step is twice the range; floats are far from their ends."""
    if any(
        a is None or not 2.0**-90 < np.abs(a.astype(np.float64)) + (a == 0) < 2.0**13
        for a in case.args
    ):
        return
    twice = tuple(a * a.dtype.type(2) for a in case.args if a is not None)
    y = run(case)
    yield run(changed(case, *twice)), y * y.dtype.type(2)
    start, _, step = case.args
    if start is not None and start.dtype.kind == "i" and len(y) > 1:
        yield run(changed(case, start + step)), y[1:]


@law(non_max_suppression, exact=False)
def boxes_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Boxes in another order, of distinct scores, are chosen alike."""
    boxes, scores = case.args[:2]
    assert boxes is not None and scores is not None
    apart = (rng.permutation(scores.size).reshape(scores.shape) / max(scores.size, 1)).astype(
        scores.dtype
    )
    order = rng.permutation(boxes.shape[1])
    got, count = run.all(changed(case, boxes[:, order], apart[..., order]))
    want, _ = run.all(changed(case, ..., apart))
    n = int(count)
    yield np.c_[got[:n, :2], order[got[:n, 2]]], want[:n]


@law(non_max_suppression, exact=False)
def classes_are_apart(run: Run, case: Case, rng: Rng) -> Pairs:
    """The first class alone has the boxes that it has among others."""
    scores = case.args[1]
    assert scores is not None
    got, count = run.all(changed(case, ..., scores[:, :1]))
    want, total = run.all(case)
    of_first = want[: int(total)]
    yield got[: int(count)], of_first[of_first[:, 1] == 0]


@law(detection_postprocess, formats=("f32", "s8", "u8"), exact=False)
def detections_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Boxes with their scores and anchors in another order are detected alike; scores are distinct."""
    boxes, scores, anchors = case.args
    assert boxes is not None and scores is not None and anchors is not None
    if len(np.unique(scores)) == scores.size:
        order = rng.permutation(len(anchors))
        moved = changed(case, boxes[:, order], scores[:, order], anchors[order])
        yield from zip(run.all(moved), run.all(case), strict=True)


@law(custom_predict, exact=False)
def fewer_are_the_first(run: Run, case: Case, rng: Rng) -> Pairs:
    """Fewer results are the first of more, and asked twice the labels are the same."""
    count = value_of(case, "count")
    more = run.all(changed(case, count=count + 3))
    for got, want in zip(run.all(case), more, strict=True):
        yield got, want[:count]


@law(custom_predict, exact=False)
def unknown_keys_have_no_vote(run: Run, case: Case, rng: Rng) -> Pairs:
    """Looked up alone, keys that there are not have no label."""
    lookup, keys = case.args[:2]
    assert lookup is not None and keys is not None
    unknown = lookup[~np.isin(lookup, keys)]
    labels, votes = run.all(changed(case, unknown))
    yield labels, np.full_like(labels, -1)
    yield votes, np.zeros_like(votes)


@law(lsh_projection, formats=EVERY, exact=False)
def sparse_numbers_are_dense_bits(run: Run, case: Case, rng: Rng) -> Pairs:
    """The bits of the one are the number of the other, and seeds in another order give bits in that order."""
    seeds = first(case)
    bits = run(changed(case, kind="dense")).reshape(seeds.shape)
    width = seeds.shape[1]
    powers = 2 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    numbers = bits @ powers + (np.arange(len(seeds), dtype=np.int64) << width)
    yield run(changed(case, kind="sparse")), numbers.astype(np.int32)
    order = rng.permutation(len(seeds))
    yield run(changed(case, seeds[order], kind="dense")).reshape(seeds.shape), bits[order]


def _texts(case: Case) -> list[bytes]:
    return unpacked(first(case))


@law(skip_gram, formats=("u8",), exact=False)
def shorter_grams_are_included(run: Run, case: Case, rng: Rng) -> Pairs:
    """All n-grams up to a size, of which those of the size are chosen; each more that may be skipped adds some."""
    size = value_of(case, "size")
    every = unpacked(run(changed(case, include_all=True)))
    alone = unpacked(run(changed(case, include_all=False)))
    chosen = [g for g in every if g.count(b" ") == size - 1]
    if not _torn(case):
        yield np.array(len(chosen)), np.array(len(alone))
        wider = unpacked(
            run(changed(case, include_all=False, max_skip=value_of(case, "max_skip") + 1))
        )
        yield np.array(set(alone) <= set(wider)), np.array(True)


def _torn(case: Case) -> bool:
    """Whether words themselves hold spaces, as the first one may."""
    return any(t[:1].isspace() for t in _texts(case))


@law(custom_extract_features, formats=("u8",), exact=False)
def texts_may_change_places(run: Run, case: Case, rng: Rng) -> Pairs:
    """Texts in another order have numbers in that order."""
    texts = _texts(case)
    if texts:
        order = rng.permutation(len(texts))
        moved = run.all(changed(case, packed([texts[i] for i in order])))
        for got, y in zip(moved, run.all(case), strict=True):
            yield got, y[order]


@law(custom_normalize, formats=("u8",), exact=False)
def capitals_do_not_matter(run: Run, case: Case, rng: Rng) -> Pairs:
    """Capitals, and white space around, are gone."""
    texts = _texts(case)
    if texts and len(texts[0]) < 4000:
        for other in (texts[0].upper(), b" " + texts[0] + b"\n"):
            yield run(changed(case, packed([other, *texts[1:]]))), run(case)
