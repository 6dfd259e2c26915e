"""Softmax and its logarithm in TFLite."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import FORMATS, Node, TensorType
from ...refimpl.softmax import log_softmax, softmax
from .conv import type_at
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord


@TFLITE.of("SOFTMAX")
def softmax_(source: TfliteOp) -> Node:
    """The last axis, as here."""
    return source.node(softmax, beta=float(source.options["beta"]))


@TFLITE_WRITER.of(softmax)
def write_softmax(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Version 3 knows int8 to int16, 2 int8."""
    beta = node.attributes.get("beta", 1.0)
    version = 1 if type_at(node, types, 0).dtype == FORMATS["f32"] else 3
    return TfliteRecord("SOFTMAX", tuple(node.inputs), {"beta": beta}, version)


@TFLITE.of("LOG_SOFTMAX")
def log_softmax_(source: TfliteOp) -> Node:
    """No options."""
    return source.node(log_softmax)


@TFLITE_WRITER.of(log_softmax)
def write_log_softmax(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """No options."""
    return TfliteRecord("LOG_SOFTMAX", tuple(node.inputs))
