"""ONNX file -> graph in NHWC. Everything in the file is hostile until checked."""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...ir import Array, FormatError, Graph, Node, TensorType, UnsupportedError
from ...passes.cancel_transposes import cancel_transposes
from ...refimpl.shape import transpose
from ..files import file_bytes, located
from .source import ONNX, OnnxSource, OpenSizeError, Workspace
from .tensors import MAX_BYTES, MAX_RANK, Tensors, dtype_of
from .verify import verify

OPSETS: Final = range(1, 29)
DEFAULT_DOMAINS: Final = ("", "ai.onnx")
# Sizes that stand for what a file leaves open, in the second of two readings.
STAND_INS: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def read(source: bytes | str | os.PathLike[str], *, as_written: bool = False) -> Graph:
    """Read an ONNX file, given as bytes or as a path (external data is looked for beside it).

    Sizes that the file leaves open are 1, and in `dynamic`; where a node's meaning depends on one of them, all are 1
    for good. Whatever has no implementation is named in one error. `as_written` leaves the transpositions
    around each node: every tensor of the file is then there, by its name.
    """
    folder = None if isinstance(source, bytes) else Path(source).parent
    data = source if isinstance(source, bytes) else file_bytes(source)
    with located("file"):
        verify(data)
        model = _parsed(data)
        tensors = Tensors(folder)
        try:
            graph = _Reader(model, tensors, closed=False).graph()
        except OpenSizeError:
            graph = _Reader(model, Tensors(folder), closed=True).graph()
        return graph if as_written else cancel_transposes(graph)


def _parsed(data: bytes) -> Any:
    import onnx.onnx_ml_pb2 as schema
    from google.protobuf.message import DecodeError

    try:
        return schema.ModelProto.FromString(data)
    except (DecodeError, RecursionError) as error:
        raise FormatError(f"not an ONNX file, or a damaged one: {error}") from None


def _opset(model: Any) -> int:
    versions = [o.version for o in model.opset_import if o.domain in DEFAULT_DOMAINS]
    version = versions[0] if versions else 1
    if len(set(versions)) > 1 or version not in OPSETS:
        known = f"{OPSETS[0]} to {OPSETS[-1]}"
        raise UnsupportedError(f"operator set {versions}; supported: one of {known}")
    return version


