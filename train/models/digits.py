"""A convolutional classifier with one layer of learned filters and a linear head."""

from __future__ import annotations

import numpy as np

from ...ir import Array, Graph, Node, TensorType
from ...refimpl.conv import conv2d
from ...refimpl.matmul import fully_connected
from ...refimpl.pool import max_pool2d
from ...refimpl.shape import reshape
from ...refimpl.softmax import softmax


def filter_features(filters: Array, bias: Array, size: int) -> Graph:
    """Build conv 3x3 + ReLU + 2x2 maximum over grey pictures (1, size, size, 1), flattened.

    Inputs: `filters` (O, 3, 3, 1), `bias` (O,), float32.
    """
    count, half = len(filters), size // 2
    tensors = {
        "pixels": TensorType((1, size, size, 1)),
        "filtered": TensorType((1, size, size, count)),
        "pooled": TensorType((1, half, half, count)),
        "features": TensorType((1, half * half * count)),
    }
    constants = {"filters": filters, "bias": bias, "flat": np.array([1, half * half * count], "i4")}
    nodes = (
        Node(
            conv2d,
            ("pixels", "filters", "bias"),
            ("filtered",),
            {"pad": (1, 1, 1, 1), "activation": "relu"},
            name="filter",
        ),
        Node(
            max_pool2d,
            ("filtered",),
            ("pooled",),
            {"kernel": (2, 2), "stride": (2, 2)},
            name="pool",
        ),
        Node(reshape, ("pooled", "flat"), ("features",), name="flatten"),
    )
    tensors |= {name: TensorType(a.shape, a.dtype) for name, a in constants.items()}
    return Graph(nodes, ("pixels",), ("features",), tensors, constants, name="features")


def with_head(features: Graph, weights: Array, bias: Array) -> Graph:
    """Append a fully connected layer, `weights` (classes, features), and a softmax."""
    constants = {"weights": weights, "class_bias": bias}
    tensors = {
        "scores": TensorType((1, len(weights))),
        "probabilities": TensorType((1, len(weights))),
    }
    tensors |= {name: TensorType(a.shape, a.dtype) for name, a in constants.items()}
    nodes = (
        Node(
            fully_connected, (*features.outputs, "weights", "class_bias"), ("scores",), name="head"
        ),
        Node(softmax, ("scores",), ("probabilities",), name="softmax"),
    )
    return Graph(
        (*features.nodes, *nodes),
        features.inputs,
        ("probabilities",),
        {**features.tensors, **tensors},
        {**features.constants, **constants},
        name="digits",
    )
