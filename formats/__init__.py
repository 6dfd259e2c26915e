"""Model files. `load` recognises the format by the content, never by the name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from ..ir import FormatError, Graph


def load(source: bytes | str | os.PathLike[str]) -> Graph:
    """Read a model from a path or from bytes."""
    from .tflite.reader import file_bytes, read  # the schema package takes 0.15 s to import

    data = source if isinstance(source, bytes) else file_bytes(source)
    if data[4:8] == b"TFL3":
        return read(data)
    what = "the bytes given" if isinstance(source, bytes) else repr(os.fspath(source))
    raise FormatError(
        f"{what}: not a model of a known format (it starts with {data[:8]!r}); known: TFLite"
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
