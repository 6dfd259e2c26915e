"""Tensors of an ONNX file: element types, shapes and data, inside of the file or beside it; all checked."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...ir import (
    BITS_OF,
    FORMATS,
    NARROW_FLOATS,
    Array,
    FormatError,
    InputError,
    UnsupportedError,
)

MAX_RANK: Final = 8
MAX_BYTES: Final = 1 << 30  # of one tensor, and of all that a file keeps outside of itself
EXTERNAL: Final = 1  # TensorProto.DataLocation
# TensorProto.DataType -> short name
FORMAT_OF_TYPE: Final = {
    1: "f32",
    2: "u8",
    3: "s8",
    4: "u16",
    5: "s16",
    6: "s32",
    7: "s64",
    9: "bool",
    10: "f16",
    11: "f64",
    12: "u32",
    8: "str",
    13: "u64",
    16: "bf16",
    17: "f8e4m3fn",
    18: "f8e4m3fnuz",
    19: "f8e5m2",
    20: "f8e5m2fnuz",
    21: "u4",
    22: "s4",
    23: "f4e2m1",
    24: "f8e8m0",
    25: "u2",
    26: "s2",
}
OTHER_TYPES: Final = {
    0: "UNDEFINED",
    14: "COMPLEX64",
    15: "COMPLEX128",
    27: "FLOAT6E2M3",
    28: "FLOAT6E3M2",
}
# Elements that share a byte, the first in the lowest bits: how many.
PACKED: Final = {"u4": 2, "s4": 2, "f4e2m1": 2, "u2": 4, "s2": 4}
# The field that holds the elements, by short name, where they are not raw.
FIELDS: Final = {
    "f32": "float_data",
    "f64": "double_data",
    "s64": "int64_data",
    "u32": "uint64_data",
    "u64": "uint64_data",
}


def dtype_of(number: int, where: str) -> np.dtype[Any]:
    """Return the element type that a number of the format stands for."""
    if number not in FORMAT_OF_TYPE:
        name = OTHER_TYPES.get(number, f"number {number}")
        known = ", ".join(FORMAT_OF_TYPE.values())
        raise UnsupportedError(f"{where}: element type {name}; supported: {known}")
    return FORMATS[FORMAT_OF_TYPE[number]]


class Tensors:
    """Decodes tensors; `folder` is where the file lies, None for bytes: they have no neighbours."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.outside = 0

    def array(self, tensor: Any, where: str) -> Array:
        """Return the value of a TensorProto as a read-only array."""
        dtype, shape = dtype_of(tensor.data_type, where), tuple(tensor.dims)
        if len(shape) > MAX_RANK or any(n < 0 for n in shape):
            raise FormatError(f"{where}: field dims is {shape[: MAX_RANK + 1]}")
        count = math.prod(shape)
        if count * dtype.itemsize > MAX_BYTES:
            raise FormatError(f"{where}: shape {shape} takes more than {MAX_BYTES} bytes")
        if dtype == FORMATS["str"]:
            return self._texts(tensor, shape, where)
        nbytes = _stored_bytes(count, FORMAT_OF_TYPE[tensor.data_type])
        if tensor.HasField("segment"):
            raise UnsupportedError(f"{where} is stored in segments")
        if tensor.data_location == EXTERNAL:
            raw = self._outside(tensor, nbytes, where)
        elif tensor.HasField("raw_data"):
            raw = tensor.raw_data
        else:
            return self._listed(tensor, shape, dtype, where)
        if len(raw) != nbytes:
            raise FormatError(f"{where}: {len(raw)} bytes, but {shape} of {dtype} takes {nbytes}")
        return _frozen(_from_bytes(raw, count, FORMAT_OF_TYPE[tensor.data_type]), shape)

    def _texts(self, tensor: Any, shape: tuple[int, ...], where: str) -> Array:
        if len(tensor.string_data) != math.prod(shape):
            raise FormatError(f"{where}: {len(tensor.string_data)} texts for shape {shape}")
        value = np.empty(len(tensor.string_data), FORMATS["str"])
        value[:] = [s.decode("utf-8", "backslashreplace") for s in tensor.string_data]
        return _frozen(value, shape)

    def _listed(
        self, tensor: Any, shape: tuple[int, ...], dtype: np.dtype[Any], where: str
    ) -> Array:
        short, count = FORMAT_OF_TYPE[tensor.data_type], math.prod(shape)
        listed = getattr(tensor, FIELDS.get(short, "int32_data"))
        bits = short in ("f16", *NARROW_FLOATS, *PACKED)
        if len(listed) != (_stored_bytes(count, short) if short in PACKED else count):
            raise FormatError(f"{where}: {len(listed)} elements for shape {shape}")
        if bits:
            words = np.fromiter(listed, np.int64, len(listed)).astype(BITS_OF[short])
            return _frozen(
                _from_bytes(words.astype(words.dtype.newbyteorder("<")), count, short), shape
            )
        wide = np.uint64 if short == "u64" else np.float64 if dtype.kind == "f" else np.int64
        return _frozen(np.fromiter(listed, wide, len(listed)).astype(dtype), shape)

    def _outside(self, tensor: Any, nbytes: int, where: str) -> bytes:
        """Read data that lies in a file beside the model, in its folder or below."""
        entries = {e.key: e.value for e in tensor.external_data}
        path = self._neighbour(entries.get("location", ""), where)
        numbers = [
            entries.get(key, default) for key, default in (("offset", "0"), ("length", str(nbytes)))
        ]
        if not all(n.isascii() and n.isdigit() and len(n) < 16 for n in numbers):
            raise FormatError(f"{where}: external offset and length are {numbers}")
        offset, length = map(int, numbers)
        self.outside += nbytes
        if length != nbytes or self.outside > MAX_BYTES:
            raise FormatError(
                f"{where}: {length} external bytes for a tensor of {nbytes}; "
                f"all together may take {MAX_BYTES}"
            )
        try:
            if offset + length > path.stat().st_size:
                raise FormatError(
                    f"{where}: bytes {offset} to {offset + length} exceed {path.name!r}"
                )
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise InputError(f"{where}: {path}: {error}") from None

    def _neighbour(self, location: str, where: str) -> Path:
        """Return the file that a tensor names, which must lie in the model's folder, links resolved."""
        if self.folder is None:
            raise InputError(f"{where} lies in {location!r}: load the model by its path")
        if not location or "\0" in location or os.path.isabs(location):
            raise FormatError(f"{where}: external location {location!r} is no relative path")
        try:
            folder, path = self.folder.resolve(), (self.folder / location).resolve()
        except (OSError, RuntimeError) as error:
            raise InputError(f"{where}: {location!r}: {error}") from None
        if not path.is_relative_to(folder):
            raise FormatError(f"{where}: external location {location!r} leaves the model's folder")
        if not path.is_file():
            raise InputError(f"{where}: there is no file {location!r} beside the model")
        return path


def _stored_bytes(count: int, short: str) -> int:
    """Return how many bytes the elements take in a file."""
    shared = PACKED.get(short, 1)
    return (count + shared - 1) // shared * FORMATS[short].itemsize


def _from_bytes(raw: Any, count: int, short: str) -> Array:
    """Return the elements that lie in bytes, as files have them: lowest byte first, narrow ones packed."""
    dtype = FORMATS[short]
    if short in PACKED:
        shared = PACKED[short]
        width = 8 // shared
        shifts = np.arange(shared, dtype=np.uint8) * np.uint8(width)
        apart = np.frombuffer(raw, np.uint8)[:, None] >> shifts & np.uint8((1 << width) - 1)
        return apart.ravel()[:count].copy().view(dtype)
    value = np.frombuffer(raw, BITS_OF[short].newbyteorder("<"))
    return value != 0 if short == "bool" else value.astype(BITS_OF[short], copy=False).view(dtype)


def _frozen(value: Array, shape: tuple[int, ...]) -> Array:
    value = np.require(value.reshape(shape), requirements="A")
    value.flags.writeable = False
    return value
