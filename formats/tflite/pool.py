"""Pooling in TFLite."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import FORMATS, Node, TensorType
from ...refimpl.pool import avg_pool2d, max_pool2d
from .conv import pad_of, padding_name, stride_of, type_at
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord, activation_name, activation_of

OPERATORS = {"AVERAGE_POOL_2D": avg_pool2d, "MAX_POOL_2D": max_pool2d}
CODES = {operator: code for code, operator in OPERATORS.items()}


@TFLITE.of(*OPERATORS)
def pool_2d(source: TfliteOp) -> Node:
    """Both read the same options."""
    options = source.options
    kernel = (options["filter_height"], options["filter_width"])
    return source.node(
        OPERATORS[source.code],
        kernel=kernel,
        stride=stride_of(options),
        pad=pad_of(source, 0, kernel),
        activation=activation_of(options["fused_activation_function"]),
    )


@TFLITE_WRITER.of(avg_pool2d, max_pool2d)
def write_pool(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Version 2 knows int8."""
    values = {**node.op.attributes, **node.attributes}
    x, kernel, stride = type_at(node, types, 0), values["kernel"], values["stride"]
    options = {
        "filter_height": kernel[0],
        "filter_width": kernel[1],
        "stride_h": stride[0],
        "stride_w": stride[1],
        "padding": padding_name(values["pad"], x.shape, kernel, stride),
        "fused_activation_function": activation_name(values["activation"]),
    }
    version = 2 if x.dtype == FORMATS["s8"] else 1
    return TfliteRecord(CODES[node.op], tuple(node.inputs), options, version)
