"""Options of custom operators: bytes, mostly a map in the FlexBuffers format, through its published reader."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from flatbuffers import flexbuffers

from ...ir import FormatError

MAX_OPTIONS: Final = 1 << 16  # bytes


def custom_options(operator: Any, where: str) -> bytes:
    """Return the bytes that are stored with a custom operator."""
    count = operator.CustomOptionsLength()
    if count > MAX_OPTIONS:
        raise FormatError(f"{where}: {count} bytes of options; at most {MAX_OPTIONS}")
    return bytes(operator.CustomOptionsAsNumpy().tobytes()) if count else b""


def read_map(stored: bytes, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a map of numbers that `defaults` names; one whose default is a type must be there.

    Only these are looked up: what else the map holds, and how deep, is not walked.

    >>> read_map(write_map({"a": 1, "b": 2.5}), {"a": int, "b": float, "c": True})
    {'a': 1, 'b': 2.5, 'c': True}
    """
    try:
        root = flexbuffers.GetRoot(stored)
        if not root.IsMap:
            raise FormatError("the options are no map")
        return {name: _entry(root.AsMap, name, kind) for name, kind in defaults.items()}
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, struct.error) as error:
        raise FormatError(f"the options are damaged: {error}") from None


def _entry(found: Any, name: str, kind: Any) -> Any:
    own = kind if isinstance(kind, type) else type(kind)
    try:
        entry = found[name]
    except KeyError:
        if isinstance(kind, type):
            raise FormatError(f"the options lack {name}") from None
        return kind
    if not (entry.IsInt or entry.IsFloat or entry.IsBool):
        raise FormatError(f"option {name} is no number")
    return own(entry.AsFloat if entry.IsFloat else entry.AsInt if entry.IsInt else entry.AsBool)


def write_map(values: Mapping[str, Any]) -> bytes:
    """Return a map of numbers as stored: whole ones, bool and float32."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, value in values.items():
            if isinstance(value, bool):
                builder.Bool(name, value)
            elif isinstance(value, int):
                builder.Int(name, value)
            else:
                builder.Float(name, float(value), 4)
    return bytes(builder.Finish())
