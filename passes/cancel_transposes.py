"""Move transpositions behind what can work on any order of the axes, until they meet their opposites.

A transposition is not done where it stands: its result is a *placement*, the name of a tensor and the order in
which its axes are read. A node that has a rule here works on the tensor as it lies; any other has its inputs
reordered first. Filters are channels last and readers of channels-first formats put a transposition on either side of
each convolution: of those nothing is left in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..ir import Array, Graph, Node, Op, TensorType
from ..refimpl import channel, join, shape, window
from ..refimpl.affine import dequantize_linear, quantize_linear
from ..refimpl.gather import gather
from ..refimpl.matmul import fully_connected
from ..refimpl.recurrent import lstm
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

    def add(self, node: Node) -> None:
        """Take in the next node."""
        rule = RULES.get(node.op) or KINDS.get(node.op.axes)
        turned = any(n in self.placed for n in node.inputs)
        if rule is None or not (turned or node.op is shape.transpose) or not rule(self, node):
            self.emit(
                replace(node, inputs=tuple(n if n is None else self.plain(n) for n in node.inputs))
            )

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


def transposition(work: Placements, node: Node) -> bool:
    """Do nothing: only the order of the axes is another one."""
    perm, where = work.constants.get(node.inputs[1] or ""), work.where(node.inputs[0])
    if perm is None or where.columns is not None:
        return False
    order = tuple(int(a) % len(perm) for a in perm)
    work.placed[node.outputs[0]] = Placement(where.name, composed(where.perm, order))
    return True


def elementwise(work: Placements, node: Node) -> bool:
    """Work on any order of the axes; constants take the same one."""
    perm = work.order(node)
    if perm is None:
        return False
    values = [work.constants.get(n or "") for n in node.inputs]
    if any(v is not None and v.ndim > len(perm) for v in values):
        return False
    inputs = tuple(n if n is None else _like(work, n, perm) for n in node.inputs)
    work.emit(replace(node, inputs=inputs), perm)
    return True


def _like(work: Placements, name: str, perm: Perm) -> str:
    value = work.constants.get(name)
    if value is None:
        return work.where(name).name
    if not value.ndim:
        return name
    wide = value.reshape((1,) * (len(perm) - value.ndim) + value.shape)
    return work.constant(f"{name}/turned", wide.transpose(inverse(perm)))


def concatenation(work: Placements, node: Node) -> bool:
    """Join along the axis, wherever it stands."""
    perm = work.order(node)
    if perm is None:
        return False
    inputs = tuple(_like(work, n, perm) for n in node.inputs if n is not None)
    attributes = {**node.attributes, "axis": perm[node.attributes["axis"]]}
    work.emit(replace(node, inputs=inputs, attributes=attributes), perm)
    return True


def division(work: Placements, node: Node) -> bool:
    """Cut along the axis, wherever it stands; it is the last input but for `split`, where it is the first."""
    at, x = (0, 1) if node.op is join.split else (2, 0)
    perm, axis = work.where(node.inputs[x]).perm, work.constants.get(node.inputs[at] or "")
    if perm is None or axis is None:
        return False
    inputs = list(node.inputs)
    inputs[x] = work.where(node.inputs[x]).name
    inputs[at] = work.whole(f"{node.outputs[0]}/axis", perm[int(axis.reshape(()))])
    work.emit(replace(node, inputs=tuple(inputs)), perm)
    return True


def reduction(work: Placements, node: Node) -> bool:
    """Reduce the same axes; without them the rest may stand in order."""
    where, axes = work.where(node.inputs[0]), work.constants.get(node.inputs[1] or "")
    if where.perm is None or axes is None:
        return False
    gone = {int(a) % len(where.perm) for a in np.ravel(axes)}
    there = work.whole(f"{node.outputs[0]}/axes", sorted(where.perm[a] for a in gone))
    perm: Perm | None = where.perm
    if not node.attributes.get("keep_dims", False):
        rest = [where.perm[a] for a in range(len(where.perm)) if a not in gone]
        perm = composed(None, tuple(sorted(rest).index(a) for a in rest))
    work.emit(replace(node, inputs=(where.name, there)), perm)
    return True


def by_axis(work: Placements, node: Node) -> bool:
    """Hand each axis the row of each parameter that it had (pad, slice, tile, strided_slice)."""
    where = work.where(node.inputs[0])
    values = [work.constants.get(n or "") for n in node.inputs[1:]]
    given = values[:1] if node.op is window.pad else values
    if where.perm is None or any(v is None or len(v) != len(where.perm) for v in given):
        return False
    masks = {k: v for k, v in node.attributes.items() if k.endswith("_mask") and v}
    if masks.keys() - {"begin_mask", "end_mask"}:
        return False
    back = inverse(where.perm)
    turned = [
        work.constant(f"{node.outputs[0]}/by_axis{i}", v[list(back)])
        for i, v in enumerate(given)
        if v is not None
    ]
    moved = {k: sum((v >> a & 1) << i for i, a in enumerate(back)) for k, v in masks.items()}
    inputs = (where.name, *turned, *node.inputs[1 + len(turned) :])
    work.emit(replace(node, inputs=inputs, attributes={**node.attributes, **moved}), where.perm)
    return True


def by_channel(work: Placements, node: Node) -> bool:
    """Normalize along the same axis; the first stays where it is, instances are there."""
    where = work.where(node.inputs[0])
    if where.perm is None or where.perm[0] != 0:
        return False
    axis = where.perm[node.attributes.get("axis", -1) % len(where.perm)]
    inputs = (where.name, *node.inputs[1:])
    work.emit(
        replace(node, inputs=inputs, attributes={**node.attributes, "axis": axis}), where.perm
    )
    return True


def scaled(work: Placements, node: Node) -> bool:
    """Find scales along the same axis, wherever it stands (quantize_linear, dequantize_linear); not those of blocks."""
    where, scale = work.where(node.inputs[0]), work.tensors[node.inputs[1] or ""]
    if where.perm is None or len(scale.shape) > 1:
        return False
    others = tuple(n if n is None else work.plain(n) for n in node.inputs[1:])
    attributes = dict(node.attributes)
    if scale.shape:
        if attributes.get("block", 0):
            return False
        attributes["axis"] = where.perm[attributes.get("axis", 1) % len(where.perm)]
    work.emit(replace(node, inputs=(where.name, *others), attributes=attributes), where.perm)
    return True


def reshaping(work: Placements, node: Node) -> bool:
    """Flatten the tensor as it lies, where that changes but the order of the columns."""
    x, where = node.inputs[0] or "", work.where(node.inputs[0])
    target = work.constants.get(node.inputs[1] or "")
    sizes = work.tensors[x].shape
    if where.perm is None or target is None or x in work.graph.dynamic:
        return False
    wanted = work.tensors[node.outputs[0]].shape
    moving = [a for a in where.perm if work.tensors[where.name].shape[a] != 1]
    if moving == sorted(moving):  # only axes of size 1 have changed their places
        work.emit(replace(node, inputs=(where.name, node.inputs[1])))
        return True
    if len(wanted) != 2 or where.perm[0] or len(target) != 2 or wanted[0] != sizes[0]:
        return False
    there = np.arange(wanted[1]).reshape([sizes[a] for a in inverse(where.perm)[1:]])
    columns = there.transpose([a - 1 for a in where.perm[1:]]).reshape(-1)
    y, own = node.outputs[0], f"{node.outputs[0]}/turned"
    while own in work.tensors:
        own += "~"
    work.tensors[own] = work.tensors[y]
    work.nodes.append(replace(node, inputs=(where.name, node.inputs[1]), outputs=(own,)))
    work.placed[y] = Placement(own, None, columns)
    return True


def product(work: Placements, node: Node) -> bool:
    """Reorder the weights instead of the columns of a flattened tensor."""
    where, weights = work.where(node.inputs[0]), work.constants.get(node.inputs[1] or "")
    if where.columns is None or weights is None or weights.shape[1] != len(where.columns):
        return False
    there = np.empty_like(weights)
    there[:, where.columns] = weights
    w = work.constant(f"{node.inputs[1]}/turned", there)
    work.emit(replace(node, inputs=(where.name, w, *node.inputs[2:])))
    return True


def recurrence(work: Placements, node: Node) -> bool:
    """Take the sequence as it lies: batch or time first is an attribute."""
    where = work.where(node.inputs[0])
    if where.perm != (1, 0, 2):
        return False
    y, *states = node.outputs
    others = tuple(n if n is None else work.plain(n) for n in node.inputs[1:])
    attributes = {**node.attributes, "time_major": not node.attributes.get("time_major", False)}
    turned = replace(node, inputs=(where.name, *others), outputs=(y,), attributes=attributes)
    work.emit(turned, where.perm)
    made = work.nodes[-1]
    work.nodes[-1] = replace(made, outputs=(*made.outputs, *states))
    return True


Rule = Callable[[Placements, Node], bool]

RULES: Final[dict[Op[..., Any], Rule]] = {
    shape.transpose: transposition,
    shape.reshape: reshaping,
    fully_connected: product,
    lstm: recurrence,
    join.concat: concatenation,
    join.split: division,
    join.split_v: division,
    **dict.fromkeys((quantize_linear, dequantize_linear), scaled),
    **dict.fromkeys((channel.batch_norm, channel.instance_norm), by_channel),
    **dict.fromkeys((window.pad, window.slice, window.strided_slice, window.tile), by_axis),
}


# By what operators do to axes, where they have no rule of their own.
KINDS: Final[dict[str, Rule]] = {"elementwise": elementwise, "reduction": reduction}


def cancel_transposes(graph: Graph) -> Graph:
    """Return a graph that computes the same bits with fewer transpositions.

    Tensors of another order than before have names of their own; outputs keep theirs, and their order.
    """
    work = Placements(graph)
    for node in graph.nodes:
        work.add(node)
    return work.finish()
