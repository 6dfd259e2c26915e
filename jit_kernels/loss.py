"""Losses: every class is checked before it is used; sums are one thread's, in float64."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.loss import REDUCTIONS, negative_log_likelihood
from .kernel import F32, I64, INDEX_OUT_OF_RANGE, OK, T, kernel_family, share
from .lowering import Site, Step, lowers


@kernel_family("s32", "s64")
def nll_each(
    x: F32, target: T, weight: F32, y: F32, rows: I64, classes: I64, inner: I64, weighted: I64,
    ignores: I64, ignored: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """The loss of each element."""
    start, stop = share(rows * inner, tid, threads)
    for i in range(start, stop):
        c = np.int64(target[i])
        if ignores and c == ignored:
            y[i] = np.float32(0)
            continue
        if c < 0 or c >= classes:
            return INDEX_OUT_OF_RANGE
        v = -x[(i // inner * classes + c) * inner + i % inner]
        y[i] = v * weight[c] if weighted else v
    return OK


@kernel_family("s32", "s64")
def nll_whole(
    x: F32, target: T, weight: F32, y: F32, rows: I64, classes: I64, inner: I64, weighted: I64,
    ignores: I64, ignored: I64, averaged: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Their sum, or that over the sum of the weights."""
    whole, total = 0.0, 0.0
    for i in range(rows * inner):
        c = np.int64(target[i])
        if ignores and c == ignored:
            continue
        if c < 0 or c >= classes:
            return INDEX_OUT_OF_RANGE
        w = np.float64(weight[c]) if weighted else 1.0
        whole -= x[(i // inner * classes + c) * inner + i % inner] * w
        total += w
    y[0] = np.float32(whole / total if averaged else whole)
    return OK


@lowers((negative_log_likelihood, "f32"))
def lower_negative_log_likelihood(site: Site) -> list[Step]:
    """Classes second, what is behind them one axis."""
    x, target, *rest = site.inputs
    assert x is not None and target is not None
    rows, classes, *behind = x.type.shape
    weight = rest[0] if rest else None
    ignored, reduction = site.attributes["ignore_index"], site.attributes["reduction"]
    sizes = (rows, classes, math.prod(behind), int(weight is not None))
    ignoring = (int(ignored is not None), 0 if ignored is None else ignored)
    arguments = (x, target, weight, site.outputs[0], *sizes, *ignoring)
    if reduction == REDUCTIONS[0]:
        return [Step(nll_each[target.type.format], arguments)]
    averaged = int(reduction == "mean")
    return [Step(nll_whole[target.type.format], (*arguments, averaged), serial=True)]
