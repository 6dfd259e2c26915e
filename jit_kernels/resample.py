"""Resizing by weights: axis after axis, those first that shrink most. Tables of weights are made with the plan."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..ir import FORMATS
from ..refimpl.resample import Taps, all_taps, resize
from .kernel import F32, F64, I64, OK, S64, kernel, share
from .lowering import Operand, Site, Step, lowers
from .strided import View, copy, operand


@kernel
def f32_weighted_rows(
    x: F32, y: F32, first: S64, index: S64, weight: F32, outer: I64, source: I64, target: I64, inner: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Row (o, i) is the weighted sum of rows (o, index[t]) for t in first[i] .. first[i + 1]; a row has `inner`."""
    start, stop = share(outer * target, tid, threads)
    for row in range(start, stop):
        block, to = row // target, row * inner
        i = row - block * target
        for t in range(first[i], first[i + 1]):
            of, w = (block * source + index[t]) * inner, weight[t]
            if t == first[i]:
                for k in range(inner):
                    y[to + k] = w * x[of + k]
            else:
                for k in range(inner):
                    y[to + k] += w * x[of + k]
    return OK


@kernel
def f32_put_rows(
    y: F32,
    rows: S64,
    count: I64,
    value: F64,
    outer: I64,
    target: I64,
    inner: I64,
    tid: I64,
    threads: I64,
) -> I64:
    """Fill the rows (o, rows[j]) with one value."""
    start, stop = share(outer, tid, threads)
    for block in range(start, stop):
        for j in range(count):
            to = (block * target + rows[j]) * inner
            for k in range(inner):
                y[to + k] = np.float32(value)
    return OK


def _pass(site: Site, x: Operand, y: Operand, axis: int, taps: Taps) -> Step:
    """Return the step that resizes one axis."""
    used = taps.weight != 0
    first = np.concatenate([[0], np.cumsum(used.sum(1))]).astype(np.int64)
    shape = x.type.shape
    tables = (first, taps.index[used], taps.weight[used].astype(np.float32))
    sizes = (math.prod(shape[:axis]), shape[axis], len(taps.index), math.prod(shape[axis + 1 :]))
    return Step(f32_weighted_rows, (x, y, *map(site.constant, tables), *sizes))


@lowers((resize, "f32"))
def lower_resize(site: Site) -> list[Step]:
    """A step for each axis that changes, and one for each that has places outside."""
    x, y, a = operand(site.inputs[0]), site.outputs[0], dict(site.attributes)
    if y.type.size == 0:
        return []
    value = a.pop("extrapolation")
    taps = all_taps(x.type.shape, y.type.shape, **a)
    axes = [i for i, along in enumerate(taps) if along is not None]
    axes.sort(key=lambda i: y.type.shape[i] / x.type.shape[i])
    if not axes:
        return copy(site, x, View.of(x.type.shape), y, View.of(x.type.shape))
    steps: list[Step] = []
    for axis in axes:
        along = taps[axis]
        assert along is not None
        shape = x.type.shape
        grown = (*shape[:axis], y.type.shape[axis], *shape[axis + 1 :])
        to = y
        if axis != axes[-1]:
            room = site.scratch(4 * math.prod(grown))
            to = Operand(room.name, replace(y.type, shape=grown, dtype=FORMATS["f32"]))
        steps.append(_pass(site, x, to, axis, along))
        x = to
    for axis in axes:
        along = taps[axis]
        if along is not None and along.outside.any():
            rows = np.flatnonzero(along.outside).astype(np.int64)
            shape = y.type.shape
            sizes = (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
            steps.append(Step(f32_put_rows, (y, site.constant(rows), len(rows), value, *sizes)))
    return steps
