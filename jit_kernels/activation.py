"""Activations that stand alone: plain loops over float32, tables for quantized ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.activation import (
    ACTIVATIONS,
    elu,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from ..refimpl.unary import exp
from .broadcast import layout_operand, pairwise
from .exponential import exp_of, expm1_32, sigmoid_of, tanh_of
from .kernel import F32, F64, I64, OK, S64, Kernel, kernel, share
from .lookup import lower_by_table
from .lowering import Site, Step, lowers
from .simd import Value, Vectors, tile


@kernel
def f32_clamp(x: F32, y: F32, count: I64, low: F64, high: F64, tid: I64, threads: I64) -> I64:
    """Move into a range; NaN stays."""
    least, most = np.float32(low), np.float32(high)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        v = least if v < least else v
        y[i] = most if v > most else v
    return OK


@kernel
def f32_leaky_relu(x: F32, y: F32, count: I64, alpha: F64, tid: I64, threads: I64) -> I64:
    """One product where x is not positive."""
    slope = np.float32(alpha)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        y[i] = v if v > 0 else v * slope
    return OK


@kernel
def f32_elu(x: F32, y: F32, count: I64, alpha: F64, tid: I64, threads: I64) -> I64:
    """Bend what is negative."""
    slope = np.float32(alpha)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        bent = slope * expm1_32(v if v < 0 else np.float32(0))
        y[i] = bent if v < 0 else v
    return OK


@tile("exp_row")
def exp_row(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """The power of e."""
    each(v, x, y, count, exp_of)


@tile("logistic_row")
def logistic_row(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """1 / (1 + exp(-x))."""
    each(v, x, y, count, sigmoid_of)


@tile("tanh_row")
def tanh_row(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """The hyperbolic tangent."""
    each(v, x, y, count, tanh_of)


def each(
    v: Vectors, x: Value, y: Value, count: Value, of: Callable[[Vectors, Value], Value]
) -> None:
    """Replace each element; those after the last whole vector by masks."""
    whole = v.b.sdiv(count, v.const(v.lanes))

    def step(i: Value) -> list[Value]:
        at = v.mul(i, 4 * v.lanes)
        v.store(of(v, v.load("f32", x, at)), y, at)
        return []

    v.carry(whole, [], step)
    done = v.mul(whole, v.lanes)
    with v.when(v.b.icmp_signed("<", done, count)):
        some, at = v.mask(v.b.sub(count, done)), v.mul(done, 4)
        v.store_some(of(v, v.load_some("f32", some, x, at)), some, y, at)


@kernel
def f32_exp(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """The power of e."""
    start, stop = share(count, tid, threads)
    exp_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_logistic(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """1 / (1 + exp(-x))."""
    start, stop = share(count, tid, threads)
    logistic_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_tanh(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """The hyperbolic tangent."""
    start, stop = share(count, tid, threads)
    tanh_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_hard_swish(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Multiply x by a clamped (x + 3) / 6."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i] + np.float32(3)
        v = np.float32(0) if v < 0 else v
        v = np.float32(6) if v > 6 else v
        y[i] = x[i] * v / np.float32(6)
    return OK


@pairwise
def sloped(a, b, p):  # type: ignore[no-untyped-def]
    """One product where a is negative."""
    return a if a >= 0 else a * b


@kernel
def f32_prelu(x: F32, y: F32, z: F32, layout: S64, tid: I64, threads: I64) -> I64:
    """A slope for every element, or shared."""
    sloped(x, y, z, layout, 0, tid, threads)
    return OK


CLAMPED: dict[Op[..., Any], str] = {relu: "relu", relu6: "relu6", relu_n1_to_1: "relu_n1_to_1"}
PLAIN: dict[Op[..., Any], Kernel] = {
    exp: f32_exp,
    logistic: f32_logistic,
    tanh: f32_tanh,
    hard_swish: f32_hard_swish,
}
SLOPED: dict[Op[..., Any], Kernel] = {leaky_relu: f32_leaky_relu, elu: f32_elu}


@lowers(*[(op, "f32") for op in (*CLAMPED, *SLOPED, *PLAIN)])
def lower_activation(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,), op = site.inputs, site.outputs, site.node.op
    if op in CLAMPED:
        return [Step(f32_clamp, (x, y, y.type.size, *ACTIVATIONS[CLAMPED[op]]))]
    if op in SLOPED:
        alpha = float(np.float32(site.attributes["alpha"]))
        return [Step(SLOPED[op], (x, y, y.type.size, alpha))]
    return [Step(PLAIN[op], (x, y, y.type.size))]


@lowers((prelu, "f32"))
def lower_prelu(site: Site) -> list[Step]:
    """Lower to one loop over two tensors."""
    (x, alpha), (y,) = site.inputs, site.outputs
    return [Step(f32_prelu, (x, alpha, y, layout_operand(site)))]


lowers(
    *[(op, form) for op in (relu, relu6, leaky_relu) for form in ("s8", "u8", "s16")],
    *[(op, form) for op in (relu_n1_to_1, logistic, tanh, hard_swish) for form in ("s8", "u8")],
)(lower_by_table)
