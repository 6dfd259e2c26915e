"""The passes in the order in which a session applies them."""

from __future__ import annotations

from ..ir import Graph
from .fold_constants import Evaluate, fold_constants
from .fold_pads import fold_pads
from .fuse_activations import fuse_activations
from .fuse_concats import fuse_concats
from .fuse_sums import fuse_sums

PASSES = (fold_pads, fuse_activations, fuse_sums, fuse_concats)


def rewrite(graph: Graph, evaluate: Evaluate | None = None) -> Graph:
    """Return a graph that computes the same bits in fewer nodes; tensors that remain keep their names.

    With `evaluate` what depends on constants alone is computed first.
    """
    if evaluate is not None:
        graph = fold_constants(graph, evaluate)
    for rewrites in PASSES:
        graph = rewrites(graph)
    return graph
