"""The chains that fusion makes: a product, numbers a channel that scale and shift it, a tensor added, a clamp."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from ..ir import Graph, Node, TensorType
from ..refimpl.binary import add, mul, sub
from ..refimpl.conv import conv2d, depthwise_conv2d
from ..refimpl.fused import fused
from ..refimpl.matmul import fully_connected

# What heads a chain, and the axis of its weights along which its output channels lie.
CHANNEL_AXIS = {conv2d: 0, depthwise_conv2d: 3, fully_connected: 0}
SCALING = (mul,)
SHIFTING = (add, sub)


@dataclass(frozen=True)
class Chain:
    """A body in the order in which it computes.

    Attributes:
        head: the product.
        factors: `mul`, `add` and `sub` nodes, each with the name of its operand of one number a channel.
        residual: the tensor that is added then, or None.
        activation: the clamp at the end.
    """

    head: Node
    factors: tuple[tuple[Node, str], ...]
    residual: str | None
    activation: str


def join(first: Node, second: Node, tensors: Mapping[str, TensorType]) -> Node:
    """Return one node for `first` and the node that alone reads its result; either may be a chain already."""
    return join_all((*_nodes(first), *_nodes(second)), tensors)


def join_all(nodes: Sequence[Node], tensors: Mapping[str, TensorType]) -> Node:
    """Return one node for nodes of which the last gives the results, and alone reads those of the others."""
    last = nodes[-1]
    made = {n for node in nodes for n in node.outputs}
    read = [n for node in nodes for n in node.inputs if n is not None and n not in made]
    inputs = tuple(dict.fromkeys(read))
    types = {n: tensors[n] for n in (*inputs, *made) if n in tensors}
    body = Graph(tuple(nodes), inputs, last.outputs, types)
    name = "+".join(n.name for n in nodes)
    return Node(fused, inputs, last.outputs, {"body": body}, name, last.dialect)


def _nodes(node: Node) -> tuple[Node, ...]:
    return node.attributes["body"].nodes if node.op is fused else (node,)


def read_chain(body: Graph, known: Container[str]) -> Chain | None:
    """Return what a body computes, where it is a chain in which each node reads the one before.

    Of its inputs those in `known` are constants.
    """
    head, *after = body.nodes
    if head.op not in CHANNEL_AXIS or body.outputs != body.nodes[-1].outputs:
        return None
    factors, residual, activation = list[tuple[Node, str]](), None, _activation(head)
    for before, node in zip(body.nodes, after, strict=False):
        other = operand_beside(node, before.outputs[0])
        if other is None or residual is not None or activation != "none":
            return None
        activation = _activation(node)
        channels = _channels(body, head)
        if other in known and _is_per_channel(body.tensors.get(other), channels):
            factors.append((node, other))
        elif node.op is add:
            residual = other
        else:
            return None
    return Chain(head, tuple(factors), residual, activation)


def operand_beside(node: Node, name: str) -> str | None:
    """Return the other operand of an `add`, `mul`, or of a `sub` from `name`; None for all else."""
    if node.op not in (*SCALING, *SHIFTING) or node.inputs.count(name) != 1:
        return None
    first, second = node.inputs
    if second == name:
        return None if node.op is sub else first
    return second


def _channels(body: Graph, head: Node) -> int:
    w = body.tensors.get(head.inputs[1] or "")
    return w.shape[CHANNEL_AXIS[head.op]] if w is not None else -1


def _is_per_channel(t: TensorType | None, channels: int) -> bool:
    """Whether a tensor is one number, or one for each channel along the last axis."""
    return t is not None and (t.size == 1 or (t.size == channels == t.shape[-1]))


def _activation(node: Node) -> str:
    return str(node.attributes.get("activation", "none"))


def is_factor(head: Node, graph: Graph, other: str) -> bool:
    """Whether the tensor `other` is a constant with one number, or one for each channel of `head`."""
    value, w = graph.constants.get(other), graph.constants.get(head.inputs[1] or "")
    if value is None or w is None or value.ndim > len(graph.tensors[head.outputs[0]].shape):
        return False
    return _is_per_channel(TensorType.of(value), w.shape[CHANNEL_AXIS[head.op]])
