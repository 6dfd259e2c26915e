"""A float32 network as a full-integer one in TFLite's scheme, given the ranges of its tensors.

Activations are int8 with a scale and a zero point a tensor, weights int8 and symmetric with a scale for each output
channel, biases int32 in the scale of the products. Inputs and outputs are int8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ..ir import FORMATS, Array, Graph, Node, Op, QuantParams, TensorType, UnsupportedError
from ..refimpl.activation import hard_swish, logistic, relu, relu6, relu_n1_to_1, tanh
from ..refimpl.binary import add, mul, sub
from ..refimpl.conv import conv2d, depthwise_conv2d
from ..refimpl.join import concat
from ..refimpl.matmul import fully_connected
from ..refimpl.pool import avg_pool2d, max_pool2d
from ..refimpl.reduce import mean
from ..refimpl.shape import expand_dims, reshape, squeeze, transpose
from ..refimpl.softmax import softmax
from ..refimpl.window import slice, strided_slice
from .calibration import Range, affine, joined

Key = Op[..., Any]
# The axis of the weights that the output's channels are.
CHANNEL_AXIS: Final[Mapping[Key, int]] = {conv2d: 0, depthwise_conv2d: 3, fully_connected: 0}
# What moves numbers, or chooses among them: all its tensors share one quantization.
SHARING: Final[tuple[Key, ...]] = (
    *(
        max_pool2d,
        avg_pool2d,
        concat,
        reshape,
        squeeze,
        expand_dims,
        transpose,
        slice,
        strided_slice,
    ),
)
# What has a quantization of its own for each result.
OWN: Final[tuple[Key, ...]] = (add, sub, mul, mean, relu, relu6, relu_n1_to_1, hard_swish)
# What TFLite prescribes.
PRESCRIBED: Final[Mapping[Key, QuantParams]] = {
    softmax: QuantParams((1 / 256,), (-128,)),
    logistic: QuantParams((1 / 256,), (-128,)),
    tanh: QuantParams((1 / 128,), (0,)),
}
LARGEST: Final = 127  # of weights: -128 is not used, so that they are symmetric
LEAST_SCALE: Final = 1e-9
S8, S32 = FORMATS["s8"], FORMATS["s32"]


def quantize_graph(graph: Graph, ranges: Mapping[str, Range]) -> Graph:
    """Return the network with int8 tensors; `ranges` are those of `quant.calibration.observe`.

    Raises:
        UnsupportedError: a node has no int8 form in the scheme, or its weights are no constants.
    """
    if graph.states:
        raise UnsupportedError("networks with states have no full-integer form here")
    made = _Quantizing(graph, _shared(graph, ranges))
    for name in graph.inputs:
        made.activation(name)
    for node in graph.nodes:
        made.node(node)
    kept = {
        n: t for n, t in graph.tensors.items() if n in graph.constants and n not in made.tensors
    }
    used = {n for node in made.nodes for n in node.inputs if n is not None}
    constants = {n: v for n, v in {**graph.constants, **made.constants}.items() if n in used}
    tensors = {n: t for n, t in {**kept, **made.tensors}.items() if n in constants or n not in kept}
    return replace(
        graph,
        nodes=tuple(made.nodes),
        tensors=tensors,
        constants=constants,
        name=f"{graph.name}_int8" if graph.name else "",
    )


def _is_real(graph: Graph, name: str | None) -> bool:
    return name is not None and graph.tensors[name].format == "f32"


def _shared(graph: Graph, ranges: Mapping[str, Range]) -> dict[str, QuantParams]:
    """Return the quantization of each activation; tensors that share one have what holds the ranges of all."""
    leader = {name: name for name in graph.tensors}

    def lead(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for node in graph.nodes:
        if node.op in SHARING:
            first, *rest = (n for n in (*node.inputs, *node.outputs) if n and _is_real(graph, n))
            for name in rest:
                leader[lead(name)] = lead(first)
    groups: dict[str, Range] = {}
    for name, own in ranges.items():
        if name in leader:
            groups[lead(name)] = joined(groups.get(lead(name), own), own)
    found = {name: affine(groups[lead(name)]) for name in leader if lead(name) in groups}
    fixed = {lead(n.outputs[0]): PRESCRIBED[n.op] for n in graph.nodes if n.op in PRESCRIBED}
    return found | {name: fixed[lead(name)] for name in leader if lead(name) in fixed}


@dataclass
class _Quantizing:
    """The int8 network that comes about."""

    graph: Graph
    quants: Mapping[str, QuantParams]
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)

    def activation(self, name: str) -> str:
        """Enter a tensor as int8; a constant is rounded to it."""
        if name not in self.quants:
            raise UnsupportedError(f"tensor {name!r} was not observed; calibrate with all tensors")
        quant = self.quants[name]
        self.tensors[name] = TensorType(self.graph.tensors[name].shape, S8, quant)
        value = self.graph.constants.get(name)
        if value is not None:
            steps = np.rint(value.astype(np.float64) / quant.scale[0]) + quant.zero_point[0]
            self.constants[name] = np.clip(steps, -128, 127).astype(np.int8)
        return name

    def node(self, node: Node) -> None:
        """Enter a node with what it reads and makes."""
        if node.op in CHANNEL_AXIS:
            node = self.weighted(node)
        elif node.op in (*SHARING, *OWN, *PRESCRIBED):
            for name in node.inputs:
                if name is not None and name in self.graph.constants and _is_real(self.graph, name):
                    self.activation(name)
        else:
            raise UnsupportedError(f"{node} has no int8 form here")
        for name in node.outputs:
            self.activation(name)
        self.nodes.append(node)

    def weighted(self, node: Node) -> Node:
        """Enter weights with a scale a channel, and the bias in the scale of the products."""
        x, w, *rest = node.inputs
        bias, stored = rest[0] if rest else None, self.graph.constants
        if x is None or w is None or w not in stored or (bias and bias not in stored):
            raise UnsupportedError(f"{node}: weights and bias are no constants")
        values, axis = stored[w], CHANNEL_AXIS[node.op]
        others = tuple(a for a in range(values.ndim) if a != axis)
        size = np.maximum(np.abs(values).max(axis=others), LEAST_SCALE)
        scales = (size / LARGEST).astype(np.float32)
        spread = [-1 if a == axis else 1 for a in range(values.ndim)]
        steps = np.rint(values.astype(np.float64) / scales.astype(np.float64).reshape(spread))
        weights = self.enter(
            w,
            np.clip(steps, -LARGEST, LARGEST).astype(np.int8),
            _per_channel(scales, axis),
        )
        names: list[str | None] = [x, weights]
        quant = self.tensors[x].quant
        if bias is not None and quant is not None:
            products = (scales * np.float32(quant.scale[0])).astype(np.float32)
            most = np.iinfo(np.int32)
            sums = np.clip(np.rint(stored[bias] / products.astype(np.float64)), most.min, most.max)
            quant = _per_channel(products, 0)
            names.append(self.enter(bias, sums.astype(np.int32), quant))
        return replace(node, inputs=tuple(names))

    def enter(self, own: str, value: Array, quant: QuantParams) -> str:
        """Enter a constant in place of `own`; under a name near it, where another node needs that otherwise."""
        type, name = TensorType(value.shape, value.dtype, quant), own
        while name in self.tensors or (name != own and name in self.graph.tensors):
            if self.tensors.get(name) == type and np.array_equal(self.constants[name], value):
                return name
            name += "~"
        self.constants[name], self.tensors[name] = value, type
        return name


def _per_channel(scales: Array, axis: int) -> QuantParams:
    return QuantParams(tuple(map(float, scales)), (0,) * len(scales), axis)
