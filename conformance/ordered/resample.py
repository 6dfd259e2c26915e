"""Resizing by weights, axis after axis or, with few neighbours, all at once."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...refimpl.resample import TRANSFORMATIONS, Taps, all_taps, neighbour_weights, places, resize
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng

KEYS = -0.75


def _apart(source: int, target: int, mode: str, transformation: str) -> Taps:
    """Return neighbours as they are named, one beyond an edge being that at the edge: some occur twice."""
    at = places(source, target, target / source, transformation)
    near = np.floor(at)[:, None] + (np.arange(2) if mode == "linear" else np.arange(-1, 3))
    weight = neighbour_weights(at, mode, KEYS)
    index = np.clip(near, 0, source - 1).astype(np.int64)
    return Taps(index, weight, np.zeros(target, bool), np.abs(weight))


def _along(add: InOrder, x: F32, axis: int, taps: Taps) -> F32:
    """Return the weighted sums along one axis."""
    x = np.moveaxis(x, axis, 0)
    rest = x.shape[1:]
    each = x.reshape(len(x), -1)[taps.index].swapaxes(1, 2)  # (target, rest, taps)
    weights = np.broadcast_to(taps.weight.astype(np.float32)[:, None], each.shape)
    rows = (np.ascontiguousarray(v).reshape(-1, each.shape[2]) for v in (each, weights))
    return np.moveaxis(add(*rows).reshape(-1, *rest), 0, axis)


def _at_once(add: InOrder, x: F32, rows: Taps, columns: Taps) -> F32:
    """Return the sums over both axes of (1, H, W, C), each element times the product of its weights."""
    picks = list(itertools.product(range(rows.index.shape[1]), range(columns.index.shape[1])))
    f, g = (t.weight.astype(np.float32) for t in (rows, columns))
    image = x[0]
    each = [image[rows.index[:, i]][:, columns.index[:, j]] for i, j in picks]
    weights = [
        np.broadcast_to((f[:, i, None] * g[:, j])[..., None], each[0].shape) for i, j in picks
    ]
    a, b = (np.stack(v, -1).reshape(-1, len(picks)) for v in (each, weights))
    return add(a, b).reshape(1, *each[0].shape)


@ORDERED.of((resize, "neighbours"))
def of_neighbours(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Two or four neighbours an axis; those beyond an edge are added for themselves."""
    mode = str(rng.choice(["linear", "cubic"]))
    transformation = str(rng.choice(TRANSFORMATIONS[:5]))
    h, w, down, across = (int(v) for v in rng.integers(1, 12, 4))
    x = draw(rng, 1, h, w, rows // (down * across) + 1)
    at_once = bool(rng.integers(2))

    def compute(add: InOrder) -> F32:
        taps = _apart(h, down, mode, transformation), _apart(w, across, mode, transformation)
        if at_once:
            return _at_once(add, x, *taps)
        return _along(add, _along(add, x, 1, taps[0]), 2, taps[1])

    attributes = {"mode": mode, "transformation": transformation}
    return Drawn(Case(resize, (x, np.array([1, down, across, x.shape[3]])), attributes), compute)


@ORDERED.of((resize, "antialias"))
def of_antialias(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Each element of the result is made of all that were as near: the number of terms is about that."""
    options: dict[str, Any] = {
        "mode": str(rng.choice(["linear", "cubic"])),
        "antialias": True,
        "exclude_outside": bool(rng.integers(2)),
    }
    x = draw(rng, 1, 4 * terms, 3, rows // 24 + 1)
    size = (1, 8, 3, x.shape[3])
    every = {"transformation": "half_pixel", "rounding": "floor", "coefficient": KEYS}
    taps = all_taps(x.shape, size, scale=(), roi=(), **options, **every)

    def compute(add: InOrder) -> F32:
        y = x
        for axis, along in enumerate(taps):
            y = y if along is None else _along(add, y, axis, along)
        return y

    return Drawn(Case(resize, (x, np.array(size)), options), compute)
