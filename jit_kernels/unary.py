"""Functions of one tensor: plain loops over float32 and int32, tables for quantized ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.unary import abs as abs_op
from ..refimpl.unary import ceil, exp, floor, log, neg, rsqrt, sqrt, square
from ..refimpl.unary import round as round_op
from .exponential import exp32
from .kernel import F32, I64, OK, S32, S64, Kernel, kernel, share
from .lookup import lower_by_table, lower_from
from .lowering import Site, Step, lowers


@kernel
def f32_abs(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Clear the sign."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = abs(x[i])
    return OK


@kernel
def s32_abs(x: S32, y: S32, count: I64, tid: I64, threads: I64) -> I64:
    """The least int32 wraps to itself."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.int32(abs(np.int64(x[i])))
    return OK


@kernel
def f32_neg(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Turn the sign."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = -x[i]
    return OK


@kernel
def s32_neg(x: S32, y: S32, count: I64, tid: I64, threads: I64) -> I64:
    """The least int32 wraps to itself."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.int32(-np.int64(x[i]))
    return OK


@kernel
def s64_neg(x: S64, y: S64, count: I64, tid: I64, threads: I64) -> I64:
    """The least int64 wraps to itself."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = -x[i]
    return OK


@kernel
def f32_ceil(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Round up."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.ceil(x[i])
    return OK


@kernel
def f32_floor(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Round down."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.floor(x[i])
    return OK


@kernel
def f32_round(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Round halves to even."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.rint(x[i])
    return OK


@kernel
def f32_square(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """One product."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i] * x[i]
    return OK


@kernel
def f32_sqrt(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """One instruction."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = math.sqrt(x[i])
    return OK


@kernel
def f32_rsqrt(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Root, then reciprocal."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.float32(1) / math.sqrt(x[i])
    return OK


@kernel
def f32_exp(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """By `exp32`."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = exp32(x[i])
    return OK


KERNELS: dict[tuple[Op[..., Any], str], Kernel] = {
    (abs_op, "f32"): f32_abs,
    (abs_op, "s32"): s32_abs,
    (neg, "f32"): f32_neg,
    (neg, "s32"): s32_neg,
    (neg, "s64"): s64_neg,
    (ceil, "f32"): f32_ceil,
    (floor, "f32"): f32_floor,
    (round_op, "f32"): f32_round,
    (square, "f32"): f32_square,
    (sqrt, "f32"): f32_sqrt,
    (rsqrt, "f32"): f32_rsqrt,
    (exp, "f32"): f32_exp,
}


@lowers(*KERNELS)
def lower_unary(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    return [Step(KERNELS[site.node.op, x.type.format], (x, y, y.type.size))]


lowers((abs_op, "s8"), (abs_op, "s16"), (exp, "s8"), (log, "s8"))(lower_by_table)
lowers((sqrt, "s8"), (sqrt, "s16"), (rsqrt, "s8"))(lower_from(0))
