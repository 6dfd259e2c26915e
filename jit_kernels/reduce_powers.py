"""The logarithm of a sum of powers."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.reduce import reduce_log_sum_exp
from .kernel import I64, OK, S64, T, kernel_family, share
from .lowering import Site, Step, lowers
from .reduce import operands


@kernel_family("f32", "f64")
def log_sum_exp(
    x: T, y: T, base: S64, step: S64, results: I64, count: I64, tid: I64, threads: I64
) -> I64:
    """Find the largest number, then add the powers of the distances from it; an infinite one is no origin."""
    start, stop = share(results, tid, threads)
    for r in range(start, stop):
        at, most = base[r], np.float64(-np.inf)
        for k in range(count):
            v = np.float64(x[at + step[k]])
            most = v if v > most else most
        origin = most if abs(most) < np.inf else np.float64(0)
        total = np.float64(0)
        for k in range(count):
            total += math.exp(np.float64(x[at + step[k]]) - origin)
        y[r] = origin + math.log(total)
    return OK


@lowers((reduce_log_sum_exp, "f64"))
def lower_log_sum_exp(site: Site) -> list[Step]:
    """Lower to one loop over results."""
    return [Step(log_sum_exp[site.outputs[0].type.format], operands(site)[0])]
