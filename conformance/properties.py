"""The two properties that every operator is asked for on drawn cases: its oracles agree, and so do its kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir import Array
from ..runtime import Session
from .case import Case
from .judge import (
    Verdict,
    expected,
    judge,
    judge_case,
    node_bounds,
    single_bounds,
    stores_halves,
)
from .second import exact

# The reference adds in float64: what its envelope says for float32, made smaller by this.
FLOAT64_SHARE = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)
# A unit in the last place of float64 of a thousand of the largest float32 numbers: where terms are so large an envelope
# says nothing, and the sum of those that cancel is as far off.
BEYOND = 1000 * float(np.finfo(np.float32).max) * float(np.finfo(np.float64).eps)


def oracles_agree(case: Case, want: Sequence[Array] | None = None) -> Verdict:
    """Judge the reference, or the quantized rule, by the exact oracle (whose results `want` may give).

    Integers are equal, and so are floats where the envelope allows nothing. Other floats are within one unit in the
    last place of the exact result rounded once; sums of numbers that cancel are a unit in the last place of float64
    off for every one of float32 that their envelope allows.
    """
    want = exact(case) if want is None else want
    got = expected(case)
    if len(got) != len(want):
        return Verdict(False, reason=f"{len(got)} outputs instead of {len(want)}")
    node = case.graph().nodes[0]
    bounds = node_bounds(node, case.types, case.args, want)
    if stores_halves(node, case.types):  # where halves of it overflow it says nothing of float64
        _, single = single_bounds(node, case.args)
        bounds = tuple(np.where(np.isfinite(b), b, s) for b, s in zip(bounds, single, strict=True))
    # of what is clamped after it was rounded to -0 the sign is free
    clamped = case.attributes.get("activation", "none") != "none"
    verdict = Verdict(True)
    for w, g, type, envelope in zip(want, got, case.out, bounds, strict=True):
        if (g.dtype, g.shape) != (type.dtype, type.shape):
            return Verdict(
                False, reason=f"{g.dtype}{list(g.shape)}, but the shape rule says {type}"
            )
        verdict = judge(g, w, one_unit(w, envelope + 2.0**-1074 if clamped else envelope))
        if not verdict:
            return verdict
    return verdict


def one_unit(want: Array, envelope: Array) -> Array:
    """Return the distance of each float to its neighbour, and what adding in float64 adds to it."""
    if want.dtype.kind != "f" or want.dtype.itemsize < 2:  # narrow floats are rounded once
        return np.zeros(want.shape)
    # the largest number has no neighbour above that would tell its unit
    below = np.nextafter(np.finfo(want.dtype).max, want.dtype.type(0))
    with np.errstate(invalid="ignore", over="ignore"):
        unit = np.spacing(np.minimum(np.abs(want), below))
    unit = np.where(np.isfinite(want) & (envelope != 0), unit, 0.0).astype(np.float64)
    share = 1.0 if want.dtype == np.float64 else FLOAT64_SHARE
    with np.errstate(invalid="ignore"):
        return unit + np.where(np.isfinite(envelope), envelope * share, BEYOND)


def plan_agrees(case: Case, threads: Sequence[int] = (1, 2)) -> Verdict:
    """Judge the compiled plan by the reference; the bits are the same for every number of threads."""
    graph, feeds = case.graph(), case.feeds()
    runs, algorithms = [], {}
    for count in threads:
        # fold=False: nodes on constants go through the kernels too; split_from=0: however small
        session = Session(graph, count, fold=False, split_from=0)
        values = session.run(feeds)
        runs.append([values[name] for name in graph.outputs])
        algorithms = session.algorithms(feeds)
    verdict = judge_case(case, runs[0], expected(case), algorithms)
    for other in runs[1:]:
        if verdict and any(a.tobytes() != b.tobytes() for a, b in zip(runs[0], other, strict=True)):
            return Verdict(False, reason="bits depend on the number of threads")
    return verdict
