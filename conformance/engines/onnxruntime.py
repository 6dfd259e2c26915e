"""onnxruntime as a peer: outputs and intermediates of an ONNX file, on the CPU.

An ONNX file is a protobuf message, and messages that follow one another merge: appending one that
holds graph outputs makes every intermediate an output, without a parser of the whole format.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping

from ...ir import Array
from .litert import EngineError

# Field numbers of onnx.proto3: ModelProto.graph, GraphProto.node, NodeProto.output,
# GraphProto.output, ValueInfoProto.name.
GRAPH, NODE, NODE_OUTPUT, GRAPH_OUTPUT, NAME = 7, 1, 2, 12, 1
LENGTH_DELIMITED = 2


def available() -> bool:
    """Whether onnxruntime is installed; does not import it."""
    return importlib.util.find_spec("onnxruntime") is not None


class OnnxRuntime:
    """One ONNX model; with `intermediates`, its nodes' outputs are kept and no node is fused away."""

    def __init__(self, model: bytes, threads: int = 1, intermediates: bool = True) -> None:
        if not available():
            raise EngineError("onnxruntime is not installed: pip install onnxruntime")
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if intermediates:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            model = with_intermediates(model)
        try:
            self.session = ort.InferenceSession(model, options, ["CPUExecutionProvider"])
        except Exception as error:  # its exceptions share no base class but this
            raise EngineError(f"onnxruntime refuses: {error}") from error
        self.outputs = [o.name for o in self.session.get_outputs()]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs, and the intermediates if they are kept, by name."""
        try:
            values = self.session.run(None, dict(feeds))
        except Exception as error:
            raise EngineError(f"onnxruntime refuses: {error}") from error
        return dict(zip(self.outputs, values, strict=True))


def with_intermediates(model: bytes) -> bytes:
    """Return the model with every node's outputs among the graph's."""
    graphs = [body for number, body in _fields(model) if number == GRAPH]
    fields = [field for graph in graphs for field in _fields(graph)]
    have = {name for n, body in fields if n == GRAPH_OUTPUT for name in _strings(body, NAME)}
    names = [name for n, body in fields if n == NODE for name in _strings(body, NODE_OUTPUT)]
    extra = b"".join(
        _field(GRAPH_OUTPUT, _field(NAME, name))
        for name in dict.fromkeys(names)
        if name and name not in have
    )
    return model + _field(GRAPH, extra)


def _strings(message: bytes, number: int) -> list[bytes]:
    return [body for n, body in _fields(message) if n == number]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the length-delimited fields of a protobuf message; skip the others."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == LENGTH_DELIMITED:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise EngineError(f"the ONNX file is truncated at byte {at}")
            yield number, message[at : at + size]
            at += size
        elif wire == 0:
            _, at = _varint(message, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise EngineError(f"not an ONNX file: wire type {wire} at byte {at}")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(0, 70, 7):
        if at >= len(message):
            raise EngineError(f"the ONNX file is truncated at byte {at}")
        byte = message[at]
        value, at = value | (byte & 127) << place, at + 1
        if byte < 128:
            break
    return value, at


def _field(number: int, body: bytes) -> bytes:
    size, prefix = len(body), bytearray([number << 3 | LENGTH_DELIMITED])
    while size > 127:
        prefix.append(size & 127 | 128)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + body
