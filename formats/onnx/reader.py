"""ONNX file -> graph in NHWC. Everything in the file is hostile until checked."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...ir import Deferred, FormatError, Graph, TensorType, UnsupportedError
from ..files import file_bytes, located
from .scope import DEFAULT_DOMAINS, File, Scope, finished
from .tensors import MAX_BYTES, MAX_RANK, Tensors, dtype_of
from .verify import verify
from .workspace import OpenSizeError, Workspace

OPSETS: Final = range(1, 29)
SEVERAL: Final = 4  # readings for other sizes that are remembered, each with weights of its own
# Sizes that stand for what a file leaves open, in the second of two readings.
STAND_INS: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def read(source: bytes | str | os.PathLike[str], *, as_written: bool = False) -> Graph:
    """Read an ONNX file, given as bytes or as a path (external data is looked for beside it).

    Sizes that the file leaves open are 1, and in `dynamic`; where a node's meaning depends on one of them, the nodes
    hold for 1 only, and the file is read again for others (`Graph.resized`). Whatever has no implementation is named
    in one error. `as_written` leaves the transpositions
    around each node: every tensor of the file is then there, by its name.
    """
    folder = None if isinstance(source, bytes) else Path(source).parent
    data = source if isinstance(source, bytes) else file_bytes(source)
    with located("file"):
        verify(data)
        model = _parsed(data)
        tensors = Tensors(folder)
        functions = {
            (f.domain if f.domain != "ai.onnx" else "", f.name): f for f in model.functions
        }
        file = File(tensors, _opset(model), functions, as_written)
        try:
            return finished(file, _Reader(model, file).graph())
        except OpenSizeError:
            return _for_given_sizes(model, file, folder)


def _for_given_sizes(model: Any, file: File, folder: Path | None) -> Graph:
    """Read a file of which some node's meaning depends on a size that it leaves open: here 1, and as fed later."""

    def read_for(shapes: Mapping[str, tuple[int, ...]]) -> Graph:
        anew = replace(file, tensors=Tensors(folder), expanded=0)
        return finished(anew, _Reader(model, anew, shapes).graph())

    def read_again(values: Mapping[str, Any]) -> Graph:
        return read_for({n: v.shape for n, v in values.items() if isinstance(v, np.ndarray)})

    graph = read_for({})
    operators = tuple(node.op_type for node in model.graph.node)
    again = Deferred(graph.inputs, graph.outputs, read_again, operators=operators, most=SEVERAL)
    return replace(graph, resized=again)


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
    """One reading of the main graph: with open sizes, or for inputs of given `shapes`, where 1 stands for the rest."""

    def __init__(
        self, model: Any, file: File, shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> None:
        self.model, self.source, self.file, self.shapes = model, model.graph, file, shapes
        self.work = Workspace()
        self.sizes: dict[str, int] = {}
        self.free: dict[str, tuple[int, ...]] = {}  # axes of inputs that the file leaves open

    def graph(self) -> Graph:
        source, work = self.source, self.work
        if source.sparse_initializer:
            raise UnsupportedError("sparse initializers")
        for tensor in source.initializer:
            where = f"initializer {tensor.name!r}"
            if not tensor.name or tensor.name in work.names:
                raise FormatError(f"{where}: the name is missing, or there twice")
            value = self.file.tensors.array(tensor, where)
            work.names[tensor.name] = work.enter_constant(tensor.name, value)
        inputs = tuple(self._input(v) for v in source.input if v.name not in work.constants)
        if len(set(inputs)) != len(inputs):
            raise FormatError("graph inputs: a tensor is listed twice")
        scope = Scope(self.file, source.node, work)
        scope.read()
        outputs = tuple(v.name for v in source.output)
        if not outputs or len(set(outputs)) != len(outputs):
            raise FormatError("graph outputs: there are none, or one is listed twice")
        graph = scope.graph(inputs, outputs, name=source.name, metadata=self._metadata())
        ends = (n for n in (*inputs, *outputs) if n in work.types)
        return replace(graph, dynamic={n: a for n in ends if (a := self._open_axes(n))} | self.free)

    def _metadata(self) -> dict[str, Any]:
        found = {
            "format": "onnx",
            "description": self.model.doc_string,
            "producer": self.model.producer_name,
            "opset": self.file.version,
            "closed": self.shapes is not None,
        }
        return {key: value for key, value in found.items() if value}

    def _open_axes(self, name: str) -> tuple[int, ...]:
        here, there = self.work.types[name].shape, self.work.other[name].shape
        return tuple(i for i, (a, b) in enumerate(zip(here, there, strict=True)) if a != b)

    def _input(self, declared: Any) -> str:
        """Enter a graph input."""
        name, where = declared.name, f"input {declared.name!r}"
        tensor = declared.type.tensor_type
        if not name:
            raise FormatError(f"{where} has no name")
        if not declared.type.HasField("tensor_type") or not tensor.HasField("shape"):
            self.work.names[name] = name  # a sequence, an optional, or any number of axes
            return str(name)
        dtype = dtype_of(tensor.elem_type, where)
        if len(tensor.shape.dim) > MAX_RANK:
            raise FormatError(f"{where} has {len(tensor.shape.dim)} axes; at most {MAX_RANK}")
        pairs = [self._size(d, where) for d in tensor.shape.dim]
        if self.shapes is not None:
            free = tuple(i for i, d in enumerate(tensor.shape.dim) if d.dim_value <= 0)
            self.free |= {name: free} if free else {}
            given = self.shapes.get(name, tuple(p[0] for p in pairs))
            pairs = [(n, n) for n in given]
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
            self.sizes[key] = STAND_INS[len(self.sizes) % len(STAND_INS)]
        return 1, self.sizes[key]
