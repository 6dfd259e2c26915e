"""A case: one operator on concrete tensors, the unit that strategies draw and that everything is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..ir import Array, Graph, Node, Op, QuantParams, State, TensorType
from ..quant.rule import number_format


@dataclass(frozen=True)
class Case:
    """One application of `op`.

    Attributes:
        args: the input arrays in the order of the parameters, None for an absent optional one.
        attributes: keyword-only parameters; absent ones take their defaults.
        quant: quantization of each input (may be shorter than `args`; the rest has none).
        out_dtype: element type of each output; empty: what the shape rule says.
        out_quant: quantization of each output, likewise.
        constant: positions of inputs which a model file stores (weights, biases, axes, shapes);
            the others are fed at run time.
        states: (input, output) positions of each state and its successor.
        dialect: the one in which it is meant.
    """

    op: Op[..., Any]
    args: tuple[Array | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    quant: tuple[QuantParams | None, ...] = ()
    out_dtype: tuple[Any, ...] = ()
    out_quant: tuple[QuantParams | None, ...] = ()
    constant: frozenset[int] = frozenset()
    states: tuple[tuple[int, int], ...] = ()
    dialect: str = "tflite"

    @property
    def types(self) -> tuple[TensorType | None, ...]:
        """Types of the inputs, all with their values."""
        quants = (*self.quant, *[None] * (len(self.args) - len(self.quant)))
        return tuple(
            None if a is None else TensorType.of(a, q)
            for a, q in zip(self.args, quants, strict=True)
        )

    @property
    def format(self) -> str:
        """Number format of the node: f32, s8, hybrid, s8-nnacl, ..."""
        return number_format(self.op, self.types, self.dialect)

    @property
    def out(self) -> tuple[TensorType, ...]:
        """Types of the outputs: shapes from the shape rule, the rest from this case where it says so."""
        inferred = self.op.output_types(self.types, dict(self.attributes))
        return tuple(
            TensorType(
                t.shape,
                self.out_dtype[i] if i < len(self.out_dtype) else t.dtype,
                self.out_quant[i] if i < len(self.out_quant) else t.quant,
            )
            for i, t in enumerate(inferred)
        )

    def graph(self) -> Graph:
        """Return the network that consists of this one node; input i is `x{i}`, output i `y{i}`."""
        types, out = self.types, self.out
        names = tuple(None if t is None else f"x{i}" for i, t in enumerate(types))
        outputs = tuple(f"y{i}" for i in range(len(out)))
        tensors = {n: t.without_value() for n, t in zip(names, types, strict=True) if n and t}
        tensors |= dict(zip(outputs, out, strict=True))
        constants = {
            f"x{i}": self.args[i] for i in sorted(self.constant) if self.args[i] is not None
        }
        return Graph(
            nodes=(
                Node(
                    self.op, names, outputs, dict(self.attributes), self.op.__name__, self.dialect
                ),
            ),
            inputs=tuple(n for n in names if n and n not in constants),
            outputs=outputs,
            tensors=tensors,
            constants=constants,  # type: ignore[arg-type]
            name=self.op.__name__,
        )

    def linked(self) -> Graph:
        """Return `graph()` with its states kept inside, as model files do: they start from what stands for 0."""
        graph, successors = self.graph(), {f"x{i}": f"y{o}" for i, o in self.states}
        return replace(
            graph,
            inputs=tuple(n for n in graph.inputs if n not in successors),
            outputs=tuple(n for n in graph.outputs if n not in successors.values()),
            states=tuple(
                State(n, after, _zero(graph.tensors[n])) for n, after in successors.items()
            ),
        )

    def feeds(self) -> dict[str, Array]:
        """Return the arrays for the inputs of `graph()`."""
        return {
            f"x{i}": a for i, a in enumerate(self.args) if a is not None and i not in self.constant
        }


@dataclass(frozen=True)
class HostCase:
    """One application of an operator that runs in Python, on any values; `outputs` is how many come out."""

    op: Op[..., Any]
    args: tuple[Any, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 1

    def graph(self) -> Graph:
        """Return the network that consists of this one node; input i is `x{i}`, output i `y{i}`."""
        names = tuple(None if a is None else f"x{i}" for i, a in enumerate(self.args))
        outputs = tuple(f"y{i}" for i in range(self.outputs))
        node = Node(self.op, names, outputs, dict(self.attributes), name=self.op.__name__)
        return Graph((node,), tuple(filter(None, names)), outputs, {}, name=self.op.__name__)

    def feeds(self) -> dict[str, Any]:
        """Return the values for the inputs of `graph()`."""
        return {f"x{i}": a for i, a in enumerate(self.args) if a is not None}


def _zero(type: TensorType) -> Array:
    """Return the tensor of this type that stands for zeros."""
    return np.full(type.shape, type.quant.zero_point[0] if type.quant else 0, type.dtype)
