"""Rules of operators that TFLite spells as we do: the same tensors in the same order, options renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...ir import Node, Op, TensorType
from .table import (
    TFLITE,
    TFLITE_WRITER,
    TYPE_OF_FORMAT,
    TfliteOp,
    TfliteRecord,
    format_of_type,
)


def alike(code: str, op: Op[..., Any], **options: str) -> None:
    """Enter the reader and the writer rule of `op`; `options` gives TFLite's name of each attribute.

    An attribute `to` is an element type, which TFLite names in its own way.
    """

    def read(source: TfliteOp) -> Node:
        attributes = {ours: source.options[theirs] for ours, theirs in options.items()}
        if "to" in attributes:
            attributes["to"] = format_of_type(attributes["to"])
        return source.node(op, **attributes)

    def write(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
        attributes = {**op.attributes, **node.attributes}
        if "to" in attributes:
            attributes["to"] = TYPE_OF_FORMAT[attributes["to"]]
        return TfliteRecord(
            code, node.inputs, {theirs: attributes[ours] for ours, theirs in options.items()}
        )

    TFLITE.of(code)(read)
    TFLITE_WRITER.of(op)(write)
