"""TFLite's operators that change axes, join and cut."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...ir import Node, TensorType, UnsupportedError
from ...refimpl.join import concat, pack, split, split_v, unpack
from ...refimpl.shape import expand_dims, rank, reshape, shape, squeeze, transpose
from .alike import alike
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord

alike("EXPAND_DIMS", expand_dims)
alike("TRANSPOSE", transpose)
alike("SHAPE", shape, to="out_type")
alike("RANK", rank)
alike("UNPACK", unpack, axis="axis", count="num")
alike("SPLIT", split, count="num_splits")


@TFLITE.of("RESHAPE")
def reshape_of(source: TfliteOp) -> Node:
    """The shape is the second input where that is an s32 vector, else an option (`reshape.cc`)."""
    sizes = source.optional(1)
    if sizes is not None:
        given = source.types[sizes]
        if len(given.shape) == 1 and given.format == "s32":
            return source.node(reshape, (source.input(0), sizes))
    new_shape = tuple(source.options.get("new_shape") or ())
    new_shape = () if new_shape == (0,) else new_shape  # old files say [0] for a scalar
    constant = source.constant("shape", np.array(new_shape, np.int32))
    return source.node(reshape, (source.input(0), constant))


@TFLITE_WRITER.of(reshape)
def write_reshape(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The shape goes into the file twice, as TFLite's converter does, where it is known.

    That of a scalar is an option only: LiteRT takes a tensor without bytes for one that is fed.
    """
    assert node.inputs[1] is not None
    value = types[node.inputs[1]].value
    options = {} if value is None else {"new_shape": tuple(int(n) for n in value)}
    scalar = value is not None and value.size == 0
    return TfliteRecord("RESHAPE", node.inputs[:1] if scalar else node.inputs, options)


@TFLITE.of("SQUEEZE")
def squeeze_of(source: TfliteOp) -> Node:
    """No axes in the file: all of size 1."""
    return source.node(squeeze, axes=tuple(source.options.get("squeeze_dims") or ()))


@TFLITE_WRITER.of(squeeze)
def write_squeeze(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same the other way."""
    axes = tuple(node.attributes.get("axes", ()))
    return TfliteRecord("SQUEEZE", node.inputs, {"squeeze_dims": axes})


@TFLITE.of("CONCATENATION")
def concatenation(source: TfliteOp) -> Node:
    """Fused activations are refused, as by TFLite's kernels (`concatenation.cc`)."""
    activation = source.options["fused_activation_function"]
    if activation != "NONE":
        raise UnsupportedError(
            f"operator {source.name}: activation {activation} of a concatenation"
        )
    return source.node(concat, axis=source.options["axis"])


@TFLITE_WRITER.of(concat)
def write_concat(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Join along an axis."""
    return TfliteRecord("CONCATENATION", node.inputs, {"axis": node.attributes["axis"]})


@TFLITE.of("PACK")
def pack_of(source: TfliteOp) -> Node:
    """The number of tensors is an option, too."""
    return source.node(pack, axis=source.options["axis"])


@TFLITE_WRITER.of(pack)
def write_pack(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same the other way."""
    options = {"axis": node.attributes.get("axis", 0), "values_count": len(node.inputs)}
    return TfliteRecord("PACK", node.inputs, options)


@TFLITE.of("SPLIT_V")
def split_v_of(source: TfliteOp) -> Node:
    """The number of parts is an option, too."""
    return source.node(split_v)


@TFLITE_WRITER.of(split_v)
def write_split_v(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same the other way."""
    return TfliteRecord("SPLIT_V", node.inputs, {"num_splits": len(node.outputs)})
