"""nnacl's reductions of int8: an axis at a time over int32 numbers in scratch, the last one to int8."""

from __future__ import annotations

import math

import numpy as np

from ..quant.nnacl_reduce import ordered_axes, passes_of
from ..quant.rule import Quantized
from ..refimpl.reduce import mean, reduce_prod, reduce_sum_square, sum
from .kernel import I64, OK, OUT_OF_DOMAIN, S8, S32, S64, kernel, share
from .lowering import Argument, Site, Step, lowers
from .requant import factor, scale_twice_wide

COMBINE = {"sum": 0, "squares": 1, "product": 2}


@kernel
def s8_centred(x: S8, y: S32, zero: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Take the zero point off."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.int32(x[i]) - np.int32(zero)
    return OK


@kernel
def s32_along_axis(
    x: S32, y: S32, p: S64, factors: I64, how: I64, outer: I64, count: I64, inner: I64,
    tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Combine along an axis, and multiply; what leaves 32 bits is refused."""
    start, stop = share(outer * inner, tid, threads)
    bad = 0
    for r in range(start, stop):
        at = r // inner * count * inner + r % inner
        total = np.int64(1) if how == 2 else np.int64(0)
        for k in range(count):
            v = np.int64(x[at + k * inner])
            total = total * v if how == 2 else total + (v * v if how == 1 else v)
            bad |= int(total > 2147483647) | int(total < -2147483648)
            total = np.int64(np.int32(total))
        for f in range(factors):
            q = 5 * f
            total = np.int64(scale_twice_wide(total, p[q], p[q + 1], p[q + 2], p[q + 3], p[q + 4]))
        y[r] = np.int32(total)
    return OUT_OF_DOMAIN if bad else OK


@kernel
def s8_clamped(x: S32, y: S8, zero: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Move to the zero point, and clamp."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.int8(min(max(int(x[i]) + zero, -128), 127))
    return OK


@lowers(*[(op, "s8-nnacl") for op in (mean, sum, reduce_prod, reduce_sum_square)])
def lower_reduction(site: Site) -> list[Step]:
    """One step an axis, and one before and after."""
    x, axes, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and axes is not None and axes.value is not None
    ends = [Quantized(np.empty(0), place.type.quant) for place in (x, y)]
    shape, order = list(x.type.shape), ordered_axes(len(x.type.shape), axes.value)
    if not order:
        shape, order = [*shape, 1], (len(shape),)
    now: Argument = site.scratch(4 * x.type.size)
    steps = [Step(s8_centred, (x, now, ends[0].zero_point, x.type.size))]
    for each in passes_of(site.node.op, shape, order, *ends):
        outer, inner = math.prod(shape[: each.axis]), math.prod(shape[each.axis + 1 :])
        p = site.constant(np.array([n for f in each.factors for n in factor(f)] or [0], np.int64))
        after = site.scratch(4 * outer * inner)
        sizes = (len(each.factors), COMBINE[each.combine], outer, shape[each.axis], inner)
        steps.append(Step(s32_along_axis, (now, after, p, *sizes)))
        now, shape[each.axis] = after, 1
    return [*steps, Step(s8_clamped, (now, y, ends[1].zero_point, y.type.size))]
