"""Functions of one tensor: plain loops over floats and integers, tables for quantized ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.unary import abs as abs_op
from ..refimpl.unary import ceil, exp, floor, log, neg, rsqrt, sign, sqrt, square
from ..refimpl.unary import round as round_op
from .activation import each
from .exponential import exp_of
from .integer import unquantized
from .kernel import F32, I64, OK, Kernel, T, kernel, kernel_family, share
from .lookup import lower_by_table, lower_from
from .lowering import CPU, Lowering, Site, Step, lowers
from .simd import Vectors, tile


@kernel_family("f32", "f64", "s8", "s16", "s32", "s64")
def magnitude(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Clear the sign; the least integer wraps to itself."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = abs(x[i])
    return OK


@kernel_family("f32", "f64", "s8", "s16", "s32", "s64")
def negative(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Turn the sign; the least integer wraps to itself."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = -x[i]
    return OK


@kernel_family("f32", "s8", "s16", "s32", "s64")
def sign_of(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Return 1, -1, or what is neither: 0 or NaN."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        rest = v if v != v else 0
        y[i] = 1 if v > 0 else (-1 if v < 0 else rest)
    return OK


@kernel_family("f32", "f64")
def square_root(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """One instruction."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = math.sqrt(x[i])
    return OK


@kernel_family("f64")
def power_of_e(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """The C library's."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = math.exp(x[i])
    return OK


@kernel_family("f64")
def logarithm(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """The C library's."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = math.log(x[i])
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
def f32_rsqrt(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Root, then reciprocal."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.float32(1) / math.sqrt(x[i])
    return OK


@tile("exp_row")
def exp_row(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """e**x."""
    each(v, x, y, count, exp_of)


FAMILIES: dict[Op[..., Any], dict[str, Kernel]] = {
    abs_op: magnitude,
    neg: negative,
    sign: sign_of,
    ceil: {"f32": f32_ceil},
    floor: {"f32": f32_floor},
    round_op: {"f32": f32_round},
    square: {"f32": f32_square},
    sqrt: square_root,
    rsqrt: {"f32": f32_rsqrt},
    exp: power_of_e,
    log: logarithm,
}
KERNELS: dict[tuple[Op[..., Any], str], Kernel] = {
    (op, form): loop for op, family in FAMILIES.items() for form, loop in family.items()
}


def lower_unary(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    return [Step(KERNELS[site.node.op, x.type.format], (x, y, y.type.size))]


_TABLES = ((abs_op, "s8"), (abs_op, "s16"))
lowers(*(key for key in KERNELS if key not in _TABLES))(lower_unary)
CPU.of(*_TABLES)((Lowering(lower_unary, unquantized), Lowering(lower_by_table)))
lowers((exp, "s8"), (log, "s8"))(lower_by_table)
lowers((sqrt, "s8"), (sqrt, "s16"), (rsqrt, "s8"))(lower_from(0))
