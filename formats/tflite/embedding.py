"""TFLite's operators that look things up, and those on strings; of SmartReply, custom ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

from ...ir import FormatError, Node, TensorType, UnsupportedError
from ...refimpl.embedding import custom_predict, hashtable_lookup, lsh_projection
from ...refimpl.packed import custom_extract_features, custom_normalize, skip_gram
from .alike import alike
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord, custom

alike("HASHTABLE_LOOKUP", hashtable_lookup)


@TFLITE.of("LSH_PROJECTION")
def lsh_projection_of(source: TfliteOp) -> Node:
    """The kind is told by name."""
    kind = str(source.options["type"]).lower()
    if kind not in ("sparse", "dense"):
        raise UnsupportedError(f"a projection of type {kind}")
    return source.node(lsh_projection, kind=kind)


@TFLITE_WRITER.of(lsh_projection)
def write_lsh_projection(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same."""
    kind = node.attributes.get("kind", "dense").upper()
    return TfliteRecord("LSH_PROJECTION", node.inputs, {"type": kind})


@TFLITE.of("SKIP_GRAM")
def skip_gram_of(source: TfliteOp) -> Node:
    """The same."""
    return source.node(
        skip_gram,
        size=source.options["ngram_size"],
        max_skip=source.options["max_skip_size"],
        include_all=bool(source.options["include_all_ngrams"]),
    )


@TFLITE_WRITER.of(skip_gram)
def write_skip_gram(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """The same."""
    a = {**skip_gram.attributes, **node.attributes}
    options = {
        "ngram_size": a["size"],
        "max_skip_size": a["max_skip"],
        "include_all_ngrams": a["include_all"],
    }
    texts = tuple(filter(None, (*node.inputs, *node.outputs)))
    return TfliteRecord("SKIP_GRAM", node.inputs, options, texts=texts)


@TFLITE.of(custom("Normalize"))
def custom_normalize_of(source: TfliteOp) -> Node:
    """The same."""
    return source.node(custom_normalize)


@TFLITE.of(custom("ExtractFeatures"))
def custom_extract_features_of(source: TfliteOp) -> Node:
    """The same."""
    return source.node(custom_extract_features)


@TFLITE.of(custom("Predict"))
def custom_predict_of(source: TfliteOp) -> Node:
    """Its options are a count, int32, and a threshold, float32."""
    if len(source.custom) != 8:
        raise FormatError(f"{len(source.custom)} bytes of options; a count and a threshold take 8")
    count, threshold = struct.unpack("<if", source.custom)
    return source.node(custom_predict, count=count, threshold=threshold)


@TFLITE_WRITER.of(custom_normalize, custom_extract_features, custom_predict)
def write_custom(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Write the operators of SmartReply."""
    inputs = tuple(filter(None, node.inputs))
    if node.op is custom_predict:
        threshold = np.float32(node.attributes["threshold"])
        stored = struct.pack("<if", node.attributes["count"], threshold)
        return TfliteRecord("Predict", inputs, custom=stored)
    if node.op is custom_normalize:
        return TfliteRecord("Normalize", inputs, custom=b"", texts=(*inputs, *node.outputs))
    return TfliteRecord("ExtractFeatures", inputs, custom=b"", texts=inputs)
