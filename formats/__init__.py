"""Model files. `load` recognises the format by the content, never by the name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from ..ir import FormatError, Graph
from .files import file_bytes

# The first byte of an ONNX file, which has no mark: the key of one of the fields of its outermost message.
ONNX_KEYS: Final = (0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)


def load(source: bytes | str | os.PathLike[str]) -> Graph:
    """Read a model from a path or from bytes."""
    data = source if isinstance(source, bytes) else file_bytes(source)
    if data[4:8] == b"TFL3":
        from .tflite.reader import read as read_tflite  # the schema package takes 0.15 s to import

        return read_tflite(data)
    if data[:1] and data[0] in ONNX_KEYS:
        from .onnx.reader import read as read_onnx

        return read_onnx(data if isinstance(source, bytes) else source)
    what = "the bytes given" if isinstance(source, bytes) else repr(os.fspath(source))
    raise FormatError(
        f"{what}: not a model of a known format (it starts with {data[:8]!r}); known: TFLite, ONNX"
    )


def _write_tflite(graph: Graph) -> bytes:
    from .tflite import write

    return write(graph)


def _write_onnx(graph: Graph) -> bytes:
    from .onnx import write_graph

    return write_graph(graph).data


# By the ending of the file's name.
WRITERS: Final[dict[str, Callable[[Graph], bytes]]] = {
    ".tflite": _write_tflite,
    ".onnx": _write_onnx,
}
