"""TFLite's normalisations."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.norm import l2_normalization, local_response_normalization
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord, activation_of

LRN_OPTIONS = ("radius", "bias", "alpha", "beta")


@TFLITE.of("LOCAL_RESPONSE_NORMALIZATION")
def read_local_response_normalization(source: TfliteOp) -> Node:
    """The options have our names."""
    options = {name: source.options[name] for name in LRN_OPTIONS}
    return source.node(local_response_normalization, **options)


@TFLITE_WRITER.of(local_response_normalization)
def write_local_response_normalization(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Refuse windows of another length behind the channel, and other than four axes, as LiteRT would."""
    attributes = {**node.op.attributes, **node.attributes}
    x = types[node.inputs[0] or ""]
    if attributes["after"] not in (-1, attributes["radius"] - 1) or len(x.shape) != 4:
        raise UnsupportedError("TFLite's window ends before c + radius, and x has four axes")
    options = {name: attributes[name] for name in LRN_OPTIONS}
    return TfliteRecord("LOCAL_RESPONSE_NORMALIZATION", node.inputs, options)


@TFLITE.of("L2_NORMALIZATION")
def read_l2_normalization(source: TfliteOp) -> Node:
    """The schema has an activation, though LiteRT takes none."""
    activation = activation_of(source.options["fused_activation_function"])
    return source.node(l2_normalization, activation=activation)


@TFLITE_WRITER.of(l2_normalization)
def write_l2_normalization(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Refuse an activation, since LiteRT would."""
    if node.attributes.get("activation", "none") != "none":
        raise UnsupportedError("TFLite's L2_NORMALIZATION runs without activation only")
    return TfliteRecord("L2_NORMALIZATION", node.inputs)
