"""Join products with what scales, shifts and adds to their results: batch normalisation, biases, residuals."""

from __future__ import annotations

from collections.abc import Mapping

from ..ir import Graph, Node
from ..refimpl.binary import add
from ..refimpl.conv import conv2d
from ..refimpl.fused import fused
from ..refimpl.matmul import fully_connected
from ..refimpl.native_half import ORDERS
from .chain import CHANNEL_AXIS, SCALING, SHIFTING, is_factor, join, operand_beside, read_chain
from .dataflow import is_plain_float, maker_of, only_reader, readers_of, types_of, with_nodes

ADDED_TO = (conv2d, fully_connected)  # products whose kernels may add a tensor


def fuse_sums(graph: Graph) -> Graph:
    """Return the graph with each chain of a product, numbers a channel, and a residual as one node.

    All of it is float32, or all float16, whose roundings between the nodes a kernel need not make.

    The node stands where the chain ended. Of two products that are added the later one takes the other's result.
    """
    readers, makers = readers_of(graph), maker_of(graph)
    place = {id(node): i for i, node in enumerate(graph.nodes)}
    changed: dict[int, Node | None] = {}
    for i, original in enumerate(graph.nodes):
        node = changed.get(i, original)
        if node is None or not _is_open(graph, node):
            continue
        after = only_reader(graph, readers, original)
        if after is None or place[id(after)] in changed:
            continue
        if _joins(graph, node, after, makers, place):
            changed[i] = None
            changed[place[id(after)]] = join(node, after, types_of(graph))
    return with_nodes(graph, changed)


def _is_open(graph: Graph, node: Node) -> bool:
    """Whether a node is a product, or a chain, that nothing has been added to and that does not clamp yet."""
    if node.op is fused:
        chain = read_chain(node.attributes["body"], graph.constants)
        return chain is not None and chain.residual is None and chain.activation == "none"
    if node.dialect in ORDERS:
        return False  # its order of additions has no place for a tensor
    plain = node.attributes.get("activation", "none") == "none"
    return (
        node.op in CHANNEL_AXIS and plain and is_plain_float(graph, (*node.inputs, *node.outputs))
    )


def _joins(
    graph: Graph, node: Node, after: Node, makers: Mapping[str, Node], place: Mapping[int, int]
) -> bool:
    """Whether `after` scales or shifts the channels of `node`, or adds a tensor of its shape that is made before."""
    result = node.outputs[0]
    other = operand_beside(after, result)
    if other is None or not is_plain_float(graph, (other, *after.outputs)):
        return False
    if graph.tensors[result].shape != graph.tensors[after.outputs[0]].shape:
        return False
    head = node.attributes["body"].nodes[0] if node.op is fused else node
    if is_factor(head, graph, other):
        return True
    if after.op is not add or head.op not in ADDED_TO or other in graph.constants:
        return False
    maker = makers.get(other)
    later = maker is not None and place[id(maker)] > place[id(makers[result])]
    better = later and maker is not None and maker.op in (*CHANNEL_AXIS, *SCALING, *SHIFTING)
    return not better and graph.tensors[other].shape == graph.tensors[result].shape
