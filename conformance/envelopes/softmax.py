"""Envelopes of softmax and its logarithm, from the errors of exp, log and a sum of positive numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.softmax import log_softmax, softmax
from ..tables import ENVELOPE
from .matmul import UNIT

F64 = NDArray[np.float64]

LIBRARY = 4 * UNIT  # exp and log of a conforming implementation are within 2 ULP, 4 units
LEAST_NORMAL = 2.0**-126  # a power below it may be flushed to zero


def _powers(x: Array, beta: float) -> tuple[F64, F64, F64]:
    """Return beta (x - max x), its exp, and a bound of the relative error of a float32 exp of it.

    The difference and the product with beta are rounded, which exp turns into a relative error: 2 units of the
    argument's magnitude.
    """
    argument = (x.astype(np.float64) - x.max(axis=-1, keepdims=True)) * float(np.float32(beta))
    powers = np.exp(argument)
    relative = np.where(powers > 0, np.expm1(2 * UNIT * np.abs(argument)) + LIBRARY, 0.0)
    return argument, powers, relative


def _of_sum(powers: F64, relative: F64) -> F64:
    """Return the relative error of the sum: the mean of its terms', and one rounding for each addition."""
    total = powers.sum(axis=-1, keepdims=True)
    mean = (powers * relative).sum(axis=-1, keepdims=True) / total
    return np.asarray(mean + powers.shape[-1] * (UNIT + LEAST_NORMAL))


@ENVELOPE.of(softmax)
def softmax_envelope(x: Array, *, beta: float = 1.0) -> F64:
    """The errors of the power and of the sum, of a reciprocal and a product, and of the expected value."""
    with np.errstate(all="ignore"):
        _, powers, relative = _powers(x, beta)
        y = powers / powers.sum(axis=-1, keepdims=True)
        error = relative + _of_sum(powers, relative) + 3 * UNIT
        bound = y * error / (1 - error) + LEAST_NORMAL
    return np.where(np.isfinite(y), bound, 0.0)


@ENVELOPE.of(log_softmax)
def log_softmax_envelope(x: Array) -> F64:
    """The error of log follows the sum's relative error; then two differences and the expected value are rounded."""
    with np.errstate(all="ignore"):
        argument, powers, relative = _powers(x, 1.0)
        error = _of_sum(powers, relative)
        log = np.log(powers.sum(axis=-1, keepdims=True))
        y = argument - log
        bound = (
            error / (1 - error) + (LIBRARY + UNIT) * log + UNIT * (np.abs(argument) + 2 * np.abs(y))
        )
    return np.where(np.isfinite(y), bound, 0.0)
