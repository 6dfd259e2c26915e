"""TFLite's operators that cut out, surround, repeat, turn around and move blocks."""

from __future__ import annotations

from collections.abc import Mapping

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.block import batch_to_space_nd, depth_to_space, space_to_batch_nd, space_to_depth
from ...refimpl.fill import fill, range, zeros_like
from ...refimpl.window import broadcast_to, pad, reverse, slice, strided_slice, tile
from .alike import alike
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")

alike("SLICE", slice)
alike("TILE", tile)
alike("FILL", fill)
alike("RANGE", range)
alike("REVERSE_V2", reverse)
alike("ZEROS_LIKE", zeros_like)
alike("SPACE_TO_BATCH_ND", space_to_batch_nd)
alike("BATCH_TO_SPACE_ND", batch_to_space_nd)
alike("SPACE_TO_DEPTH", space_to_depth, block="block_size")
alike("DEPTH_TO_SPACE", depth_to_space, block="block_size")


@TFLITE.of("BROADCAST_TO")
def broadcast_to_of(source: TfliteOp) -> Node:
    """The same tensors."""
    return source.node(broadcast_to)


@TFLITE_WRITER.of(broadcast_to)
def write_broadcast_to(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """LiteRT registers it from version 2 on."""
    return TfliteRecord("BROADCAST_TO", node.inputs, version=2)


@TFLITE.of("STRIDED_SLICE")
def strided_slice_of(source: TfliteOp) -> Node:
    """The masks are ours; an end that counts from the start (option `offset`) is not read."""
    if source.options.get("offset"):
        raise UnsupportedError(f"operator {source.name}: STRIDED_SLICE with option offset")
    return source.node(strided_slice, **{mask: source.options[mask] for mask in MASKS})


@TFLITE_WRITER.of(strided_slice)
def write_strided_slice(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The masks go over as they are."""
    options = {mask: node.attributes.get(mask, 0) for mask in MASKS}
    return TfliteRecord("STRIDED_SLICE", node.inputs, options)


@TFLITE.of("PAD", "PADV2")
def pad_of(source: TfliteOp) -> Node:
    """PADV2 has a value; PAD puts zeros."""
    return source.node(pad, (source.input(0), source.input(1), source.optional(2)))


@TFLITE_WRITER.of(pad)
def write_pad(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same the other way."""
    given = len(node.inputs) > 2 and node.inputs[2] is not None
    return TfliteRecord("PADV2", node.inputs) if given else TfliteRecord("PAD", node.inputs[:2])
