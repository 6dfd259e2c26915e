"""Graph -> TFLite file, through the published schema package's builders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import flatbuffers
import numpy as np
import tflite

from ...ir import (
    Array,
    Graph,
    InputError,
    Node,
    QuantParams,
    TensorType,
    UnsupportedError,
    format_of,
)
from ...quant.rule import INT8, number_format
from .options import write_options
from .table import TFLITE_WRITER, TYPE_OF_FORMAT, TfliteRecord
from .tensors import start_of

ALIGNMENT: Final = 16  # of constant data, as readers that map the file expect
MAX_DEPRECATED_CODE: Final = 127
# Formats that TFLite's kernels take for quantized, beyond those for which there is a rule.
QUANTIZED_THERE: Final = {"div": ("s8", "s16"), "not_equal": ("s16",)}


def write(graph: Graph) -> bytes:
    """Return the file of `graph`; operators without a rule, or that TFLite cannot say, raise."""
    return _Writer(graph).file()


def _read(graph: Graph) -> set[str]:
    """Return the names that nodes read."""
    return {name for node in graph.nodes for name in node.inputs if name is not None}


class _Writer:
    """One file in the making. FlatBuffers are written from the leaves to the root."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.builder = graph, flatbuffers.Builder(1 << 16)
        self.variables = {s.tensor for s in graph.states}
        self.successors = {s.successor for s in graph.states} - self.variables
        for state in graph.states:
            if not np.array_equal(state.initial, start_of(graph.tensors[state.tensor])):
                raise UnsupportedError(f"state {state.tensor!r}: TFLite variables start from zero")
        if self.successors & {*graph.inputs, *graph.outputs, *_read(graph)}:
            raise UnsupportedError("TFLite cannot read a state in the run that updates it")
        self.types: dict[str, TensorType] = {
            name: replace(type, value=graph.constants.get(name))
            for name, type in graph.tensors.items()
            if name not in self.successors
        }
        self.texts: set[str] = set()
        self.records = [self._record(i) for i in range(len(graph.nodes))]
        self.index = {name: i for i, name in enumerate(self.types)}
        self.codes = sorted({(r.code, r.version, r.custom is not None) for r, _ in self.records})
        # Buffer 0 stands for "no data".
        self.values: list[Array] = [np.empty(0, np.uint8)]

    def _require_quantized(self, node: Node) -> None:
        """Refuse another dialect, and plain integers where TFLite takes such for quantized ones."""
        types = tuple(None if n is None else self.types.get(n) for n in node.inputs)
        if number_format(node.op, types, node.dialect) != number_format(node.op, types, "tflite"):
            raise UnsupportedError(f"{node}: TFLite has no dialect {node.dialect}")
        if any(t and t.quant for t in (*types, *map(self.types.get, node.outputs))):
            return
        place = node.op.format_input
        if place >= len(types) or types[place] is None:
            return
        form = format_of(node.op, types)
        if (node.op, form) in INT8 or form in QUANTIZED_THERE.get(node.op.__name__, ()):
            raise UnsupportedError(f"{node}: TFLite takes these integers for quantized ones")

    def _record(self, position: int) -> tuple[TfliteRecord, list[str]]:
        """Apply the rule of a node; return its record and the names of its intermediates."""
        node = self.graph.nodes[position]
        if node.op not in TFLITE_WRITER:
            raise UnsupportedError(f"{node}: TFLite files cannot hold {node.op.__name__} yet")
        self._require_quantized(node)
        named = {n for n in (*node.inputs, *node.outputs) if n is not None}
        unknown = sorted(named - self.types.keys() - self.successors)
        if unknown:
            raise InputError(f"{node}: the graph declares no tensor {', '.join(unknown)}")
        try:
            record = TFLITE_WRITER[node.op](node, self.types)
        except UnsupportedError as error:
            raise UnsupportedError(f"{node}: {error}") from error
        self.types |= record.constants
        self.texts |= set(record.texts)
        carriers = [f"{node.outputs[0]}/intermediate{i}" for i in range(len(record.intermediates))]
        self.types |= dict(zip(carriers, record.intermediates, strict=True))
        return record, carriers

    def file(self) -> bytes:
        b = self.builder
        tensors = self._tables([self._tensor(n, t) for n, t in self.types.items()])
        operators = self._tables(
            [
                self._operator(*record, node.outputs)
                for record, node in zip(self.records, self.graph.nodes, strict=True)
            ]
        )
        inputs, outputs = self._ints(self.graph.inputs), self._ints(self.graph.outputs)
        name = b.CreateString(self.graph.name)
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensors)
        tflite.SubGraphAddInputs(b, inputs)
        tflite.SubGraphAddOutputs(b, outputs)
        tflite.SubGraphAddOperators(b, operators)
        tflite.SubGraphAddName(b, name)
        subgraphs = self._tables([tflite.SubGraphEnd(b)])
        codes = self._tables([self._code(*c) for c in self.codes])
        buffers = self._tables([self._buffer(v) for v in self.values])
        signatures = self._signatures()
        description = b.CreateString(self.graph.metadata.get("description", "") or "litegold")
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, codes)
        tflite.ModelAddSubgraphs(b, subgraphs)
        tflite.ModelAddDescription(b, description)
        tflite.ModelAddBuffers(b, buffers)
        tflite.ModelAddSignatureDefs(b, signatures)
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        return bytes(b.Output())

    def _tables(self, offsets: Sequence[int]) -> int:
        """Write a vector of offsets to tables."""
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def _ints(self, names: Sequence[str | None]) -> int:
        """Write a vector of tensor indices."""
        return self._numbers([-1 if n is None else self.index[n] for n in names], np.int32)

    def _numbers(self, values: Sequence[float], dtype: Any) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, dtype)))

    def _tensor(self, name: str, type: TensorType) -> int:
        b = self.builder
        if type.format not in TYPE_OF_FORMAT:
            raise UnsupportedError(f"tensor {name!r}: TFLite has no element type {type.format}")
        buffer = 0
        if type.value is not None:
            buffer = len(self.values)
            self.values.append(type.value)
        text_type = name in self.texts  # its shape counts texts, not their bytes
        closed = text_type or self.graph.resized is not None  # its nodes hold for these sizes
        open_axes = () if closed else self.graph.dynamic.get(name, ())
        signature = [-1 if i in open_axes else n for i, n in enumerate(type.shape)]
        shape = self._numbers((1,) if text_type else type.shape, np.int32)
        marks = self._numbers(signature, np.int32) if open_axes else 0
        text = b.CreateString(name)
        quant = self._quant(type.quant) if type.quant else 0
        tflite.TensorStart(b)
        tflite.TensorAddShape(b, shape)
        kind = "STRING" if text_type else TYPE_OF_FORMAT[type.format]
        tflite.TensorAddType(b, getattr(tflite.TensorType, kind))
        tflite.TensorAddBuffer(b, buffer)
        tflite.TensorAddName(b, text)
        if quant:
            tflite.TensorAddQuantization(b, quant)
        tflite.TensorAddIsVariable(b, name in self.variables)
        if marks:
            tflite.TensorAddShapeSignature(b, marks)
        tflite.TensorAddHasRank(b, True)
        return int(tflite.TensorEnd(b))

    def _quant(self, quant: QuantParams) -> int:
        b = self.builder
        scale = self._numbers(quant.scale, np.float32)
        zeros = quant.zero_point
        if len(zeros) == 1:
            zeros *= len(quant.scale)
        zero_point = self._numbers(zeros, np.int64)
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero_point)
        tflite.QuantizationParametersAddQuantizedDimension(b, quant.axis or 0)
        return int(tflite.QuantizationParametersEnd(b))

    def _operator(
        self, record: TfliteRecord, carriers: Sequence[str], outputs: Sequence[str]
    ) -> int:
        b = self.builder
        stored = record.custom
        kind, options = (
            (0, 0) if stored is not None else write_options(b, record.code, record.options)
        )
        own = b.CreateByteVector(stored) if stored else 0
        inputs = self._ints(record.inputs)
        written = self._ints([n for n in outputs if n not in self.successors])
        intermediates = self._ints(carriers) if carriers else 0
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(
            b, self.codes.index((record.code, record.version, stored is not None))
        )
        tflite.OperatorAddInputs(b, inputs)
        tflite.OperatorAddOutputs(b, written)
        if kind:
            tflite.OperatorAddBuiltinOptionsType(b, kind)
            tflite.OperatorAddBuiltinOptions(b, options)
        if own:
            tflite.OperatorAddCustomOptions(b, own)
        if intermediates:
            tflite.OperatorAddIntermediates(b, intermediates)
        return int(tflite.OperatorEnd(b))

    def _code(self, code: str, version: int, custom: bool) -> int:
        b, number = self.builder, getattr(tflite.BuiltinOperator, "CUSTOM" if custom else code)
        text = b.CreateString(code) if custom else 0
        tflite.OperatorCodeStart(b)
        if custom:
            tflite.OperatorCodeAddCustomCode(b, text)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, MAX_DEPRECATED_CODE))
        tflite.OperatorCodeAddVersion(b, version)
        tflite.OperatorCodeAddBuiltinCode(b, number)
        return int(tflite.OperatorCodeEnd(b))

    def _buffer(self, value: Array) -> int:
        b, data = self.builder, 0
        if value.size:
            raw = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<")).tobytes()
            b.StartVector(1, len(raw), ALIGNMENT)
            b.head -= len(raw)
            b.Bytes[b.head : b.head + len(raw)] = raw
            data = b.EndVector()
        tflite.BufferStart(b)
        if data:
            tflite.BufferAddData(b, data)
        return int(tflite.BufferEnd(b))

    def _signatures(self) -> int:
        """Write the public names of inputs and outputs."""
        b, entries = self.builder, []
        signatures: Mapping[str, Any] = self.graph.metadata.get("signatures", {})
        for key, names in signatures.items():
            maps = [
                self._tables([self._map(*m) for m in names[side].items()])
                for side in ("inputs", "outputs")
            ]
            text = b.CreateString(key)
            tflite.SignatureDefStart(b)
            tflite.SignatureDefAddInputs(b, maps[0])
            tflite.SignatureDefAddOutputs(b, maps[1])
            tflite.SignatureDefAddSignatureKey(b, text)
            tflite.SignatureDefAddSubgraphIndex(b, 0)
            entries.append(tflite.SignatureDefEnd(b))
        return self._tables(entries)

    def _map(self, name: str, tensor: str) -> int:
        b, text = self.builder, self.builder.CreateString(name)
        tflite.TensorMapStart(b)
        tflite.TensorMapAddName(b, text)
        tflite.TensorMapAddTensorIndex(b, self.index[tensor])
        return int(tflite.TensorMapEnd(b))
