"""Check the bounds of a FlatBuffers file before its accessors are used (Python's have no verifier).

The specifications list, in slot order, the fields of the schema that the reader touches.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from ...ir import FormatError

# What one file may hold. Tables may share parts, so that a small file could claim endless ones.
MAX_TABLES: Final = 250_000
MAX_ELEMENTS: Final = 4_000_000


@dataclass(frozen=True)
class Scalar:
    """A number of `size` bytes."""

    size: int


@dataclass(frozen=True)
class Vector:
    """A vector of numbers of `size` bytes; `counted` where the reader turns them into objects."""

    size: int
    counted: bool = True


@dataclass(frozen=True)
class Table:
    """A table; fields beyond the listed ones are not read."""

    fields: tuple[tuple[str, Scalar | Vector | Table | Tables | None], ...] = ()


@dataclass(frozen=True)
class Tables:
    """A vector of tables."""

    of: Table


INT, BYTE, LONG = Scalar(4), Scalar(1), Scalar(8)
INTS, STRING, BYTES = Vector(4), Vector(1), Vector(1, counted=False)

OPERATOR_CODE = Table(
    (
        ("deprecated_builtin_code", BYTE),
        ("custom_code", STRING),
        ("version", INT),
        ("builtin_code", INT),
    )
)
QUANTIZATION = Table(
    (
        ("min", None),
        ("max", None),
        ("scale", Vector(4)),
        ("zero_point", Vector(8)),
        ("details_type", BYTE),
        ("details", Table()),
        ("quantized_dimension", INT),
    )
)
TENSOR = Table(
    (
        ("shape", INTS),
        ("type", BYTE),
        ("buffer", INT),
        ("name", STRING),
        ("quantization", QUANTIZATION),
        ("is_variable", BYTE),
        ("sparsity", Table()),
        ("shape_signature", INTS),
        ("has_rank", BYTE),
    )
)
OPERATOR = Table(
    (
        ("opcode_index", INT),
        ("inputs", INTS),
        ("outputs", INTS),
        ("builtin_options_type", BYTE),
        ("builtin_options", Table()),
        ("custom_options", BYTES),
        ("custom_options_format", BYTE),
        ("mutating_variable_inputs", None),
        ("intermediates", INTS),
    )
)
SUBGRAPH = Table(
    (
        ("tensors", Tables(TENSOR)),
        ("inputs", INTS),
        ("outputs", INTS),
        ("operators", Tables(OPERATOR)),
        ("name", STRING),
    )
)
BUFFER = Table((("data", BYTES), ("offset", LONG), ("size", LONG)))
TENSOR_MAP = Table((("name", STRING), ("tensor_index", INT)))
SIGNATURE = Table(
    (
        ("inputs", Tables(TENSOR_MAP)),
        ("outputs", Tables(TENSOR_MAP)),
        ("signature_key", STRING),
        ("", None),
        ("subgraph_index", INT),
    )
)
MODEL = Table(
    (
        ("version", INT),
        ("operator_codes", Tables(OPERATOR_CODE)),
        ("subgraphs", Tables(SUBGRAPH)),
        ("description", STRING),
        ("buffers", Tables(BUFFER)),
        ("metadata_buffer", None),
        ("metadata", None),
        ("signature_defs", Tables(SIGNATURE)),
    )
)


class Verifier:
    """One walk over the tables of a file, depth bounded by the specification."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)
        self.tables = self.elements = 0

    def model(self) -> None:
        """Check everything that is reachable from the root."""
        self.table(self.target(0, "root"), MODEL, "model")

    def broken(self, at: int, where: str, what: str) -> FormatError:
        return FormatError(f"byte {at}, {where}: {what}; the file is damaged, get it again")

    def number(self, kind: str, at: int, where: str) -> int:
        if not 0 <= at <= self.size - struct.calcsize(kind):
            raise self.broken(at, where, f"lies outside of the file of {self.size} bytes")
        return int(struct.unpack_from(kind, self.data, at)[0])

    def target(self, at: int, where: str) -> int:
        """Follow the offset at `at`."""
        offset = self.number("<I", at, where)
        if offset < 4 or at + offset > self.size - 4:
            raise self.broken(at, where, f"offset {offset} leads nowhere")
        return at + offset

    def count(self, at: int, size: int, where: str) -> int:
        """Return the length of the vector at `at`, whose elements must lie in the file."""
        count = self.number("<I", at, where)
        if count * size > self.size - at - 4:
            raise self.broken(at, where, f"{count} elements of {size} bytes exceed the file")
        return count

    def table(self, at: int, spec: Table, where: str) -> None:
        self.tables += 1
        if self.tables > MAX_TABLES:
            raise self.broken(at, where, f"more than {MAX_TABLES} tables")
        vtable = at - self.number("<i", at, where)
        slots = (self.number("<H", vtable, where) - 4) // 2
        extent = self.number("<H", vtable + 2, where)
        if slots < 0 or extent < 4 or at + extent > self.size:
            raise self.broken(at, where, f"table of {slots} fields and {extent} bytes")
        self.number("<H", vtable + 2 + 2 * slots, where)
        for slot in range(slots):
            offset = self.number("<H", vtable + 4 + 2 * slot, where)
            if offset >= extent:
                raise self.broken(at, where, f"field {slot} lies outside of its table")
            if offset and slot < len(spec.fields):
                name, kind = spec.fields[slot]
                room = kind.size if isinstance(kind, Scalar) else 4
                if offset < 4 or offset + room > extent:
                    raise self.broken(at, f"{where}.{name}", "lies outside of its table")
                self.field(at + offset, kind, f"{where}.{name}")

    def field(self, at: int, kind: Scalar | Vector | Table | Tables | None, where: str) -> None:
        if isinstance(kind, Table):
            self.table(self.target(at, where), kind, where)
        elif isinstance(kind, Tables):
            start = self.target(at, where)
            for i in range(self.count(start, 4, where)):
                place = f"{where}[{i}]"
                self.table(self.target(start + 4 + 4 * i, place), kind.of, place)
        elif isinstance(kind, Vector):
            count = self.count(self.target(at, where), kind.size, where)
            self.elements += count * kind.counted
            if self.elements > MAX_ELEMENTS:
                raise self.broken(at, where, f"more than {MAX_ELEMENTS} elements in vectors")


def verify(data: bytes) -> None:
    """Raise `FormatError` unless every part that the reader touches lies inside of `data`."""
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise FormatError(f"not a TFLite file: bytes 4 to 8 are {data[4:8]!r}, expected b'TFL3'")
    Verifier(data).model()
