"""Functions of each element as formulas in float32, an operation after the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl.activation import GELU_CUBIC, elu, gelu, hard_swish, logistic
from ...refimpl.activation import tanh as tanh_op
from ...refimpl.unary import rsqrt
from ..case import Case
from ..tables import ORDERED
from .drawn import F32, ONE, Drawn, Numbers, Rng, exp, library, root, sigmoid
from .rnn import tanh

ERF = np.frompyfunc(math.erf, 1, 1)
erf = library(lambda x: np.asarray(ERF(x), np.float64))
expm1 = library(np.expm1)
Formula = Callable[..., F32]


def of_elements(
    op: Op[..., Any], what: str, formula: Formula, above: float = -np.inf, **attributes: Any
) -> None:
    """Enter a formula, for numbers of all sizes and those up to 16, from a least one on."""

    def of_formula(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
        x = np.concatenate([draw(rng, rows // 2), draw(rng, rows // 2) * np.float32(16)])
        x = x[x >= above]
        numbers = {k: np.float32(v) for k, v in attributes.items() if isinstance(v, float)}
        return Drawn(Case(op, (x,), attributes), lambda add: formula(x, **numbers))

    of_formula.__module__ = formula.__module__
    ORDERED.of((op, what))(of_formula)


def _tanh(x: F32) -> F32:
    """Return m / (m + 2) with m = exp(2 |x|) - 1, and 1 where that is infinite."""
    m = expm1(np.abs(x) * 2)
    return np.asarray(np.copysign(np.where(np.isinf(m), ONE, m / (m + np.float32(2))), x))


def _erf_gelu(x: F32) -> F32:
    half, by = np.float32(0.5), np.float32(1 / math.sqrt(2))
    return half * x * (ONE + erf(x * by))


def _tanh_gelu(x: F32) -> F32:
    v = np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(GELU_CUBIC) * x * x * x)
    return np.float32(0.5) * x * (ONE + tanh(v))


def _elu(x: F32, alpha: Any) -> F32:
    return np.where(x < 0, alpha * (exp(np.minimum(x, np.float32(0))) - ONE), x)


def _hard_swish(x: F32) -> F32:
    sixth = ONE / np.float32(6)
    return x * np.clip(x + np.float32(3), np.float32(0), np.float32(6)) * sixth


of_elements(logistic, "", lambda x: sigmoid(x))
of_elements(tanh_op, "", _tanh)
of_elements(hard_swish, "", _hard_swish)
of_elements(elu, "", _elu, alpha=0.7)
of_elements(gelu, "erf", _erf_gelu)
of_elements(gelu, "tanh", _tanh_gelu, approximate=True)
of_elements(rsqrt, "", lambda x: ONE / root(x), above=0.0)
