"""Tables that are used with Fourier transforms."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.axes import one_whole_number
from ..refimpl.signal import cosine_window, mel_edges, mel_weight_matrix
from .kernel import F32, F64P, I64, OK, S64, kernel, share
from .lowering import Site, Step, lowers
from .strided import operand


@kernel
def f32_cosine_window(
    y: F32, coefficients: F64P, terms: I64, count: I64, whole: I64, tid: I64, threads: I64
) -> I64:
    """Signs are in the coefficients."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        total = 0.0
        for k in range(terms):
            total += coefficients[k] * math.cos(2 * math.pi * (k * i % whole) / whole)
        y[i] = np.float32(total)
    return OK


@kernel
def f32_mel_weights(y: F32, edges: S64, bands: I64, bins: I64, tid: I64, threads: I64) -> I64:
    """A row of the matrix is an element of the spectrum."""
    start, stop = share(bins, tid, threads)
    for j in range(start, stop):
        for b in range(bands):
            begin, peak, end = edges[b], edges[b + 1], edges[b + 2]
            weight = 0.0
            if j == peak:
                weight = 1.0
            elif begin <= j < peak:
                weight = (j - begin) / (peak - begin)
            elif peak < j < end:
                weight = (end - j) / (end - peak)
            y[j * bands + b] = np.float32(weight)
    return OK


@lowers((cosine_window, "s32"), (cosine_window, "s64"))
def lower_cosine_window(site: Site) -> list[Step]:
    """The coefficients with alternating signs; a single element of a window with two ends is 1."""
    y, a = site.outputs[0], site.attributes
    n = y.type.size
    if n == 0:
        return []
    signed = [(-1) ** k * c for k, c in enumerate(a["coefficients"])]
    alone = n == 1 and not a["periodic"]
    table = site.constant(np.array([1.0] if alone else signed or [0.0]))
    whole = max(n if a["periodic"] else n - 1, 1)
    return [Step(f32_cosine_window, (y, table, table.type.size, n, whole))]


@lowers((mel_weight_matrix, "s32"), (mel_weight_matrix, "s64"))
def lower_mel_weight_matrix(site: Site) -> list[Step]:
    """Edges are found when the plan is made."""
    known = [operand(x).type.known() for x in site.inputs]
    whole = [one_whole_number("C1", v) for v in known[:3]]
    low, high = (float(v.reshape(-1)[0]) for v in known[3:])
    edges = site.constant(np.array(mel_edges(whole[0], whole[1], whole[2], low, high), np.int64))
    return [Step(f32_mel_weights, (site.outputs[0], edges, whole[0], whole[1] // 2 + 1))]
