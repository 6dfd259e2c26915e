"""TFLite file -> graph. Everything in the file is hostile until checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import tflite

from ...ir import (
    Array,
    FormatError,
    Graph,
    Node,
    Op,
    State,
    TensorType,
    UnsupportedError,
)
from ..files import file_bytes, located
from .attached import attached_labels, signatures
from .consistency import check_nodes
from .custom import custom_options
from .options import enum_names, read_options
from .table import TFLITE, TfliteOp, Workspace, custom
from .tensors import Tensors, start_of
from .verify import verify


def read(source: bytes | str | os.PathLike[str]) -> Graph:
    """Read a TFLite file, given as bytes or as a path.

    Operators without a rule become nodes that cannot run; `metadata["unsupported"]` names them.
    """
    data = source if isinstance(source, bytes) else file_bytes(source)
    with located("file"):
        verify(data)
        model = tflite.Model.GetRootAs(data, 0)
        if model.Version() != 3:
            raise FormatError(f"TFLite schema version {model.Version()}; only 3 is defined")
        if not model.SubgraphsLength():
            raise FormatError("field subgraphs is empty; the file holds no network")
        reader = _Reader(model, data)
        graph = reader.graph()
    check_nodes(graph, reader.tensors.open_axes, located)
    return graph


class _Reader:
    """The reading of subgraph 0."""

    def __init__(self, model: Any, data: bytes) -> None:
        self.model, self.data, self.subgraph = model, data, model.Subgraphs(0)
        self.workspace = Workspace()
        self.tensors = Tensors(model, self.subgraph, data, self.workspace)
        self.codes = [
            self._code(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength())
        ]
        self.missing: dict[str, Op[..., Any]] = {}
        # Tensors that only tell a rule a quantization; they are no part of the graph.
        self.carriers: set[str] = set()

    def graph(self) -> Graph:
        fed = self._list(self.subgraph, "Inputs", "graph inputs")
        outputs = self._list(self.subgraph, "Outputs", "graph outputs")
        if len(set(fed)) != len(fed):
            raise FormatError("graph inputs: a tensor is listed twice")
        work = self.workspace
        self._forget_empty(fed)
        inputs = tuple(n for n in fed if n not in work.constants)
        work.states = {n: n for n in self.tensors.variables if n not in inputs}
        self.ready = {*work.constants, *inputs, *work.states}
        nodes = tuple(
            node for i in range(self.subgraph.OperatorsLength()) for node in self._nodes(i)
        )
        for name in self.carriers - self.ready:
            del work.tensors[name], work.origin[name]
        absent = [n for n in outputs if n not in self.ready]
        if absent:
            raise FormatError(f"graph outputs: nothing computes {', '.join(absent)}")
        open_axes = {n: a for n, a in self.tensors.open_axes.items() if n in {*inputs, *outputs}}
        return Graph(
            nodes,
            inputs,
            outputs,
            {name: type.without_value() for name, type in work.tensors.items()},
            work.constants,
            tuple(State(n, s, start_of(work.tensors[n])) for n, s in work.states.items()),
            (self.subgraph.Name() or b"").decode("utf-8", "backslashreplace"),
            work.origin,
            open_axes,
            self._metadata(),
        )

    def _metadata(self) -> dict[str, Any]:
        found = {
            "format": "tflite",
            "description": (self.model.Description() or b"").decode("utf-8", "backslashreplace"),
            "unsupported": tuple(self.missing),
            "signatures": signatures(self.model, self.tensors),
            "labels": attached_labels(self.data),
        }
        return {key: value for key, value in found.items() if value}

    def _code(self, entry: Any) -> tuple[str, int, bool]:
        """Return name, version and whether it is built in."""
        number = max(entry.DeprecatedBuiltinCode(), entry.BuiltinCode())
        name = enum_names(tflite.BuiltinOperator).get(number)
        if name == "CUSTOM":
            own = (entry.CustomCode() or b"").decode("utf-8", "backslashreplace")
            return own or "CUSTOM", entry.Version(), False
        return name or f"operator code {number}", entry.Version(), name is not None

    def _forget_empty(self, fed: Sequence[str]) -> None:
        """Tensors without elements count as stored, except those that are fed or computed."""
        operators = (self.subgraph.Operators(i) for i in range(self.subgraph.OperatorsLength()))
        computed = (n for o in operators for n in self._list(o, "Outputs", "operator outputs"))
        for name in {*fed, *computed}:
            if name in self.workspace.constants and not self.workspace.constants[name].size:
                del self.workspace.constants[name]
                self.workspace.tensors[name] = self.workspace.tensors[name].without_value()

    def _list(self, table: Any, field: str, where: str) -> tuple[str, ...]:
        """Return the names that a vector of tensor indices stands for."""
        indices = self._indices(table, field)
        return tuple(self.tensors.name(i, where) for i in indices)

    def _indices(self, table: Any, field: str) -> list[int]:
        if not getattr(table, f"{field}Length")():
            return []
        indices: list[int] = getattr(table, f"{field}AsNumpy")().tolist()
        return indices

    def _nodes(self, index: int) -> Sequence[Node]:
        operator = self.subgraph.Operators(index)
        if operator.OpcodeIndex() >= len(self.codes):
            raise FormatError(
                f"operator {index}: field opcode_index is {operator.OpcodeIndex()} "
                f"of {len(self.codes)}; the file is damaged"
            )
        code, version, builtin = self.codes[operator.OpcodeIndex()]
        where = f"operator {index} {code}"
        with located(where):
            key = code if builtin else custom(code)
            known = key in TFLITE
            source = TfliteOp(
                code=code,
                version=version,
                inputs=tuple(
                    None if i == -1 else self.tensors.name(i, f"{where}, inputs")
                    for i in self._indices(operator, "Inputs")
                ),
                outputs=self._list(operator, "Outputs", f"{where}, outputs"),
                options=read_options(operator, code, f"{index} {code}")
                if known and builtin
                else {},
                types=self.workspace.tensors,
                name=f"{index} {code}",
                intermediates=self._list(operator, "Intermediates", f"{where}, intermediates"),
                custom=b"" if builtin else custom_options(operator, where),
                workspace=self.workspace,
            )
            self._connect(source)
            self.carriers |= set(source.intermediates)
            if not known:
                return [source.node(self._placeholder(code))]
            try:
                made = TFLITE[key](source)
            except UnsupportedError as error:
                raise UnsupportedError(f"{where}: {error}") from error
        return [made] if isinstance(made, Node) else made

    def _connect(self, source: TfliteOp) -> None:
        """Check that the operator's inputs are there and its outputs are nobody else's."""
        for name in source.inputs:
            if name is not None and name not in self.ready:
                raise FormatError(
                    f"operator {source.name}: nothing has computed its input {name!r}; "
                    "operators must stand in execution order"
                )
            if name is not None and self.workspace.states.get(name, name) != name:
                raise UnsupportedError(
                    f"operator {source.name}: reads variable {name!r} after another updated it"
                )
        for name in source.outputs:
            if name in self.ready:
                raise FormatError(
                    f"operator {source.name}: its output {name!r} has a value already"
                )
            self.ready.add(name)

    def _placeholder(self, code: str) -> Op[..., Any]:
        """Return an operator outside of the registry that stands for a missing one."""
        if code not in self.missing:
            self.missing[code] = missing_op(code)
        return self.missing[code]


def missing_op(code: str) -> Op[..., Any]:
    """Return an operator called `code` that raises whatever is asked of it."""

    def absent(*tensors: Array) -> Array:
        raise UnsupportedError(f"operator {code} has no implementation")

    def infer(*types: TensorType) -> TensorType:
        raise UnsupportedError(f"operator {code} has no implementation")

    absent.__name__ = absent.__qualname__ = code
    return Op(absent, infer, (), (), 0, False)
