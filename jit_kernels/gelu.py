"""The error function, and what weighs by it: two polynomials, and e to the power of the second; a vector at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..refimpl.activation import gelu
from ..refimpl.unary import erf
from .activation import each
from .exponential import exp_of, sigmoid_of
from .kernel import I64, OK, Kernel, kernel, share
from .lowering import Site, Step, lowers
from .simd import Value, Vectors, tile

# erf(x) = x + x (N0 + N1 z + ...) with z = x x for |x| < 1, by least squares in the relative error: 2**-26.
NEAR = (
    *(0.12837917, -0.37612623, 0.11283562, -0.026852744, 0.005186128),
    *(-7.9894147e-4, 7.780559e-5),
)
# ln(1 - erf(t)) = F0 + F1 t + ... - t t for 1 <= t <= 4, by least squares in the error of erf: 2**-27.
FAR = (
    *(-2.239145e-4, -1.1278204, 0.36366257, -0.10544543, 0.023562973),
    *(-0.0036762876, 3.501111e-4, -1.5138105e-5),
)
END = 4.0  # 1 - erf(t) is less than half a rounding of 1 from here on
ROOT_HALF = math.sqrt(0.5)
SLOPE = math.sqrt(8 / math.pi)
CUBIC = 0.044715 * SLOPE


def _real(v: Vectors, x: Value, value: float) -> Value:
    return v.full("f32", float(np.float32(value)), x.type.count)


def _polynomial(v: Vectors, x: Value, coefficients: Sequence[float]) -> Value:
    """Return c[0] + c[1] x + c[2] x x ..., by Horner's rule."""
    *rest, last = coefficients
    y = _real(v, x, last)
    for c in reversed(rest):
        y = v.fma(y, x, _real(v, x, c))
    return y


def _size(v: Vectors, x: Value) -> Value:
    return v.b.select(v.b.fcmp_ordered("<", x, _real(v, x, 0)), v.b.fneg(x), x)


def erf_near(v: Vectors, x: Value) -> Value:
    """Return erf(x) for |x| < 1."""
    return v.fma(x, _polynomial(v, v.b.fmul(x, x), NEAR), x)


def erfc_far(v: Vectors, size: Value) -> Value:
    """Return 1 - erf(size) for a size of 1 and more; 0 from 4 on. NaN stays."""
    t = v.clamp(size, _real(v, size, 0), _real(v, size, END))
    power = v.b.fsub(_polynomial(v, t, FAR), v.b.fmul(t, t))
    beyond = v.b.fcmp_ordered(">=", size, _real(v, size, END))
    return v.b.select(beyond, _real(v, size, 0), exp_of(v, power))


def erf_of(v: Vectors, x: Value) -> Value:
    """Return erf(x): near 0 a polynomial, else 1 less what is left; NaN stays."""
    size = _size(v, x)
    far = v.b.fsub(_real(v, x, 1), erfc_far(v, size))
    far = v.b.select(v.b.fcmp_ordered("<", x, _real(v, x, 0)), v.b.fneg(far), far)
    near = v.b.fcmp_ordered("<", size, _real(v, x, 1))
    return v.b.select(near, erf_near(v, x), far)


def gelu_of(v: Vectors, x: Value) -> Value:
    """Return x times half of 1 + erf; on the left that is half of what erf lacks to 1, without cancellation."""
    half, t = _real(v, x, 0.5), v.b.fmul(x, _real(v, x, ROOT_HALF))
    size = _size(v, t)
    rest = v.b.fmul(half, erfc_far(v, size))
    left = v.b.fcmp_ordered("<", t, _real(v, x, 0))
    far = v.b.select(left, rest, v.b.fsub(_real(v, x, 1), rest))
    near = v.fma(half, erf_near(v, t), half)
    return v.b.fmul(x, v.b.select(v.b.fcmp_ordered("<", size, _real(v, x, 1)), near, far))


def gelu_tanh_of(v: Vectors, x: Value) -> Value:
    """Return x / (1 + exp(-2v)), v the argument of tanh."""
    cubic = v.fma(v.b.fmul(x, x), _real(v, x, CUBIC), _real(v, x, SLOPE))
    return v.b.fmul(x, sigmoid_of(v, v.b.fmul(x, cubic)))


@tile("f32_erf_row")
def erf_row(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """The error function of `count` numbers."""
    each(v, x, y, count, erf_of)


@tile("f32_gelu_row")
def gelu_row(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """GELU of `count` numbers."""
    each(v, x, y, count, gelu_of)


@tile("f32_gelu_tanh_row")
def gelu_tanh_row(v: Vectors, x: I64, y: I64, count: I64) -> None:
    """GELU by tanh of `count` numbers."""
    each(v, x, y, count, gelu_tanh_of)


@kernel
def f32_erf(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Threads share the elements."""
    start, stop = share(count, tid, threads)
    erf_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_gelu(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Threads share the elements."""
    start, stop = share(count, tid, threads)
    gelu_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


@kernel
def f32_gelu_tanh(x: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Threads share the elements."""
    start, stop = share(count, tid, threads)
    gelu_tanh_row(x + 4 * start, y + 4 * start, stop - start)
    return OK


def _step(site: Site, run: Kernel) -> list[Step]:
    return [Step(run, (site.inputs[0], site.outputs[0], site.outputs[0].type.size))]


@lowers((erf, "f32"))
def lower_erf(site: Site) -> list[Step]:
    """One loop."""
    return _step(site, f32_erf)


@lowers((gelu, "f32"))
def lower_gelu(site: Site) -> list[Step]:
    """One loop."""
    return _step(site, f32_gelu_tanh if site.attributes["approximate"] else f32_gelu)
