"""TFLite's operators that address elements by values, and that order them."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.gather import (
    gather,
    gather_nd,
    one_hot,
    reverse_sequence,
    scatter_nd,
    sparse_to_dense,
)
from ...refimpl.sort import topk, unique
from .alike import alike
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord

alike("GATHER", gather, axis="axis", batch_dims="batch_dims")
alike("GATHER_ND", gather_nd)
alike("ONE_HOT", one_hot, axis="axis")
alike("SPARSE_TO_DENSE", sparse_to_dense)
alike("SCATTER_ND", scatter_nd)
alike("REVERSE_SEQUENCE", reverse_sequence, seq_axis="seq_dim", batch_axis="batch_dim")
alike("UNIQUE", unique, to="idx_out_type")


@TFLITE.of("TOPK_V2")
def topk_of(source: TfliteOp) -> Node:
    """The same."""
    return source.node(topk)


@TFLITE_WRITER.of(topk)
def write_topk(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The largest alone."""
    if not node.attributes.get("largest", True):
        raise UnsupportedError("TOPK_V2 finds the largest elements only")
    return TfliteRecord("TOPK_V2", node.inputs)
