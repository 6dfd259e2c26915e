"""What a TFLite file carries beside the network: a list of labels, names of inputs and outputs."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any, Final

from .tensors import Tensors

MAX_LABEL_BYTES: Final = 1 << 20


def attached_labels(data: bytes) -> tuple[str, ...]:
    """Return the lines of the label file in the zip archive behind the tables, if there is one."""
    if data.rfind(b"PK\x05\x06", -66_000) < 0:
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if "label" in entry.filename.lower() and entry.filename.endswith(".txt"):
                    with archive.open(entry) as file:
                        text = file.read(MAX_LABEL_BYTES).decode("utf-8", "replace")
                    return tuple(text.splitlines())
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError):
        return ()  # labels are a convenience: a damaged archive must not keep the network from running
    return ()


def signatures(model: Any, tensors: Tensors) -> dict[str, dict[str, dict[str, str]]]:
    """Return, by signature key, the public names of inputs and outputs of subgraph 0."""
    found = {}
    for i in range(model.SignatureDefsLength()):
        entry = model.SignatureDefs(i)
        if entry.SubgraphIndex() == 0:
            key = (entry.SignatureKey() or b"").decode("utf-8", "backslashreplace")
            found[key] = {
                "inputs": _names(entry, "Inputs", f"signature {key!r}", tensors),
                "outputs": _names(entry, "Outputs", f"signature {key!r}", tensors),
            }
    return found


def _names(entry: Any, field: str, where: str, tensors: Tensors) -> dict[str, str]:
    """Return public name -> tensor name."""
    maps = [getattr(entry, field)(i) for i in range(getattr(entry, f"{field}Length")())]
    return {
        (m.Name() or b"").decode("utf-8", "backslashreplace"): tensors.name(
            m.TensorIndex(), f"{where}, {field.lower()}"
        )
        for m in maps
    }
