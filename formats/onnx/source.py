"""The table of reader rules, and what a rule sees of its node.

A file may leave sizes open. Types are therefore found twice, with 1 and with some other number for each open size:
what is the same in both is certain, what differs is open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ...ir import (
    Array,
    ConstraintError,
    Facet,
    FormatError,
    LitegoldError,
    Node,
    Op,
    TensorType,
    UnsupportedError,
    ValueNeededError,
    format_of,
)
from ...refimpl.shape import reshape, transpose
from .tensors import MAX_BYTES

MAX_FOLDED: Final = 1 << 20  # bytes that a computed constant may have beyond those of its inputs
MAX_GUESSED: Final = 4096  # elements of values that are followed though they are not certain
RECENT: Final = 8  # nodes
MAX_TOTAL: Final = 1 << 30  # bytes of constants that are computed


class OpenSizeError(Exception):
    """A rule needs a number that the file leaves open; then 1 is taken for all of them."""


@dataclass
class Workspace:
    """The graph that grows while a file is read.

    Attributes:
        names: of ONNX tensors -> names of ours.
        taken: names of the file, which no tensor of ours may have by chance.
        types, other: types with 1, and with another number, for open sizes; `value` where it is known.
        constants: values that are certain.
    """

    names: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    other: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    folded: int = 0

    def fresh(self, base: str) -> str:
        """Return a name near `base` that no tensor has."""
        name, count = base, 1
        while name in self.types or name in self.taken:
            name, count = f"{base}~{count}", count + 1
        return name

    def enter_constant(self, name: str, value: Array) -> str:
        """Enter a constant."""
        self.constants[name] = value
        self.types[name] = self.other[name] = TensorType.of(value)
        return name

    def results(
        self,
        op: Op[..., Any],
        inputs: Sequence[str | None],
        bases: Sequence[str],
        label: str,
        **attributes: Any,
    ) -> tuple[str, ...]:
        """Add a node, or compute it where it depends on constants alone; return the names of its results."""
        worlds: list[tuple[Any, ...]] = []
        for types in (self.types, self.other):
            given = tuple(None if n is None else types[n] for n in inputs)
            if (
                worlds
                and given == worlds[0][0]
                and all(n is None or n in self.constants for n in inputs)
            ):
                worlds.append(worlds[0])
                continue
            try:
                worlds.append((given, *self._outcome(op, given, attributes)))
            except (ConstraintError, ValueNeededError) as error:
                if worlds or self.open(inputs):
                    raise OpenSizeError(str(error)) from error
                raise
        (_, out, values), (_, others, other_values) = worlds
        self._check(op, out)
        names = []
        for i, (type, other) in enumerate(zip(out, others, strict=True)):
            name = self.fresh(bases[min(i, len(bases) - 1)])
            one, two = values[i] if values else None, other_values[i] if other_values else None
            self.types[name], self.other[name] = replace(type, value=one), replace(other, value=two)
            names.append(name)
        if self._certain(names):
            self.folded += sum(t.nbytes for t in out)
            self.constants |= {n: self.types[n].known() for n in names}
        else:
            self.nodes.append(Node(op, tuple(inputs), tuple(names), attributes, name=label))
        return tuple(names)

    def open(self, names: Iterable[str | None]) -> bool:
        """Whether a size of any of these tensors is open."""
        return any(n is not None and self.types[n].shape != self.other[n].shape for n in names)

    def _certain(self, names: Sequence[str]) -> bool:
        pairs = [(self.types[n].value, self.other[n].value) for n in names]
        return all(a is not None and b is not None and (a is b or _same(a, b)) for a, b in pairs)

    def _outcome(
        self, op: Op[..., Any], types: tuple[TensorType | None, ...], attributes: Mapping[str, Any]
    ) -> tuple[tuple[TensorType, ...], tuple[Array, ...] | None]:
        """Return the types of the results, and their values where those of the inputs are known."""
        form = format_of(op, types)
        if form not in op.dtypes:
            raise UnsupportedError(f"{op.__name__} of {form}")
        full = {**op.attributes, **attributes}
        out = op.output_types(types, full)
        if op.reads_types:
            shape = types[0].shape if types[0] else ()
            return out, (op(np.broadcast_to(np.float32(0), shape), **full),)
        known = all(t is None or t.value is not None for t in types)
        size = sum(math.prod(t.shape) * t.dtype.itemsize for t in out)
        room = sum(t.nbytes for t in types if t is not None) + MAX_FOLDED
        if not known or size > room or self.folded + size > MAX_TOTAL:
            return out, None
        try:
            with np.errstate(all="ignore"):
                made = op(*(None if t is None else t.value for t in types), **full)
        except LitegoldError:
            return out, None  # it fails where the network runs
        return out, tuple(map(np.asarray, made if isinstance(made, tuple) else (made,)))

    def _check(self, op: Op[..., Any], out: Sequence[TensorType]) -> None:
        for type in out:
            size = math.prod(type.shape) * type.dtype.itemsize  # of any length, where NumPy's wraps
            if min(type.shape, default=0) < 0 or size > MAX_BYTES:
                raise FormatError(
                    f"{op.__name__}: a tensor of shape {type.shape} exceeds {MAX_BYTES} bytes"
                )


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


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
            raise UnsupportedError(f"{self.code} whose {name!r} only a run gives")
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
