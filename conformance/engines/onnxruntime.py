"""onnxruntime as a judged engine, in a child process: outputs and intermediates of ONNX files, on the CPU.

An ONNX file is a protobuf message, and messages that follow one another merge: appending one that
holds graph outputs makes every intermediate an output, without a parser of the whole format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ...ir import Array
from .child import Child, EngineError

# Field numbers of onnx.proto3: ModelProto.graph, GraphProto.node, NodeProto.output,
# GraphProto.output, ValueInfoProto.name.
GRAPH, NODE, NODE_OUTPUT, GRAPH_OUTPUT, NAME = 7, 1, 2, 12, 1
LENGTH_DELIMITED = 2


class OnnxRuntime(Child):
    """A persistent child process that runs ONNX models.

    Attributes:
        threads: onnxruntime's own threads.
        timeout: seconds after which a request counts as hung and the child is ended.
    """

    name = "onnxruntime"
    package = "onnxruntime"
    worker = Path(__file__).with_name("onnxruntime_worker.py")

    def __init__(self, threads: int = 1, timeout: float = 120.0) -> None:
        super().__init__(timeout)
        self.threads = threads

    def run(
        self, model: bytes, feeds: Mapping[str, Array], *, fuse: bool = False
    ) -> dict[str, Array]:
        """Run `model` on arrays by input name and return its outputs by name.

        With `fuse` it is optimized as users have it; otherwise each node runs as it stands in the file.
        """
        request = {
            "model": bytes(model),
            "feeds": {n: np.asarray(a) for n, a in feeds.items()},
            "fuse": fuse,
        }
        answer: dict[str, Array] = self.ask({**request, "threads": self.threads})
        return answer


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
