"""Fold a factor and a summand for each channel into the weights and the bias before them (batch normalization)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ..ir import Array, Graph, Node, Op, TensorType
from ..refimpl.binary import add, mul
from ..refimpl.conv import conv2d, depthwise_conv2d
from ..refimpl.matmul import fully_connected
from .dataflow import is_plain_float, only_reader, readers_of

# The axis of the weights that the output's channels are.
CHANNEL_AXIS: Final[dict[Op[..., Any], int]] = {conv2d: 0, depthwise_conv2d: 3, fully_connected: 0}


def fold_scales(graph: Graph) -> Graph:
    """Return the graph with chains of constant factors and summands folded into the layer before them.

    The constants are found in float64 and rounded once: results differ by roundings of the weights.
    """
    readers, constants = readers_of(graph), dict(graph.constants)
    tensors: dict[str, TensorType] = dict(graph.tensors)
    made: dict[int, Node] = {}
    gone: set[int] = set()
    for node in graph.nodes:
        chain = [] if id(node) in gone else list(_chain(graph, readers, node))
        if chain:
            made[id(node)] = _folded(graph, node, chain, constants, tensors)
            gone |= {id(n) for n, _ in chain}
    nodes = tuple(made.get(id(n), n) for n in graph.nodes if id(n) not in gone)
    used = {n for node in nodes for n in node.inputs if n is not None} | set(graph.outputs)
    return replace(
        graph,
        nodes=nodes,
        tensors=tensors,
        constants={n: v for n, v in constants.items() if n in used},
    )


def _chain(graph: Graph, readers: Any, node: Node) -> Iterator[tuple[Node, Array]]:
    """Yield the nodes after a layer that can be folded, each with its constant for each channel."""
    if node.op not in CHANNEL_AXIS or not is_plain_float(graph, (*node.inputs, *node.outputs)):
        return
    weights = graph.constants.get(node.inputs[1] or "")
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if weights is None or (bias is not None and bias not in graph.constants):
        return
    channels, here = weights.shape[CHANNEL_AXIS[node.op]], node
    while here.attributes.get("activation", "none") == "none":
        after = only_reader(graph, readers, here)
        if after is None or after.op not in (mul, add):
            return
        sides = [n for n in after.inputs if n != here.outputs[0]]
        value = graph.constants.get(sides[0] or "") if len(sides) == 1 else None
        rank = len(graph.tensors[here.outputs[0]].shape)
        if value is None or value.ndim > rank or value.size not in (1, channels):
            return
        if value.size > 1 and value.shape[-1] != channels:
            return
        yield after, np.broadcast_to(value.reshape(-1).astype(np.float64), (channels,))
        here = after


def _folded(
    graph: Graph,
    node: Node,
    chain: list[tuple[Node, Array]],
    constants: dict[str, Array],
    tensors: dict[str, TensorType],
) -> Node:
    weights, axis = graph.constants[node.inputs[1] or ""].astype(np.float64), CHANNEL_AXIS[node.op]
    channels = weights.shape[axis]
    given = node.inputs[2] if len(node.inputs) > 2 else None
    bias = np.zeros(channels) if given is None else graph.constants[given].astype(np.float64)
    spread = [-1 if a == axis else 1 for a in range(weights.ndim)]
    with np.errstate(all="ignore"):
        for after, value in chain:
            if after.op is mul:
                weights, bias = weights * value.reshape(spread), bias * value
            else:
                bias = bias + value
        new = {"weights": weights.astype(np.float32), "bias": bias.astype(np.float32)}
    names = []
    for kind, value in new.items():
        name = f"{chain[-1][0].outputs[0]}/{kind}"
        while name in tensors or name in constants:
            name += "~"
        constants[name], tensors[name] = value, TensorType.of(value).without_value()
        names.append(name)
    last = chain[-1][0]
    attributes = {**node.attributes}
    if last.attributes.get("activation", "none") != "none":
        attributes["activation"] = last.attributes["activation"]
    return replace(
        node, inputs=(node.inputs[0], *names), outputs=last.outputs, attributes=attributes
    )
