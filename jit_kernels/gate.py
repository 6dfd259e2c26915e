"""Smooth gates and pieces of lines of float32: most of the smooth ones in float64 vectors, rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl import gate as ours
from . import narrow_math as narrow
from .activation import each
from .exponential import exp_down
from .float_parts import magnitude, real
from .kernel import F32, F64, I64, OK, Kernel, kernel, share
from .lowering import Site, Step, lowers
from .simd import Value, Vectors, tile
from .trigonometry import by_float64, either_row, wide_row
from .wide_math import exp_wide, expm1_wide, log1p_wide

MOST = 40.0  # from here on the weights are 1 in float64


def softplus_wide(v: Vectors, x: Value) -> Value:
    """Add ln(1 + e**-|x|) to max(x, 0)."""
    rest = log1p_wide(v, exp_wide(v, v.b.fneg(magnitude(v, x))))
    return v.b.fadd(v.at_least(x, real(v, x, 0)), rest)


def softplus_of(v: Vectors, x: Value) -> Value:
    """The same in float32."""
    rest = narrow.log1p_of(v, exp_down(v, v.b.fneg(magnitude(v, x))))
    return v.b.fadd(v.at_least(x, real(v, x, 0)), rest)


def mish_wide(v: Vectors, x: Value) -> Value:
    """Return x q / (q + 2) with q = p (p + 2) and p = e**x: tanh(ln(1 + p)) without a logarithm."""
    p = exp_wide(v, v.at_most(x, real(v, x, MOST)))
    q = v.b.fmul(p, v.b.fadd(p, real(v, x, 2)))
    y = v.b.fmul(x, v.b.fdiv(q, v.b.fadd(q, real(v, x, 2))))
    nothing = v.b.fcmp_ordered("==", x, real(v, x, float("-inf")))
    return v.b.select(nothing, real(v, x, float("nan")), y)


softplus_row = either_row("f32_softplus_row", softplus_of, softplus_wide)
mish_row = wide_row("f32_mish_row", mish_wide)


@tile("f32_bend_row")
def bend_row(v: Vectors, x: I64, y: I64, count: I64, right: F64, left: F64, stretch: F64) -> None:
    """Set right x where x > 0, else left (e**(stretch x) - 1)."""

    def bend(v: Vectors, x: Value) -> Value:
        lanes = x.type.count
        bent = expm1_wide(v, v.b.fmul(x, v.splat(stretch, lanes)))
        bent = v.b.fmul(v.splat(left, lanes), bent)
        line = v.b.fmul(v.splat(right, lanes), x)
        return v.b.select(v.b.fcmp_ordered(">", x, real(v, x, 0)), line, bent)

    each(v, x, y, count, lambda v, some: by_float64(v, some, bend))


@tile("f32_swish_row")
def swish_row(v: Vectors, x: I64, y: I64, count: I64, alpha: F64) -> None:
    """Set x / (1 + e**-z) with z = alpha x; the weight is 0 where the power is out of reach."""

    def weigh(v: Vectors, x: Value) -> Value:
        z, one = v.b.fmul(x, v.splat(alpha, x.type.count)), real(v, x, 1)
        weight = v.b.fdiv(one, v.b.fadd(one, exp_wide(v, v.b.fneg(z))))
        far = v.b.fcmp_ordered("<", z, real(v, x, -700))
        return v.b.fmul(x, v.b.select(far, real(v, x, 0), weight))

    each(v, x, y, count, lambda v, some: by_float64(v, some, weigh))


@kernel
def f32_softplus(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Smooth relu."""
    start, stop = share(count, tid, threads)
    softplus_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_mish(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Weigh by a squashed softplus."""
    start, stop = share(count, tid, threads)
    mish_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_bend(
    x: I64, y: I64, count: I64, right: F64, left: F64, stretch: F64, tid: I64, threads: I64
) -> I64:
    """A line to the right, a bend to the left."""
    start, stop = share(count, tid, threads)
    bend_row(x + 4 * start, y + 4 * start, stop - start, right, left, stretch)
    return OK


@kernel
def f32_swish(x: I64, y: I64, count: I64, alpha: F64, tid: I64, threads: I64) -> I64:
    """Weigh by a logistic function."""
    start, stop = share(count, tid, threads)
    swish_row(x + 4 * start, y + 4 * start, stop - start, alpha)
    return OK


@kernel
def f32_softsign(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """A sum, a quotient."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i] / (np.float32(1) + abs(x[i]))
    return OK


@kernel
def f32_thresholded_relu(x: F32, y: F32, count: I64, alpha: F64, tid: I64, threads: I64) -> I64:
    """Keep what exceeds alpha."""
    least = np.float32(alpha)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i] if x[i] > least else np.float32(0)
    return OK


@kernel
def f32_shrink(x: F32, y: F32, count: I64, bias: F64, lambd: F64, tid: I64, threads: I64) -> I64:
    """Move towards 0."""
    step, far = np.float32(bias), np.float32(lambd)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        down = v - step if v > far else np.float32(0)
        y[i] = v + step if v < -far else down
    return OK


@kernel
def f32_hard_sigmoid(
    x: F32, y: F32, count: I64, alpha: F64, beta: F64, tid: I64, threads: I64
) -> I64:
    """A line, cut off at 0 and 1."""
    slope, middle = np.float32(alpha), np.float32(beta)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = slope * x[i] + middle
        v = np.float32(0) if v < 0 else v
        y[i] = np.float32(1) if v > 1 else v
    return OK


# The kernel of each operator, and the attributes that it takes.
KERNELS: dict[Op[..., Any], tuple[Kernel, tuple[str, ...]]] = {
    ours.softplus: (f32_softplus, ()),
    ours.softsign: (f32_softsign, ()),
    ours.mish: (f32_mish, ()),
    ours.swish: (f32_swish, ("alpha",)),
    ours.thresholded_relu: (f32_thresholded_relu, ("alpha",)),
    ours.shrink: (f32_shrink, ("bias", "lambd")),
    ours.hard_sigmoid: (f32_hard_sigmoid, ("alpha", "beta")),
}


def _single(site: Site, name: str) -> float:
    return float(np.float32(site.attributes[name]))


@lowers(*((op, "f32") for op in KERNELS))
def lower_gate(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    loop, names = KERNELS[site.node.op]
    return [Step(loop, (x, y, y.type.size, *(_single(site, name) for name in names)))]


@lowers((ours.selu, "f32"))
def lower_selu(site: Site) -> list[Step]:
    """The line is gamma x, the bend gamma alpha (e**x - 1)."""
    (x,), (y,) = site.inputs, site.outputs
    alpha, gamma = _single(site, "alpha"), _single(site, "gamma")
    return [Step(f32_bend, (x, y, y.type.size, gamma, gamma * alpha, 1.0))]


@lowers((ours.celu, "f32"))
def lower_celu(site: Site) -> list[Step]:
    """The line is x, the bend alpha (e**(x / alpha) - 1)."""
    (x,), (y,), alpha = site.inputs, site.outputs, _single(site, "alpha")
    return [Step(f32_bend, (x, y, y.type.size, 1.0, alpha, 1 / alpha))]
