"""Fully connected layers in TFLite."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import FORMATS, Node, TensorType, UnsupportedError
from ...refimpl.matmul import fully_connected
from .conv import type_at
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord, activation_name, activation_of


@TFLITE.of("FULLY_CONNECTED")
def fully_connected_(source: TfliteOp) -> Node:
    """Weights are (O, I), as here; shuffled weights and asymmetric hybrid inputs are refused."""
    options = source.options
    if options["weights_format"] != "DEFAULT":
        raise UnsupportedError(f"weights_format {options['weights_format']}; supported: DEFAULT")
    hybrid = source.type(0).format == "f32" and source.type(1).format != "f32"
    if hybrid and options["asymmetric_quantize_inputs"]:
        raise UnsupportedError("asymmetric_quantize_inputs on float32 inputs with 8-bit weights")
    return source.node(
        fully_connected,
        activation=activation_of(options["fused_activation_function"]),
        keep_dims=bool(options["keep_num_dims"]),
    )


@TFLITE_WRITER.of(fully_connected)
def write_fully_connected(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Version 4 knows int8, 3 hybrid weights, 5 keep_num_dims, 6 no bias."""
    values = {**node.op.attributes, **node.attributes}
    plain = type_at(node, types, 1).dtype == FORMATS["f32"]
    options = {
        "fused_activation_function": activation_name(values["activation"]),
        "keep_num_dims": values["keep_dims"],
    }
    inputs = (*node.inputs, None)[:3]
    return TfliteRecord("FULLY_CONNECTED", inputs, options, 2 if plain else 6)
