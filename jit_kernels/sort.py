"""The largest elements of each row."""

from __future__ import annotations

import math

from ..refimpl.sort import ORDERED, topk
from .kernel import F32, I64, OK, S8, S16, S32, S64, U8, Kernel, inlined, kernel, share
from .lowering import Site, Step, lowers
from .strided import operand


@inlined
def beats(a, b):  # type: ignore[no-untyped-def]
    """Whether `a` comes before `b`: it is larger, or a number where `b` is NaN."""
    return a > b or (b != b and a == a)


@inlined
def topk_share(x, y, where, rows, n, k, tid, threads):  # type: ignore[no-untyped-def]
    """Keep the best `k` of each row sorted, and put each element where it belongs; equals go behind."""
    start, stop = share(rows, tid, threads)
    for row in range(start, stop):
        found = 0
        for i in range(n):
            value = x[row * n + i]
            if found == k and not beats(value, y[row * k + k - 1]):
                continue
            found = min(found + 1, k)
            at = found - 1
            while at > 0 and beats(value, y[row * k + at - 1]):
                y[row * k + at] = y[row * k + at - 1]
                where[row * k + at] = where[row * k + at - 1]
                at -= 1
            y[row * k + at] = value
            where[row * k + at] = i
    return OK


@kernel
def f32_topk(x: F32, y: F32, where: S32, rows: I64, n: I64, k: I64, tid: I64, threads: I64) -> I64:
    """Find the largest float32 elements."""
    return topk_share(x, y, where, rows, n, k, tid, threads)


@kernel
def s8_topk(x: S8, y: S8, where: S32, rows: I64, n: I64, k: I64, tid: I64, threads: I64) -> I64:
    """Find the largest s8 elements."""
    return topk_share(x, y, where, rows, n, k, tid, threads)


@kernel
def u8_topk(x: U8, y: U8, where: S32, rows: I64, n: I64, k: I64, tid: I64, threads: I64) -> I64:
    """Find the largest u8 elements."""
    return topk_share(x, y, where, rows, n, k, tid, threads)


@kernel
def s16_topk(x: S16, y: S16, where: S32, rows: I64, n: I64, k: I64, tid: I64, threads: I64) -> I64:
    """Find the largest s16 elements."""
    return topk_share(x, y, where, rows, n, k, tid, threads)


@kernel
def s32_topk(x: S32, y: S32, where: S32, rows: I64, n: I64, k: I64, tid: I64, threads: I64) -> I64:
    """Find the largest s32 elements."""
    return topk_share(x, y, where, rows, n, k, tid, threads)


@kernel
def s64_topk(x: S64, y: S64, where: S32, rows: I64, n: I64, k: I64, tid: I64, threads: I64) -> I64:
    """Find the largest s64 elements."""
    return topk_share(x, y, where, rows, n, k, tid, threads)


TOPK: dict[str, Kernel] = {
    "f32": f32_topk,
    "s8": s8_topk,
    "u8": u8_topk,
    "s16": s16_topk,
    "s32": s32_topk,
    "s64": s64_topk,
}


@lowers(*((topk, fmt) for fmt in ORDERED))
def lower_topk(site: Site) -> list[Step]:
    """Rows are shared out."""
    x, (y, where) = operand(site.inputs[0]), site.outputs
    if y.type.size == 0:
        return []
    rows, n, k = math.prod(x.type.shape[:-1]), x.type.shape[-1], y.type.shape[-1]
    return [Step(TOPK[x.type.format], (x, y, where, rows, n, k))]
