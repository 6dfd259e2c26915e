"""A float32 network as an 8-bit one, to be timed: ranges come from one run of the oracle, nothing is tuned.

The scheme is TFLite's: activations int8 with a scale and a zero point a tensor, weights int8 symmetric with a scale a
filter, biases int32. How accurate the result is does not matter here, but that its kernels do the work that a
network has: its values use the range that they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from litegold.conformance.inputs import random_feeds
from litegold.ir import FORMATS, Array, Graph, Node, Op, QuantParams, TensorType, UnsupportedError
from litegold.refimpl.binary import add
from litegold.refimpl.conv import conv2d, depthwise_conv2d
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.pool import max_pool2d
from litegold.refimpl.reduce import mean
from litegold.refimpl.shape import reshape
from litegold.refimpl.softmax import softmax
from litegold.runtime.interpreter import interpret

S8, S32 = FORMATS["s8"], FORMATS["s32"]
# The axis of the weights along which each filter has a scale of its own.
WEIGHTED: Mapping[Op[..., Any], int] = {conv2d: 0, depthwise_conv2d: 3, fully_connected: 0}
KEEPS_SCALE = {max_pool2d, reshape}  # they move numbers
PROBABILITIES = QuantParams((1 / 256,), (-128,))


def affine(values: Array) -> QuantParams:
    """Return the scale and zero point that map the range of `values`, with 0, to -128 ... 127."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = float(np.float32(max(high - low, 1e-6) / 255))
    return QuantParams((scale,), (int(np.clip(round(-128 - low / scale), -128, 127)),))


@dataclass
class _Quantizing:
    """The 8-bit network that comes about, and the values of the float32 one."""

    graph: Graph
    values: Mapping[str, Array]
    tensors: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)

    def activation(self, name: str, quant: QuantParams) -> None:
        """Enter a tensor as int8."""
        self.tensors[name] = TensorType(self.values[name].shape, S8, quant)

    def filters(self, node: Node, axis: int) -> None:
        """Enter weights, and a bias in the scale of the products."""
        x, w, *rest = node.inputs
        assert x is not None and w is not None
        values = self.values[w]
        others = tuple(a for a in range(values.ndim) if a != axis)
        size = np.maximum(np.abs(values).max(axis=others), 1e-9)
        scales = (size / 127).astype(np.float32)
        shape = [-1 if a == axis else 1 for a in range(values.ndim)]
        quant = QuantParams(tuple(map(float, scales)), (0,) * len(scales), axis)
        self.constants[w] = np.round(values / scales.reshape(shape)).astype(np.int8)
        self.tensors[w] = TensorType(values.shape, S8, quant)
        for bias in rest:
            if bias is not None:
                self.bias(bias, self.tensors[x], scales)

    def bias(self, name: str, x: TensorType, scales: Array) -> None:
        """Enter a bias as int32."""
        assert x.quant is not None
        steps = (scales * np.float32(x.quant.scale[0])).astype(np.float32)
        self.constants[name] = np.round(self.values[name] / steps.astype(np.float64)).astype(S32)
        zeros = (0,) * len(scales)
        quant = QuantParams(tuple(map(float, steps)), zeros, 0)
        self.tensors[name] = TensorType(self.values[name].shape, S32, quant)

    def node(self, node: Node) -> None:
        """Enter what a node reads and makes."""
        (y,), x = node.outputs, node.inputs[0]
        assert x is not None
        if node.op in WEIGHTED:
            self.filters(node, WEIGHTED[node.op])
        elif node.op in (mean, reshape):
            for name in node.inputs[1:]:
                if name is not None:
                    self.constants[name] = self.values[name]
                    self.tensors[name] = self.graph.tensors[name]
        elif node.op not in (add, max_pool2d, softmax):
            raise UnsupportedError(f"{node}: no 8-bit form is made of it here")
        own = PROBABILITIES if node.op is softmax else affine(self.values[y])
        before = self.tensors[x].quant
        self.activation(y, before if node.op in KEEPS_SCALE and before is not None else own)


def quantized(graph: Graph, seed: int = 0) -> Graph:
    """Return the 8-bit network of a float32 one of convolutions, sums, pools and fully connected layers."""
    feeds = random_feeds(graph, seed)
    made = _Quantizing(graph, interpret(graph, feeds))
    for name in graph.inputs:
        made.activation(name, affine(feeds[name]))
    for node in graph.nodes:
        made.node(node)
    return replace(graph, tensors=made.tensors, constants=made.constants, name=f"{graph.name} int8")
