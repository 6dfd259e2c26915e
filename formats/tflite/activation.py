"""TFLite's activations that stand alone."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.activation import (
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
from .alike import alike
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord

alike("RELU", relu)
alike("RELU6", relu6)
alike("RELU_N1_TO_1", relu_n1_to_1)
alike("LEAKY_RELU", leaky_relu, alpha="alpha")
alike("PRELU", prelu)
alike("LOGISTIC", logistic)
alike("TANH", tanh)
alike("HARD_SWISH", hard_swish)


@TFLITE.of("ELU")
def elu_of(source: TfliteOp) -> Node:
    """TFLite knows alpha 1 alone."""
    return source.node(elu)


@TFLITE_WRITER.of(elu)
def write_elu(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same the other way."""
    if node.attributes.get("alpha", 1.0) != 1.0:
        raise UnsupportedError("TFLite has no ELU with another alpha than 1")
    return TfliteRecord("ELU", node.inputs)
