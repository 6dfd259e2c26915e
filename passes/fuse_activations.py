"""Make an activation an attribute of the node that it follows."""

from __future__ import annotations

from dataclasses import replace

from ..ir import Graph, Node
from ..refimpl.activation import ACTIVATIONS
from .dataflow import is_plain_float, only_reader, readers_of, with_nodes


def takes_activation(node: Node) -> bool:
    """Whether the node has one result, and clamps it as the last thing it does; it does not clamp yet."""
    attributes = {**node.op.attributes, **node.attributes}
    free = node.op.attributes.get("activation") == attributes.get("activation") == "none"
    return free and len(node.outputs) == 1


def fuse_activations(graph: Graph) -> Graph:
    """Return the graph with each relu, relu6 or relu_n1_to_1 inside of the float node before it, where it can be.

    No bit changes: a clamp to numbers of the format gives the same before and after rounding.
    """
    readers = readers_of(graph)
    place = {node.outputs[0]: i for i, node in enumerate(graph.nodes) if node.outputs}
    changed: dict[int, Node | None] = {}
    for node in graph.nodes:
        after = only_reader(graph, readers, node)
        if after is None or after.op.__name__ not in ACTIVATIONS or not takes_activation(node):
            continue
        if is_plain_float(graph, (*node.inputs, *node.outputs, *after.outputs)):
            attributes = {**node.attributes, "activation": after.op.__name__}
            changed[place[node.outputs[0]]] = None
            # in the place of the activation: what has been read there was made before
            changed[place[after.outputs[0]]] = replace(
                node, outputs=after.outputs, attributes=attributes
            )
    return with_nodes(graph, changed)
