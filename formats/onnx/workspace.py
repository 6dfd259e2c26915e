"""The graph that grows while a file is read.

A file may leave sizes open. Types are therefore found twice, with 1 and with some other number for each open size:
what is the same in both is certain, what differs is open.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ...ir import (
    Array,
    ConstraintError,
    FormatError,
    LitegoldError,
    Node,
    Op,
    TensorType,
    UnsupportedError,
    ValueNeededError,
    format_of,
)
from .tensors import MAX_BYTES

MAX_FOLDED: Final = 1 << 20  # bytes that a computed constant may have beyond those of its inputs
MAX_GUESSED: Final = 4096  # elements of values that are followed though they are not certain
MAX_FLEETING: Final = 16  # elements of what is computed when read, of contents that a run gave
MAX_TOTAL: Final = 1 << 30  # bytes of constants that are computed


class WaitError(ValueNeededError):
    """A rule needs the contents of the tensors `needs`, or a type, that only a run gives: its node waits for it."""

    def __init__(self, reason: str, needs: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.needs = tuple(needs)


class Types(dict[str, TensorType]):
    """Types by name of our tensors; one that is not known yet makes a rule wait.

    `others` are values that are there and no tensors: sequences, empty optionals.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: set[str] = set()

    def __missing__(self, name: str) -> TensorType:
        if name in self.others:
            raise FormatError(f"a tensor is needed, and {name!r} is none")
        raise WaitError(f"what {name!r} is, only a run tells")


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
        fleeting: constants that are so for one run.
        inner: this is a graph inside of a node; its inputs and constants may be its outputs.
    """

    names: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)
    types: Types = field(default_factory=Types)
    other: Types = field(default_factory=Types)
    constants: dict[str, Array] = field(default_factory=dict)
    fleeting: set[str] = field(default_factory=set)
    inner: bool = False
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

    def enter_value(self, name: str, value: Any) -> None:
        """Enter a value of which only the type counts; one that is no tensor has none."""
        if isinstance(value, np.ndarray | np.generic):
            self.types[name] = self.other[name] = TensorType(value.shape, value.dtype)
        else:
            self.types.others.add(name)
            self.other.others.add(name)

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
            except WaitError:
                raise
            except (ConstraintError, ValueNeededError) as error:
                unknown = [n for n in self._static(op, inputs) if self.types[n].value is None]
                if isinstance(error, ValueNeededError) and unknown:
                    raise WaitError(str(error), unknown) from error
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
        if self._certain(names) and self._lasts(op, inputs, names):
            self.folded += sum(t.nbytes for t in out)
            self.constants |= {n: self.types[n].known() for n in names}
        else:
            self.nodes.append(Node(op, tuple(inputs), tuple(names), attributes, name=label))
        return tuple(names)

    def _static(self, op: Op[..., Any], inputs: Sequence[str | None]) -> list[str]:
        """Return the inputs whose contents an operator asks for, as far as it says: else all."""
        chosen = [inputs[i] for i in op.static_positions() if i < len(inputs)] or inputs
        return [n for n in chosen if n is not None]

    def _lasts(
        self, op: Op[..., Any], inputs: Sequence[str | None], results: Sequence[str]
    ) -> bool:
        """Whether what is computed of constants shall be one: small, where they hold for one run only.

        A table of floats that is all that a node makes of them is left to its kernel.
        """
        if not any(n in self.fleeting for n in inputs):
            return True
        if len(op.static) == len(op.inputs) and self.types[results[0]].dtype.kind == "f":
            return False
        names = (*filter(None, inputs), *results)
        if any(self.types[n].size > MAX_FLEETING for n in names):
            return False
        self.fleeting.update(results)
        return True

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
        if not op.takes(form):
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
