"""The tables of TFLite: operator code -> nodes of ours, operator of ours -> record of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...ir import Array, Facet, FormatError, Node, Op, TensorType, UnsupportedError

# Element types of the schema that have a short name here.
FORMAT_OF_TYPE = {
    "FLOAT16": "f16",
    "FLOAT32": "f32",
    "FLOAT64": "f64",
    "INT8": "s8",
    "UINT8": "u8",
    "INT16": "s16",
    "UINT16": "u16",
    "INT32": "s32",
    "UINT32": "u32",
    "INT64": "s64",
    "UINT64": "u64",
    "BOOL": "bool",
}
TYPE_OF_FORMAT = {short: name for name, short in FORMAT_OF_TYPE.items()}
ACTIVATIONS = ("none", "relu", "relu_n1_to_1", "relu6")


def activation_of(name: str) -> str:
    """Return our name of a fused activation, given the schema's.

    >>> activation_of("RELU6")
    'relu6'
    """
    if name.lower() not in ACTIVATIONS:
        raise UnsupportedError(f"fused activation {name}; supported: {', '.join(ACTIVATIONS)}")
    return name.lower()


def activation_name(activation: str) -> str:
    """Return the schema's name of a fused activation, given ours.

    >>> activation_name("relu6")
    'RELU6'
    """
    return activation_of(activation).upper()


def format_of_type(name: str) -> str:
    """Return the short name of an element type ("s64"), given the schema's ("INT64")."""
    if name not in FORMAT_OF_TYPE:
        raise UnsupportedError(f"element type {name}; supported: {', '.join(FORMAT_OF_TYPE)}")
    return FORMAT_OF_TYPE[name]


@dataclass
class Workspace:
    """The graph that grows while a file is read.

    `tensors` holds types (with `.value` for constants), `states` maps a state to its successor, `open_axes` a
    tensor to the axes that the file leaves open (the type has 1 there).
    """

    tensors: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    origin: dict[str, int] = field(default_factory=dict)
    open_axes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def add(self, name: str, type: TensorType) -> str:
        """Enter a tensor under `name`, or under a name near it where that is taken."""
        unique, count = name, 1
        while unique in self.tensors:
            unique, count = f"{name}~{count}", count + 1
        self.tensors[unique] = type
        return unique


@dataclass(frozen=True)
class TfliteOp:
    """One operator of a file, as a reader rule sees it.

    Attributes:
        code: the operator's name in the schema, or of the custom operator.
        inputs: names of the tensors; None for an absent optional one.
        intermediates: names of tensors that only carry quantization (integer LSTM).
        options: fields of the options table in snake_case, defaults filled in; enums by name,
            vectors as tuples.
        custom: options of a custom operator, as they are stored.
        types: declared types of all tensors of the graph; `value` is set for constants.
        name: index and code, for messages and as the nodes' name.
    """

    code: str
    version: int
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    options: Mapping[str, Any]
    types: Mapping[str, TensorType]
    name: str
    intermediates: tuple[str, ...] = ()
    custom: bytes = b""
    workspace: Workspace = field(default_factory=Workspace, compare=False, repr=False)

    def input(self, position: int) -> str:
        """Return the name of an input that must be there."""
        name = self.optional(position)
        if name is None:
            raise FormatError(f"operator {self.name}: input {position} is absent")
        return name

    def optional(self, position: int) -> str | None:
        """Return the name of an input, or None where it is absent or the list is too short."""
        return self.inputs[position] if position < len(self.inputs) else None

    def type(self, position: int) -> TensorType:
        """Return the type of an input that must be there."""
        return self.types[self.input(position)]

    def new(self, suffix: str, type: TensorType) -> str:
        """Enter an intermediate tensor and return its name."""
        return self.workspace.add(f"{self.outputs[0]}/{suffix}", type.without_value())

    def constant(self, suffix: str, value: Array) -> str:
        """Enter a constant and return its name."""
        value = np.ascontiguousarray(value).reshape(value.shape)
        name = self.workspace.add(f"{self.outputs[0]}/{suffix}", TensorType.of(value))
        self.workspace.constants[name] = value
        return name

    def state(self, name: str) -> str:
        """Return the name of the tensor that follows variable tensor `name` in the next run.

        The rule lists it among the outputs of its node.
        """
        if self.workspace.states.get(name) != name:
            raise FormatError(
                f"operator {self.name}: tensor {name} is not a variable that nothing else updates"
            )
        successor = self.workspace.add(f"{name}/next", self.types[name].without_value())
        self.workspace.states[name] = successor
        if name in self.workspace.origin:
            self.workspace.origin[successor] = self.workspace.origin[name]
        return successor

    def node(
        self,
        op: Op[..., Any],
        inputs: Sequence[str | None] | None = None,
        outputs: Sequence[str] | None = None,
        **attributes: Any,
    ) -> Node:
        """Return a node of `op`; inputs and outputs are this operator's unless given."""
        return Node(
            op,
            self.inputs if inputs is None else tuple(inputs),
            self.outputs if outputs is None else tuple(outputs),
            attributes,
            name=self.name,
        )


@dataclass(frozen=True)
class TfliteRecord:
    """What a writer rule makes of a node. The outputs are the node's, less the states' successors.

    Attributes:
        inputs: names of tensors of the graph or of `constants`; None for an absent one.
        options: fields of the options table in snake_case; absent ones keep the schema's default.
        constants: additional tensors, whose types carry values.
        intermediates: types of additional tensors that only carry quantization.
        custom: options of a custom operator; None for one of the schema.
        texts: tensors of bytes that are strings packed.
    """

    code: str
    inputs: tuple[str | None, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    constants: Mapping[str, TensorType] = field(default_factory=dict)
    intermediates: tuple[TensorType, ...] = ()
    custom: bytes | None = None
    texts: tuple[str, ...] = ()


def custom(code: str) -> str:
    """Return the key of a custom operator's reader rule."""
    return f"custom {code}"


TFLITE: Facet[str, Callable[[TfliteOp], Node | Sequence[Node]]] = Facet(
    "TFLite reader rule", "litegold.formats.tflite"
)
TFLITE_WRITER: Facet[Op[..., Any], Callable[[Node, Mapping[str, TensorType]], TfliteRecord]] = (
    Facet("TFLite writer rule", "litegold.formats.tflite")
)
