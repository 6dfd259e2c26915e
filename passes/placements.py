"""Where tensors lie: a transposition is not done, its result is a tensor that is read in another order of the axes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..ir import Array, Graph, Node, TensorType
from ..refimpl import shape
from ..refimpl.gather import gather
from .dataflow import kept

Perm = tuple[int, ...]


@dataclass(frozen=True)
class Placement:
    """Where a tensor is: its axis i is axis `perm[i]` of tensor `name`; None: they are the same.

    Of a matrix that is a flattened tensor, column j is column `columns[j]`.
    """

    name: str
    perm: Perm | None = None
    columns: Array | None = None


def composed(first: Perm | None, then: Perm) -> Perm | None:
    """Return the order of axes after two transpositions; None where it is the original one.

    >>> composed((0, 2, 3, 1), (0, 3, 1, 2)) is None
    True
    """
    perm = then if first is None else tuple(first[a] for a in then)
    return None if perm == tuple(range(len(perm))) else perm


def inverse(perm: Perm) -> Perm:
    """Return the transposition that undoes `perm`.

    >>> inverse((0, 2, 3, 1))
    (0, 3, 1, 2)
    """
    return tuple(int(a) for a in np.argsort(perm))


class Placements:
    """One walk over the nodes in execution order."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants: dict[str, Array] = dict(graph.constants)
        self.tensors: dict[str, TensorType] = dict(graph.tensors)
        self.placed: dict[str, Placement] = {}
        self.nodes: list[Node] = []
        self.wanted = kept(graph)
        self._plain: dict[str, str] = {}

    def where(self, name: str | None) -> Placement:
        """Return the placement of a tensor."""
        return self.placed.get(name or "", Placement(name or ""))

    def order(self, node: Node) -> Perm | None:
        """Return the order of the axes of all inputs that are no constants, where they have one in common."""
        found = [self.where(n) for n in node.inputs if n is not None and n not in self.constants]
        perms = {w.perm for w in found}
        return perms.pop() if len(perms) == 1 and all(w.columns is None for w in found) else None

    def constant(self, base: str, value: Array) -> str:
        """Enter a constant."""
        name = base
        while name in self.tensors or name in self.constants:
            name += "~"
        self.constants[name] = np.ascontiguousarray(value).reshape(value.shape)
        self.tensors[name] = TensorType.of(self.constants[name]).without_value()
        return name

    def whole(self, base: str, values: Any) -> str:
        """Enter whole numbers."""
        return self.constant(base, np.array(values, np.int32))

    def plain(self, name: str) -> str:
        """Return a tensor whose axes are in the order that `name` has."""
        where = self.where(name)
        if where.perm is None and where.columns is None:
            return where.name
        if name not in self._plain:
            label = f"{name}/reordered"
            if where.columns is not None:
                inputs = where.name, self.whole(f"{name}/columns", where.columns)
                self.nodes.append(Node(gather, inputs, (name,), {"axis": 1}, name=label))
            else:
                inputs = where.name, self.whole(f"{name}/perm", where.perm)
                self.nodes.append(Node(shape.transpose, inputs, (name,), name=label))
            self._plain[name] = name
        return name

    def emit(self, node: Node, perm: Perm | None = None) -> None:
        """Add a node on the inputs given; the axes of its results are to be read in the order `perm`."""
        names = []
        for name in node.outputs:
            own = name
            if perm is not None:
                own = f"{name}/turned"
                while own in self.tensors:
                    own += "~"
                type = self.tensors[name]
                self.tensors[own] = replace(type, shape=tuple(type.shape[a] for a in inverse(perm)))
                self.placed[name] = Placement(own, perm)
            names.append(own)
        self.nodes.append(replace(node, outputs=tuple(names)))

    def finish(self) -> Graph:
        """Return the graph, with what is wanted of it in the order that it had."""
        for name in self.graph.kept:
            other = self.plain(name)
            if other != name:  # transpositions that made none: it is another tensor
                self._call(other, name)
        nodes = needed(self.nodes, self.wanted)
        used = {n for node in nodes for n in (*node.inputs, *node.outputs) if n is not None}
        used |= {*self.graph.inputs, *self.graph.kept, *(s.tensor for s in self.graph.states)}
        return replace(
            self.graph,
            nodes=tuple(nodes),
            tensors={n: t for n, t in self.tensors.items() if n in used},
            constants={n: v for n, v in self.constants.items() if n in used},
        )

    def _call(self, other: str, name: str) -> None:
        """Give a tensor the name of the output that it is; where it is wanted by its own name, copy it."""
        made = any(other in node.outputs for node in self.nodes)
        if made and other not in self.wanted:
            self.nodes = [_renamed(node, other, name) for node in self.nodes]
            self.tensors[name] = self.tensors.pop(other)
            for key, where in self.placed.items():
                self.placed[key] = replace(where, name=name) if where.name == other else where
            return
        perm = self.whole(f"{name}/perm", range(len(self.tensors[name].shape)))
        self.nodes.append(Node(shape.transpose, (other, perm), (name,), name=name))


def _renamed(node: Node, old: str, new: str) -> Node:
    inputs = tuple(new if n == old else n for n in node.inputs)
    return replace(node, inputs=inputs, outputs=tuple(new if n == old else n for n in node.outputs))


def needed(nodes: Iterable[Node], wanted: Iterable[str]) -> list[Node]:
    """Return the nodes that wanted tensors depend on, and those without results."""
    names, found = set(wanted), []
    for node in reversed(list(nodes)):
        if not node.outputs or names & set(node.outputs):
            found.append(node)
            names |= {n for n in node.inputs if n is not None}
    return found[::-1]
