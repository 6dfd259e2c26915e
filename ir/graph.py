"""A network: nodes in execution order over named tensors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .op import Op
from .tensor import Array, TensorType, contents, type_of

KEPT: Final = 16  # graphs that a deferred network remembers


@dataclass(frozen=True)
class Node:
    """One application of an operator; an absent optional input is None."""

    op: Op[..., Any]
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    dialect: str = "tflite"

    def __str__(self) -> str:
        return f"node {self.name or '?'} ({self.op.__name__})"


@dataclass(frozen=True)
class State:
    """A value that a session carries from one run to the next: node input, its successor, start."""

    tensor: str
    successor: str
    initial: Array


@dataclass(frozen=True)
class Deferred:
    """A network, or the rest of one, that can be read only when what it takes is there (ADR 0017).

    Attributes:
        inputs: names of all that it takes.
        outputs: names of what it gives, in order.
        read: returns the graph for given values of `inputs`; it looks at the types of all, but at the contents of
            those in `needs` only. The graph's inputs are some of `inputs`; its outputs are `outputs`.
        needs: inputs whose contents decide what the network is.
        operators: names of the operators that it holds, as the file has them, for those who want to look.
        most: how many graphs are remembered.
        made: the graphs that were read last, by what they are for.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], Graph]
    needs: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    most: int = KEPT
    made: OrderedDict[Hashable, Graph] = field(
        default_factory=OrderedDict, compare=False, repr=False
    )

    def key(self, values: Mapping[str, Any]) -> Hashable:
        """Return what values share for which the network is the same."""
        types = tuple(type_of(values[n]) for n in self.inputs)
        return types, contents(values[n] for n in self.needs)

    def graph(self, values: Mapping[str, Any]) -> Graph:
        """Return the network for these values, read now or before."""
        key = self.key(values)
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = self.read(values)
            while len(self.made) > self.most:
                self.made.popitem(last=False)
        return found


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order over tensors with unique names.

    `tensors` holds the declared type of every tensor; a negative or absent declared size stands for 1
    and is settled by the shapes that are fed. `dynamic` lists, for an input or output, the axes that the file leaves
    open. `origin` gives the tensor's index in the file it came from. A graph without nodes is legal.
    `later` is what comes after the nodes, and is read from what they compute. Where the nodes hold for inputs of the
    declared sizes only, `resized` is the network for others. Inputs that are no tensors, or have any number of axes,
    are not in `tensors`.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, TensorType]
    constants: Mapping[str, Array] = field(default_factory=dict)
    states: tuple[State, ...] = ()
    name: str = ""
    origin: Mapping[str, int] = field(default_factory=dict)
    dynamic: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    later: Deferred | None = None
    resized: Deferred | None = None

    def at(self, feeds: Mapping[str, Any]) -> Graph:
        """Return the network for arrays of these sizes: itself, unless its nodes hold for others only."""
        if self.resized is None:
            return self
        tensors = [n for n in self.inputs if n in self.tensors]
        same = all(feeds[n].shape == self.tensors[n].shape for n in tensors)
        return self if same else self.resized.graph(feeds)

    @property
    def kept(self) -> tuple[str, ...]:
        """Tensors that are wanted outside of the nodes: outputs, successors of states, what `later` reads."""
        found = (*self.outputs, *(s.successor for s in self.states))
        if self.later is not None:
            computed = {n for node in self.nodes for n in node.outputs}
            found = (*found, *(n for n in self.later.inputs if n in computed))
            found = tuple(n for n in found if n not in self.later.outputs)
        return tuple(dict.fromkeys(found))
