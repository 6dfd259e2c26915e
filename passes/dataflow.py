"""Who makes a tensor, who reads it, and which tensors must survive a rewrite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..ir import Array, Graph, Node, TensorType


def maker_of(graph: Graph) -> dict[str, Node]:
    """Return the node that makes each computed tensor."""
    return {name: node for node in graph.nodes for name in node.outputs}


def readers_of(graph: Graph) -> Mapping[str, list[Node]]:
    """Return the nodes that read each tensor, once for every time that they do."""
    readers = defaultdict[str, list[Node]](list)
    for node in graph.nodes:
        for name in node.inputs:
            if name is not None:
                readers[name].append(node)
    return readers


def kept(graph: Graph) -> frozenset[str]:
    """Return the tensors that are wanted outside of the nodes."""
    return frozenset(graph.kept)


def only_reader(graph: Graph, readers: Mapping[str, list[Node]], node: Node) -> Node | None:
    """Return the one node that reads the one output of `node`, once; None where there are others."""
    if len(node.outputs) != 1 or node.outputs[0] in kept(graph):
        return None
    found = readers.get(node.outputs[0], [])
    return found[0] if len(found) == 1 else None


def is_plain_float(graph: Graph, names: Iterable[str | None]) -> bool:
    """Whether all these tensors are declared as float32, or all as float16, that stands for nothing else."""
    types = [type_of(graph, n) for n in names if n is not None]
    formats = {t.format if t is not None and t.quant is None else "" for t in types}
    return formats <= {"f32"} or formats == {"f16"}


def type_of(graph: Graph, name: str) -> TensorType | None:
    """Return what the graph says of a tensor; a constant says it itself."""
    declared = graph.tensors.get(name)
    value: Array | None = graph.constants.get(name)
    if value is not None:
        return TensorType.of(value, declared.quant if declared else None)
    return declared


def types_of(graph: Graph) -> dict[str, TensorType]:
    """Return the types of all tensors, constants among them, without values."""
    constants = {n: TensorType.of(v).without_value() for n, v in graph.constants.items()}
    return {**constants, **graph.tensors}


def with_nodes(graph: Graph, changed: Mapping[int, Node | None]) -> Graph:
    """Return the graph with the nodes at some positions replaced, or left out for None."""
    nodes = [changed.get(i, node) for i, node in enumerate(graph.nodes)]
    return replace(graph, nodes=tuple(n for n in nodes if n is not None))
