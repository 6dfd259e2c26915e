"""Compute at once what depends on constants alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..ir import Array, Graph, LitegoldError, Node, TensorType
from .dataflow import type_of

# evaluate(node, types of its inputs, their values) -> its results, or None where it has no reference.
Evaluate = Callable[
    [Node, Sequence[TensorType | None], Sequence[Array | None]], tuple[Array, ...] | None
]


def fold_constants(graph: Graph, evaluate: Evaluate) -> Graph:
    """Return the graph without the nodes that `evaluate` could run on constants; its results are constants.

    A node that fails stays, and fails where the network runs.
    """
    known = replace(graph, constants=dict(graph.constants))
    constants: dict[str, Array] = known.constants  # type: ignore[assignment]
    nodes = []
    for node in graph.nodes:
        names = [n for n in node.inputs if n is not None]
        results = None
        if names and all(n in constants for n in names):
            types = [None if n is None else type_of(known, n) for n in node.inputs]
            args = [None if n is None else constants[n] for n in node.inputs]
            try:
                results = evaluate(node, types, args)
            except LitegoldError:
                results = None
        if results is None:
            nodes.append(node)
        else:
            constants.update(zip(node.outputs, results, strict=True))
    return replace(known, nodes=tuple(nodes))
