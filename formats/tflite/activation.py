"""TFLite's activations that stand alone."""

from __future__ import annotations

from ...refimpl.activation import (
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from .alike import alike

alike("RELU", relu)
alike("RELU6", relu6)
alike("RELU_N1_TO_1", relu_n1_to_1)
alike("LEAKY_RELU", leaky_relu, alpha="alpha")
alike("PRELU", prelu)
alike("LOGISTIC", logistic)
alike("TANH", tanh)
alike("HARD_SWISH", hard_swish)