class _Reader:
    """One reading of the main graph."""

    def __init__(self, model: Any, tensors: Tensors, *, closed: bool) -> None:
        self.model, self.source, self.tensors = model, model.graph, tensors
        self.closed, self.version = closed, _opset(model)
        self.work = Workspace()
        self.sizes: dict[str, int] = {}
        self.dynamic: dict[str, tuple[int, ...]] = {}
        self.missing: dict[str, None] = {}
        self.lost: set[str] = set()  # tensors that an operator without a rule would compute

    def graph(self) -> Graph:
        source, work = self.source, self.work
        if source.sparse_initializer:
            raise UnsupportedError("sparse initializers")
        work.taken = {n for node in source.node for n in node.output}
        for tensor in source.initializer:
            where = f"initializer {tensor.name!r}"
            if not tensor.name or tensor.name in work.names:
                raise FormatError(f"{where}: the name is missing, or there twice")
            value = self.tensors.array(tensor, where)
            work.names[tensor.name] = work.enter_constant(tensor.name, value)
        inputs = tuple(self._input(v) for v in source.input if v.name not in work.constants)
        if len(set(inputs)) != len(inputs):
            raise FormatError("graph inputs: a tensor is listed twice")
        for i, node in enumerate(self._ordered()):
            self._node(i, node)
        if self.missing:
            raise UnsupportedError(f"no implementation of {', '.join(self.missing)}")
        outputs = tuple(self._output(v.name) for v in source.output)
        if not outputs or len(set(outputs)) != len(outputs):
            raise FormatError("graph outputs: there are none, or one is listed twice")
        open_axes = {n: a for n in (*inputs, *outputs) if (a := self._open_axes(n))}
        return Graph(
            tuple(work.nodes),
            inputs,
            outputs,
            {name: type.without_value() for name, type in work.types.items()},
            work.constants,
            name=source.name,
            dynamic=open_axes,
            metadata=self._metadata(),
        )

    def _ordered(self) -> list[Any]:
        """Return the nodes so that each comes after those whose results it reads, else as they stand."""
        nodes = list(self.source.node)
        maker = {n: i for i, node in enumerate(nodes) for n in node.output if n}
        after = [{maker[n] for n in node.input if n in maker} for node in nodes]
        if all(max(sources, default=-1) < i for i, sources in enumerate(after)):
            return nodes
        readers: list[list[int]] = [[] for _ in nodes]
        for i, sources in enumerate(after):
            for j in sources:
                readers[j].append(i)
        ready = [i for i, sources in enumerate(after) if not sources]
        order = []
        while ready:
            i = heapq.heappop(ready)
            order.append(nodes[i])
            for j in readers[i]:
                after[j].discard(i)
                if not after[j]:
                    heapq.heappush(ready, j)
        if len(order) < len(nodes):
            raise FormatError("the nodes read each other's results in a circle")
        return order

    def _metadata(self) -> dict[str, Any]:
        found = {
            "format": "onnx",
            "description": self.model.doc_string,
            "producer": self.model.producer_name,
            "opset": self.version,
            "closed": self.closed,
        }
        return {key: value for key, value in found.items() if value}

    def _open_axes(self, name: str) -> tuple[int, ...]:
        here, there = self.work.types[name].shape, self.work.other[name].shape
        return tuple(i for i, (a, b) in enumerate(zip(here, there, strict=True)) if a != b)

    def _input(self, declared: Any) -> str:
        """Enter a graph input."""
        name, where = declared.name, f"input {declared.name!r}"
        if not name or not declared.type.HasField("tensor_type"):
            raise UnsupportedError(f"{where} is no tensor")
        tensor = declared.type.tensor_type
        dtype = dtype_of(tensor.elem_type, where)
        if not tensor.HasField("shape"):
            raise UnsupportedError(f"{where} has any number of axes")
        if len(tensor.shape.dim) > MAX_RANK:
            raise FormatError(f"{where} has {len(tensor.shape.dim)} axes; at most {MAX_RANK}")
        pairs = [self._size(d, where) for d in tensor.shape.dim]
        one, two = (TensorType(tuple(p[i] for p in pairs), dtype) for i in (0, 1))
        if (
            max(math.prod(t.shape) for t in (one, two)) * dtype.itemsize > MAX_BYTES
            or min((*one.shape, 0)) < 0
        ):
            raise FormatError(f"{where}: shape {one.shape} takes more than {MAX_BYTES} bytes")
        self.work.names[name] = name
        self.work.types[name], self.work.other[name] = one, two
        return str(name)

    def _size(self, dim: Any, where: str) -> tuple[int, int]:
        """Return a size in both readings."""
        if dim.HasField("dim_value") and dim.dim_value > 0:
            return dim.dim_value, dim.dim_value
        if dim.HasField("dim_value") and dim.dim_value < -1:
            raise FormatError(f"{where} has a size of {dim.dim_value}")
        key = dim.dim_param or f"?{len(self.sizes)}"
        if key not in self.sizes:
            self.sizes[key] = 1 if self.closed else STAND_INS[len(self.sizes) % len(STAND_INS)]
        return 1, self.sizes[key]

    def _node(self, index: int, node: Any) -> None:
        where = f"node {index} {node.op_type} {node.name!r}"
        domain = "" if node.domain in DEFAULT_DOMAINS else f"{node.domain}."
        self._connect(node, where)
        if domain or node.op_type not in ONNX:
            self._lose(node, f"{domain}{node.op_type}")
            return
        if self.lost & set(node.input):
            self.lost |= set(node.output)
            return
        with located(where):
            work = self.work
            source = OnnxSource(
                node.op_type,
                self.version,
                tuple(work.names[n] if n else None for n in node.input),
                tuple(node.output),
                self._attributes(node, where),
                f"{index} {node.op_type}",
                work,
            )
            first = len(work.nodes)
            try:
                source.finish(ONNX[node.op_type](source), first)
            except UnsupportedError as error:
                self._lose(node, f"{node.op_type} ({error})")

    def _lose(self, node: Any, what: str) -> None:
        self.missing[what] = None
        self.lost |= set(node.output)

    def _connect(self, node: Any, where: str) -> None:
        """Check that the node's inputs are there and its outputs are nobody else's."""
        for name in node.input:
            if name and name not in self.work.names and name not in self.lost:
                raise FormatError(
                    f"{where}: nothing computes its input {name!r}; the file is damaged"
                )
        outputs = [n for n in node.output if n]
        for name in outputs:
            if name in self.work.names or name in self.lost or outputs.count(name) > 1:
                raise FormatError(f"{where}: its output {name!r} has a value already")

    def _attributes(self, node: Any, where: str) -> dict[str, Any]:
        """Return the attributes as Python values; graphs are left out."""
        found: dict[str, Any] = {}
        for a in node.attribute:
            if a.name in found or a.ref_attr_name:
                raise FormatError(f"{where}: attribute {a.name!r} is there twice, or of a function")
            value = self._attribute(a, f"{where}, attribute {a.name}")
            if value is not None:
                found[a.name] = value
        return found

    def _attribute(self, a: Any, where: str) -> Any:
        kinds: Mapping[int, Any] = {
            1: lambda: float(a.f),
            2: lambda: int(a.i),
            3: lambda: a.s.decode("utf-8", "backslashreplace"),
            4: lambda: self.tensors.array(a.t, where),
            6: lambda: tuple(map(float, a.floats)),
            7: lambda: tuple(map(int, a.ints)),
            8: lambda: tuple(s.decode("utf-8", "backslashreplace") for s in a.strings),
        }
        return kinds[a.type]() if a.type in kinds else None

    def _output(self, name: str) -> str:
        """Return the name of a graph output; what only passes through becomes a node of that name."""
        work = self.work
        if name not in work.names:
            raise FormatError(f"graph outputs: nothing computes {name!r}")
        own = work.names[name]
        if own == name and own not in work.constants:
            return name
        rank = len(work.types[own].shape)
        value: Array = np.arange(rank, dtype=np.int32)
        perm = work.enter_constant(work.fresh(f"{name}/perm"), value)
        work.types[name], work.other[name] = (
            t[own].without_value() for t in (work.types, work.other)
        )
        work.nodes.append(Node(transpose, (own, perm), (name,), name=f"output {name}"))
        return name
