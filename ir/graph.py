"""A network: nodes in execution order over named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .op import Op
from .tensor import Array, TensorType


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
class Graph:
    """Nodes in execution order over tensors with unique names.

    `tensors` holds the declared type of every tensor; a negative or absent declared size stands for 1
    and is settled by the shapes that are fed. `dynamic` lists, for an input or output, the axes that the file leaves
    open. `origin` gives the tensor's index in the file it came from. A graph without nodes is legal.
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
