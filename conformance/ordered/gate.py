"""Smooth gates and pieces of lines as formulas in float32, an operation after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...refimpl.gate import celu, hard_sigmoid, mish, selu, softplus, softsign, swish
from .activation import of_elements
from .drawn import F32, ONE, exp, log, sigmoid
from .rnn import log1p, tanh

ZERO: Any = np.float32(0)


def _softplus(x: F32) -> F32:
    """Return the logarithm of 1 + exp(x), and x where that is too large."""
    return np.asarray(np.where(x > 20, x, log(ONE + exp(np.minimum(x, np.float32(20))))))


def _stable_softplus(x: F32) -> F32:
    return np.maximum(x, ZERO) + log1p(exp(-np.abs(x)))


def _selu(x: F32, alpha: Any, gamma: Any) -> F32:
    return gamma * np.where(x > 0, x, alpha * (exp(np.minimum(x, ZERO)) - ONE))


def _celu(x: F32, alpha: Any) -> F32:
    return np.where(x > 0, x, alpha * (exp(np.minimum(x, ZERO) / alpha) - ONE))


def _hard_sigmoid(x: F32, alpha: Any, beta: Any) -> F32:
    return np.clip(alpha * x + beta, ZERO, ONE)


of_elements(softplus, "", _softplus)
of_elements(softplus, "stable", _stable_softplus)
of_elements(softsign, "", lambda x: x / (ONE + np.abs(x)))
of_elements(selu, "", _selu, alpha=1.67, gamma=1.05)
of_elements(celu, "", _celu, alpha=0.7)
of_elements(mish, "", lambda x: x * tanh(_softplus(x)))
of_elements(swish, "", lambda x, alpha: x * sigmoid(alpha * x), alpha=1.3)
of_elements(hard_sigmoid, "", _hard_sigmoid, alpha=0.2, beta=0.5)
