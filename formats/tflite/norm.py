"""TFLite's normalisations."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.norm import l2_normalization, local_response_normalization
from .alike import alike
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord, activation_of

alike(
    "LOCAL_RESPONSE_NORMALIZATION",
    local_response_normalization,
    radius="radius",
    bias="bias",
    alpha="alpha",
    beta="beta",
)


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
