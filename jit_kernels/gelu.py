"""The error function, and what weighs by it: two polynomials, and e to the power of the second."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ..refimpl.activation import GELU_CUBIC, gelu
from ..refimpl.unary import erf
from .exponential import exp32
from .kernel import F32, I64, OK, inlined, kernel, share
from .lowering import Site, Step, lowers

# erf(x) = x + x (N0 + N1 z + ...) with z = x x for |x| < 1, by least squares in the relative error: 2**-26.
N0, N1, N2 = np.float32(0.12837917), np.float32(-0.37612623), np.float32(0.11283562)
N3, N4, N5 = np.float32(-0.026852744), np.float32(0.005186128), np.float32(-7.9894147e-4)
N6 = np.float32(7.780559e-5)
# ln(1 - erf(t)) = F0 + F1 t + ... - t t for 1 <= t <= 4, by least squares in the error of erf: 2**-27.
F0, F1, F2 = np.float32(-2.239145e-4), np.float32(-1.1278204), np.float32(0.36366257)
F3, F4, F5 = np.float32(-0.10544543), np.float32(0.023562973), np.float32(-0.0036762876)
F6, F7 = np.float32(3.501111e-4), np.float32(-1.5138105e-5)
FAR = np.float32(4)  # 1 - erf(t) is less than half a rounding of 1 from here on
ROOT_HALF = np.float32(math.sqrt(0.5))
SLOPE, CUBIC = np.float32(math.sqrt(8 / math.pi)), np.float32(math.sqrt(8 / math.pi) * GELU_CUBIC)
HALF: Final = np.float32(0.5)


@inlined
def erf_near(x):  # type: ignore[no-untyped-def]
    """Return erf(x) for |x| < 1."""
    z = x * x
    return x + x * ((((((N6 * z + N5) * z + N4) * z + N3) * z + N2) * z + N1) * z + N0)


@inlined
def erfc_far(size):  # type: ignore[no-untyped-def]
    """Return 1 - erf(size) for a size of 1 and more; 0 from 4 on."""
    t = size if size < FAR else FAR
    q = ((((((F7 * t + F6) * t + F5) * t + F4) * t + F3) * t + F2) * t + F1) * t + F0
    return exp32(q - t * t) if size < FAR else np.float32(0)


@kernel
def f32_erf(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Near 0 a polynomial, else 1 less what is left; NaN stays."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        size = abs(v)
        far = np.float32(1) - erfc_far(size)
        far = -far if v < 0 else far
        out = erf_near(v) if size < 1 else far
        y[i] = out if v == v else v
    return OK


@kernel
def f32_gelu(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """X times half of 1 + erf; on the left that is half of what erf lacks to 1, without cancellation."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        t = v * ROOT_HALF
        size = abs(t)
        rest = HALF * erfc_far(size)
        far = rest if t < 0 else np.float32(1) - rest
        y[i] = v * (HALF + HALF * erf_near(t) if size < 1 else far)
    return OK


@kernel
def f32_gelu_tanh(x: F32, y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """X / (1 + exp(-2v)), v the argument of tanh."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        inner = v * (SLOPE + CUBIC * (v * v))
        y[i] = v * (np.float32(1) / (np.float32(1) + exp32(-inner)))
    return OK


@lowers((erf, "f32"))
def lower_erf(site: Site) -> list[Step]:
    """One loop."""
    return [Step(f32_erf, (site.inputs[0], site.outputs[0], site.outputs[0].type.size))]


@lowers((gelu, "f32"))
def lower_gelu(site: Site) -> list[Step]:
    """One loop."""
    run = f32_gelu_tanh if site.attributes["approximate"] else f32_gelu
    return [Step(run, (site.inputs[0], site.outputs[0], site.outputs[0].type.size))]
