"""Join a concatenation along the channels with the convolutions that make its parts."""

from __future__ import annotations

from collections.abc import Mapping

from ..ir import Graph, Node
from ..refimpl.conv import conv2d
from ..refimpl.join import concat
from .chain import join_all
from .dataflow import is_plain_float, maker_of, only_reader, readers_of, types_of, with_nodes


def fuse_concats(graph: Graph) -> Graph:
    """Return the graph with convolutions of floats inside of the node that puts their channels side by side.

    A kernel may then write them where they belong. Nothing is computed otherwise, no bit changes.
    """
    readers, makers, types = readers_of(graph), maker_of(graph), types_of(graph)
    place = {id(node): i for i, node in enumerate(graph.nodes)}
    changed: dict[int, Node | None] = {}
    for i, node in enumerate(graph.nodes):
        if node.op is not concat or not _is_last_axis(graph, node):
            continue
        parts = [
            made
            for n in node.inputs
            if (made := makers.get(n or "")) is not None
            and made.op is conv2d
            and only_reader(graph, readers, made) is node
            and is_plain_float(graph, (*made.inputs, *made.outputs))
            and types[made.outputs[0]].format in ("f32", "f16")
        ]
        if parts:
            changed |= {place[id(made)]: None for made in parts}
            changed[i] = join_all((*parts, node), types)
    return with_nodes(graph, changed)


def _is_last_axis(graph: Graph, node: Node) -> bool:
    out = graph.tensors.get(node.outputs[0])
    return out is not None and node.attributes["axis"] in (-1, len(out.shape) - 1)


def parts_of(body: Graph) -> tuple[Mapping[str, Node], Node] | None:
    """Return the nodes that make parts, by their results, and the `concat` of a body that ends in one; else None."""
    *parts, last = body.nodes
    if last.op is not concat or any(p.op is not conv2d for p in parts):
        return None
    return {p.outputs[0]: p for p in parts}, last
