"""Store a float32 network in float16: tensors take half the memory, arithmetic stays in float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..ir import FORMATS, Array, Graph, Node, TensorType
from ..refimpl.cast import cast
from ..refimpl.half import narrow, widen
from ..refimpl.native_half import NATIVE

F32, F16 = FORMATS["f32"], FORMATS["f16"]


@dataclass
class _Rewriting:
    """The graph that comes about: each float32 tensor is there as such, as float16, or both."""

    graph: Graph
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    halves: dict[str, str] = field(default_factory=dict)  # float32 tensor -> its float16 form
    wide: set[str] = field(default_factory=set)  # float32 tensors that are there as such

    def type(self, name: str) -> TensorType:
        """Return the type that a tensor had."""
        if name in self.graph.constants:
            return TensorType.of(self.graph.constants[name]).without_value()
        return self.graph.tensors[name]

    def fresh(self, name: str, ending: str) -> str:
        """Return a name that nothing has."""
        taken = {*self.graph.tensors, *self.graph.constants, *self.tensors, *self.constants}
        while name in taken:
            name += ending
        return name

    def add_cast(self, source: str, target: str, to: str) -> None:
        """Add a node that converts."""
        self.tensors[target] = self.type(source).like(self.type(source).shape, FORMATS[to])
        self.nodes.append(Node(cast, (source,), (target,), {"to": to}, name=target))

    def as_half(self, name: str) -> str:
        """Return the float16 form of a tensor, made now if it is not there."""
        if name not in self.halves:
            half = self.halves[name] = self.fresh(name, "/f16")
            if name in self.graph.constants:
                self.constants[half] = narrow(self.graph.constants[name])
                self.tensors[half] = TensorType.of(self.constants[half]).without_value()
            else:
                self.add_cast(name, half, "f16")
        return self.halves[name]

    def as_wide(self, name: str) -> str:
        """Return the float32 form of a tensor, made now if it is not there."""
        if name in self.halves and name not in self.wide and name not in self.graph.constants:
            self.nodes.append(Node(cast, (self.halves[name],), (name,), {"to": "f32"}, name=name))
            self.wide.add(name)
        return name


def _fits(graph: Graph, node: Node) -> bool:
    """Whether a node means something on float16, and its constants are numbers there."""
    if "f16" not in node.op.dtypes or any(isinstance(v, Graph) for v in node.attributes.values()):
        return False
    for name in node.inputs:
        value = graph.constants.get(name) if name is not None else None
        if value is not None and value.dtype == F32 and not np.isfinite(widen(narrow(value))).all():
            return False
    return True


def _is_f32(new: _Rewriting, name: str | None) -> bool:
    return name is not None and new.type(name).dtype == F32 and new.type(name).quant is None


def _format_is_f32(new: _Rewriting, node: Node) -> bool:
    """Whether a node computes in float32, without quantized tensors."""
    place = node.op.format_input
    first = node.inputs[place] if place < len(node.inputs) else None
    plain = all(n is None or new.type(n).quant is None for n in (*node.inputs, *node.outputs))
    return _is_f32(new, first) and plain and node.op is not cast


def store_half(graph: Graph, dialect: str | None = None) -> Graph:
    """Return the network with every node that can on float16; its own inputs, outputs and states stay float32.

    Where float32 and float16 meet there is a `cast`. A node with a constant beyond 65504 stays float32. With a
    `dialect` of `refimpl.native_half.ORDERS` products compute in half instead of float32.
    """
    new = _Rewriting(graph, tensors=dict(graph.tensors), constants=dict(graph.constants))
    new.wide |= {*graph.inputs, *(s.tensor for s in graph.states)}
    for node in graph.nodes:
        if not (_format_is_f32(new, node) and _fits(graph, node)):
            inputs = tuple(None if n is None else new.as_wide(n) for n in node.inputs)
            new.nodes.append(replace(node, inputs=inputs))
            new.wide |= set(node.outputs)
            continue
        inputs = tuple(new.as_half(n) if n and _is_f32(new, n) else n for n in node.inputs)
        outputs = []
        for name in node.outputs:
            half = new.fresh(name, "/f16") if _is_f32(new, name) else name
            if half != name:
                new.halves[name] = half
                new.tensors[half] = new.type(name).like(new.type(name).shape, F16)
            outputs.append(half)
        kind = dialect if dialect and node.op in NATIVE else node.dialect
        new.nodes.append(replace(node, inputs=inputs, outputs=tuple(outputs), dialect=kind))
    for name in graph.kept:
        new.as_wide(name)
    return _pruned(replace(graph, nodes=tuple(new.nodes)), new.tensors, new.constants)


def _pruned(
    graph: Graph, tensors: Mapping[str, TensorType], constants: Mapping[str, Array]
) -> Graph:
    """Drop the tensors that no node has any more."""
    used = {n for node in graph.nodes for n in (*node.inputs, *node.outputs) if n is not None}
    used |= {*graph.inputs, *graph.kept, *(s.tensor for s in graph.states)}
    return replace(
        graph,
        tensors={n: t for n, t in tensors.items() if n in used},
        constants={n: v for n, v in constants.items() if n in used},
    )
