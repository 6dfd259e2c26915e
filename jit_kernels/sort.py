"""The largest or smallest elements of each row."""

from __future__ import annotations

import math

from ..refimpl.sort import ORDERED, topk
from .kernel import I64, OK, S32, T, inlined, kernel_family, share
from .lowering import Site, Step, lowers
from .strided import operand


@inlined
def beats(a, b, largest):  # type: ignore[no-untyped-def]
    """Whether `a` comes before `b`: it is larger (or smaller), or a number where `b` is NaN."""
    return (a > b if largest else a < b) or (b != b and a == a)


@kernel_family(*ORDERED)
def topk_rows(
    x: T, y: T, where: S32, rows: I64, n: I64, k: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Keep the best `k` of each row sorted, and put each element where it belongs; equals go behind."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        found = 0
        for i in range(n):
            value = x[row * n + i]
            if found == k and not beats(value, y[row * k + k - 1], largest):
                continue
            found = min(found + 1, k)
            at = found - 1
            while at > 0 and beats(value, y[row * k + at - 1], largest):
                y[row * k + at] = y[row * k + at - 1]
                where[row * k + at] = where[row * k + at - 1]
                at -= 1
            y[row * k + at] = value
            where[row * k + at] = i
    return OK


@lowers(*((topk, fmt) for fmt in ORDERED))
def lower_topk(site: Site) -> list[Step]:
    """Rows are shared out."""
    x, (y, where) = operand(site.inputs[0]), site.outputs
    if y.type.size == 0:
        return []
    rows, n, k = math.prod(x.type.shape[:-1]), x.type.shape[-1], y.type.shape[-1]
    largest = int(site.attributes["largest"])
    return [Step(topk_rows[x.type.format], (x, y, where, rows, n, k, largest))]
