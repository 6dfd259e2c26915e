"""TFLite's changes of the element type. What counts is the declared type of the output, not the option."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.cast import cast, dequantize, quantize
from .alike import alike
from .table import TFLITE, TFLITE_WRITER, TYPE_OF_FORMAT, TfliteOp, TfliteRecord

alike("DEQUANTIZE", dequantize)


@TFLITE.of("CAST")
def cast_of(source: TfliteOp) -> Node:
    """Old files have no options."""
    return source.node(cast, to=source.types[source.outputs[0]].format)


@TFLITE_WRITER.of(cast)
def write_cast(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Both types are in the options as well."""
    assert node.inputs[0] is not None
    options = {
        "in_data_type": _type_of(types[node.inputs[0]].format),
        "out_data_type": _type_of(node.attributes["to"]),
    }
    return TfliteRecord("CAST", node.inputs, options)


def _type_of(form: str) -> str:
    if form not in TYPE_OF_FORMAT:
        raise UnsupportedError(f"TFLite has no element type {form}")
    return TYPE_OF_FORMAT[form]


@TFLITE.of("QUANTIZE")
def quantize_of(source: TfliteOp) -> Node:
    """The quantization is the output tensor's."""
    return source.node(quantize, to=source.types[source.outputs[0]].format)


@TFLITE_WRITER.of(quantize)
def write_quantize(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """There are no options."""
    return TfliteRecord("QUANTIZE", node.inputs)
