"""The table of writer rules, and what a rule sees of its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...ir import FORMATS, Array, Facet, Node, Op, TensorType, UnsupportedError
from ...refimpl.activation import ACTIVATIONS

NCHW = (0, 3, 1, 2)
NHWC = (0, 2, 3, 1)


@dataclass(frozen=True)
class OnnxRecord:
    """One node of ONNX; an absent input is an empty name."""

    code: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class OnnxSite:
    """A node of ours as a writer rule sees it; the rule adds ONNX nodes and returns the results' names.

    Attributes:
        types: types of all tensors, with the values of those that are known.
        out: types of the node's outputs.
        records: ONNX nodes so far.
        constants: tensors that they need in addition.
    """

    node: Node
    types: Mapping[str, TensorType]
    out: tuple[TensorType, ...]
    records: list[OnnxRecord] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def input(self, position: int) -> str:
        """Return the name of an input; an empty one where it is absent."""
        names = self.node.inputs
        return (names[position] or "") if position < len(names) else ""

    @property
    def inputs(self) -> list[str]:
        """Names of all inputs."""
        return [name or "" for name in self.node.inputs]

    def type(self, position: int = 0) -> TensorType:
        """Return the type of an input."""
        return self.types[self.input(position)]

    def value(self, position: int) -> Array:
        """Return the value of an input that shapes depend on."""
        return self.type(position).known()

    def require(self, test: Callable[[Array], Any], reason: str, position: int = 0) -> None:
        """Raise UnsupportedError unless `test` holds for all elements of a float input that is known."""
        value = self.type(position).value
        if value is not None and value.dtype.kind == "f" and not np.all(test(value)):
            raise UnsupportedError(reason)

    def attribute(self, name: str) -> Any:
        """Return an attribute of the node or its default."""
        return {**self.node.op.attributes, **self.node.attributes}[name]

    def fresh(self) -> str:
        """Return a name that no tensor has."""
        count = len(self.constants) + sum(len(r.outputs) for r in self.records)
        name = f"{self.node.outputs[0]}/onnx{count}"
        while name in self.types:
            name += "_"
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Enter a constant."""
        name = self.fresh()
        self.constants[name] = np.asarray(value, dtype)
        return name

    def whole(self, values: Any) -> str:
        """Enter a constant of int64, as ONNX wants axes and sizes."""
        return self.constant(values, np.int64)

    def several(self, code: str, *inputs: str, count: int, **attributes: Any) -> tuple[str, ...]:
        """Add an ONNX node with `count` outputs and return their names."""
        base = self.fresh()
        names = tuple(f"{base}.{i}" for i in range(count))
        self.records.append(OnnxRecord(code, inputs, names, attributes))
        return names

    def emit(self, code: str, *inputs: str, **attributes: Any) -> str:
        """Add an ONNX node and return the name of its output."""
        return self.several(code, *inputs, count=1, **attributes)[0]

    def cast(self, x: str, to: str, **attributes: Any) -> str:
        """Convert to the element type with our short name `to`."""
        return self.emit("Cast", x, to=FORMATS[to], **attributes)

    def transposed(self, x: str, perm: Sequence[int]) -> str:
        """Reorder the axes."""
        return self.emit("Transpose", x, perm=list(perm))

    def reshaped(self, x: str, shape: Sequence[int]) -> str:
        """Give `x` another shape; a 0 is a size of 0."""
        if x in self.types and self.types[x].shape == tuple(shape):
            return x
        return self.emit("Reshape", x, self.whole(list(shape)), allowzero=1)

    def in_nchw(self, code: str, x: str, *others: str, **attributes: Any) -> str:
        """Add a node that wants the channels second between two transpositions."""
        y = self.emit(code, self.transposed(x, NCHW), *others, **attributes)
        return self.transposed(y, NHWC)

    def chosen(self, condition: str, x: str, y: str) -> str:
        """Return x where `condition` holds, else y; both are broadcast to the shape of the output.

        A choice by index, since the Where of onnxruntime makes 0 of -0.
        """
        shape = self.out[0].shape
        last = self.whole([len(shape)])
        wide = [self.emit("Expand", n, self.whole(list(shape))) for n in (condition, x, y)]
        index, *both = (self.emit("Unsqueeze", n, last) for n in wide)
        pair = self.emit("Concat", *reversed(both), axis=-1)
        found = self.emit("GatherElements", pair, self.cast(index, "s64"), axis=-1)
        return self.emit("Squeeze", found, last)

    def clamped(self, x: str, activation: str) -> str:
        """Apply a fused activation."""
        dtype = self.out[0].dtype
        low, high = ACTIVATIONS[activation]
        if activation == "none":
            return x
        if activation == "relu" and dtype == np.float32:
            return self.emit("Relu", x)
        kept = [np.isfinite(v) and not (v < 0 and dtype.kind == "u") for v in (low, high)]
        ends = [
            self.constant(v, dtype) if k else "" for k, v in zip(kept, (low, high), strict=True)
        ]
        return self.emit("Clip", x, *ends)

    def finish(self, results: str | tuple[str, ...]) -> None:
        """Give what a rule returned the names of the node's outputs."""
        results = (results,) if isinstance(results, str) else results
        mine = {name for r in self.records for name in r.outputs}
        names: dict[str, str] = {}
        for got, want in zip(results, self.node.outputs, strict=True):
            if got in mine and got not in names:
                names[got] = want
            else:  # an input, passed through, or the same result twice
                self.records.append(OnnxRecord("Identity", (got,), (want,)))
        self.records = [
            replace(
                r,
                inputs=tuple(names.get(n, n) for n in r.inputs),
                outputs=tuple(names.get(n, n) for n in r.outputs),
            )
            for r in self.records
        ]


# A rule adds ONNX nodes to the site and returns the names of the node's results, or raises
# UnsupportedError with the reason why ONNX cannot say it.
ONNX_WRITER: Facet[Op[..., Any], Callable[[OnnxSite], str | tuple[str, ...]]] = Facet(
    "ONNX writer rule", "litegold.formats.onnx"
)


def alike(code: str, *ops: Op[..., Any]) -> None:
    """Enter operators whose ONNX node has the same inputs, and takes its attributes by the same names."""

    def rule(site: OnnxSite) -> str:
        attributes = {name: site.attribute(name) for name in site.node.op.attributes}
        return site.emit(code, *site.inputs, **attributes)

    ONNX_WRITER.of(*ops)(rule)
