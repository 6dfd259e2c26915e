"""The table of reader rules, and what a rule sees of its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ...ir import Array, Deferred, Facet, FormatError, Node, Op, TensorType, UnsupportedError
from ...refimpl.shape import reshape, transpose
from .workspace import OpenSizeError, WaitError, Workspace

RECENT: Final = 8  # nodes


@dataclass
class OnnxSource:
    """One node of a file, as a reader rule sees it.

    Attributes:
        version: of the operator set.
        inputs: names of our tensors; None for an absent one.
        outputs: names in the file; an empty one is not wanted.
        attributes: whole numbers, reals, texts, arrays, and tuples of them.
        name: for messages, and as the nodes' name.
    """

    code: str
    version: int
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    name: str
    workspace: Workspace
    scope: Any = None  # the reading of the graph that the node is in

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the inputs, all of which must be there."""
        return tuple(self.input(i) for i in range(len(self.inputs)))

    def input(self, position: int) -> str:
        """Return the name of an input that must be there."""
        name = self.optional(position)
        if name is None:
            raise FormatError(f"input {position} is absent")
        return name

    def optional(self, position: int) -> str | None:
        """Return the name of an input, or None where it is absent or the list is too short."""
        return self.inputs[position] if position < len(self.inputs) else None

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute; one without a default must be there."""
        if name not in self.attributes and default is None:
            raise FormatError(f"attribute {name} is absent")
        value = self.attributes.get(name, default)
        if default is not None and type(value) is not type(default):
            raise FormatError(f"attribute {name} is {value!r}")
        return value

    def require(self, holds: bool, what: str) -> None:
        """Raise UnsupportedError, unless it holds."""
        if not holds:
            raise UnsupportedError(what)

    def type(self, name: str) -> TensorType:
        """Return the type of a tensor; open sizes are 1."""
        return self.workspace.types[name]

    def rank(self, name: str) -> int:
        """Return the number of axes."""
        return len(self.type(name).shape)

    def open(self, name: str, axis: int | None = None) -> bool:
        """Whether a size of a tensor is open, or that of one axis."""
        here, there = (t[name].shape for t in (self.workspace.types, self.workspace.other))
        return here != there if axis is None else here[axis] != there[axis]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the sizes of a tensor, none of which may be open."""
        if self.workspace.open([name]):
            raise OpenSizeError(name)
        return self.type(name).shape

    def size(self, name: str, axis: int) -> int:
        """Return one size, which may not be open."""
        here, there = (t[name].shape[axis] for t in (self.workspace.types, self.workspace.other))
        if here != there:
            raise OpenSizeError(name)
        return here

    def known(self, name: str | None) -> Array | None:
        """Return the value of a constant, None for other tensors."""
        return None if name is None else self.workspace.constants.get(name)

    def value(self, name: str) -> Array:
        """Return the value of a tensor which must be a constant."""
        value = self.known(name)
        if value is None:
            if self.workspace.types[name].value is not None:
                raise OpenSizeError(name)
            self.type(name)
            raise WaitError(f"{self.code} whose {name!r} only a run gives", [name])
        return value

    def numbers(self, position: int, name: str, since: int) -> tuple[int, ...] | None:
        """Return whole numbers that are an input since some version, an attribute before; None if absent."""
        if self.version >= since:
            source = self.optional(position)
            return None if source is None else tuple(int(v) for v in np.ravel(self.value(source)))
        value = self.attributes.get(name)
        return None if value is None else tuple(map(int, np.ravel(value)))

    def recent(self, name: str) -> Node | None:
        """Return the node that makes a tensor, where it is one of the last."""
        nodes = reversed(self.workspace.nodes[-RECENT:])
        return next((n for n in nodes if name in n.outputs), None)

    def constant(self, value: Array) -> str:
        """Enter a constant."""
        return self.workspace.enter_constant(self.workspace.fresh(self._base()), np.asarray(value))

    def whole(self, values: Any) -> str:
        """Enter whole numbers, as our operators take them."""
        numbers = np.asarray(values, np.int64)
        if numbers.size and max(abs(int(numbers.min())), abs(int(numbers.max()))) >= 2**31:
            raise UnsupportedError(f"{self.code} with a number beyond 32 bits")
        return self.constant(numbers.astype(np.int32))

    def scalar(self, value: float, like: str) -> str:
        """Enter a number of the element type of a tensor."""
        return self.constant(np.array(value, self.type(like).dtype))

    def several(self, op: Op[..., Any], *inputs: str | None, **attributes: Any) -> tuple[str, ...]:
        """Add a node and return the names of its results."""
        return self.workspace.results(op, inputs, [self._base()], self.name, **attributes)

    def host(
        self, op: Op[..., Any], *inputs: str | None, outputs: int = 1, **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node that runs in Python, on whatever values; what comes out is known when it has run."""
        work = self.workspace
        names = list[str]()
        for i in range(outputs):
            name = work.fresh(f"{self._base()}.{i}")
            work.taken.add(name)
            names.append(name)
        work.nodes.append(Node(op, inputs, tuple(names), attributes, name=self.name))
        return tuple(names)

    def give_type(self, name: str, type: TensorType) -> None:
        """Say of what type a tensor will be that a node makes in Python."""
        self.workspace.types[name] = self.workspace.other[name] = type

    def body(self, attribute: str) -> tuple[Deferred, tuple[str, ...]]:
        """Return the graph in an attribute, and the tensors that it takes from outside, after its own inputs."""
        graph = self.attribute(attribute)
        if not hasattr(graph, "node"):
            raise FormatError(f"attribute {attribute} is no graph")
        found: tuple[Deferred, tuple[str, ...]] = self.scope.body(graph)
        return found

    def add(self, op: Op[..., Any], *inputs: str | None, **attributes: Any) -> str:
        """Add a node and return the name of its first result."""
        return self.several(op, *inputs, **attributes)[0]

    def transposed(self, x: str, perm: Sequence[int]) -> str:
        """Reorder the axes."""
        return x if list(perm) == [*range(len(perm))] else self.add(transpose, x, self.whole(perm))

    def reshaped(self, x: str, shape: Sequence[int]) -> str:
        """Give `x` another shape; one size may be -1."""
        same = tuple(shape) == self.type(x).shape and not self.workspace.open([x])
        return x if same else self.add(reshape, x, self.whole(shape))

    def _base(self) -> str:
        return f"{next(filter(None, self.outputs), self.code)}/{self.code.lower()}"

    def finish(self, results: str | Sequence[str], first: int) -> None:
        """Give the results the names of the node's outputs; `first` is the rule's first node."""
        results = (results,) if isinstance(results, str) else tuple(results)
        work, wanted = self.workspace, [n for n in self.outputs if n]
        made = {n for node in work.nodes[first:] for n in node.outputs}
        new: dict[str, str] = {}
        for got, want in zip(results, self.outputs, strict=False):
            if not want:
                continue
            if got in made and got not in new:
                new[got] = want
            work.names[want] = new.get(got, got)
        lacking = [n for n in wanted if n not in work.names]
        if lacking:
            raise UnsupportedError(f"output {self.outputs.index(lacking[0])} of {self.code}")
        for got, want in new.items():
            for types in (work.types, work.other):
                if got in types:
                    types[want] = types.pop(got)
        for i in range(first, len(work.nodes) if new else first):
            node = work.nodes[i]
            work.nodes[i] = replace(
                node,
                inputs=tuple(new.get(n, n) if n else n for n in node.inputs),
                outputs=tuple(new.get(n, n) for n in node.outputs),
            )


# A rule adds nodes of ours and returns the names of the results, or raises UnsupportedError.
ONNX: Facet[str, Callable[[OnnxSource], str | Sequence[str]]] = Facet(
    "ONNX reader rule", "litegold.formats.onnx"
)


def same(code: str, op: Op[..., Any], **attributes: Any) -> None:
    """Enter an ONNX operator that takes the same inputs as ours, and has no attributes."""

    def rule(source: OnnxSource) -> str:
        return source.add(op, *source.inputs, **attributes)

    ONNX.of(code)(rule)
