"""Count what an ONNX file holds before protobuf makes objects of it: small files can claim endless ones.

The tables list, by field number of onnx.proto3, the fields that are messages; others are numbers, text or data.
"""

from __future__ import annotations

from typing import Final

from ...ir import FormatError

MAX_MESSAGES: Final = 1_000_000
MAX_ELEMENTS: Final = (
    4_000_000  # of repeated numbers that are stored one by one, or in few bytes each
)
MAX_DEPTH: Final = 24
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

Messages = dict[int, str]
MESSAGES: Final[dict[str, Messages]] = {
    "model": {7: "graph", 8: "text", 14: "text", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph", 3: "text", 4: "text"},
    "function": {7: "node", 9: "text", 11: "attribute", 12: "value", 14: "text"},
    "graph": {
        1: "node",
        5: "tensor",
        11: "value",
        12: "value",
        13: "value",
        14: "text",
        15: "sparse",
        16: "text",
    },
    "node": {5: "attribute", 9: "text"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        14: "type",
        15: "type",
        22: "sparse",
        23: "sparse",
    },
    "tensor": {3: "text", 13: "text", 16: "text"},
    "sparse": {1: "tensor", 2: "tensor"},
    "value": {2: "type", 4: "text"},
    "type": {1: "tensor type", 4: "type", 5: "type", 8: "tensor type", 9: "type"},
    "tensor type": {1: "type", 2: "shape"},
    "shape": {1: "dimension"},
    "dimension": {},
    "text": {},
}
# Repeated numbers that a file packs as varints: they grow when they are read.
PACKED: Final = {"tensor": (1, 5, 7, 11), "attribute": (8,), "sparse": (3,)}


def _broken(at: int, what: str) -> FormatError:
    return FormatError(f"byte {at}: {what}; not an ONNX file, or a damaged one")


class Verifier:
    """One walk over the fields of a protobuf message."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.messages = self.elements = 0

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """Return the number at a place, and the place behind it."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise _broken(at, "a number is cut off")
            byte = self.data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
        raise _broken(at, "a number of more than ten bytes")

    def message(self, kind: str, at: int, end: int, depth: int = 0) -> frozenset[int]:
        """Check the fields of a message in [at, end); return their numbers."""
        self.messages += 1
        if self.messages > MAX_MESSAGES or depth > MAX_DEPTH:
            raise _broken(
                at, f"more than {MAX_MESSAGES} messages, or {MAX_DEPTH} inside of another"
            )
        inner, packed, seen = MESSAGES[kind], PACKED.get(kind, ()), set()
        while at < end:
            key, at = self.varint(at, end)
            number, wire = key >> 3, key & 7
            seen.add(number)
            if wire == DELIMITED:
                size, at = self.varint(at, end)
                if not number or size > end - at:
                    raise _broken(at, f"field {number} of {size} bytes exceeds its {kind}")
                if number in inner:
                    self.message(inner[number], at, at + size, depth + 1)
                self.elements += size if number in packed else 1
                at += size
            else:
                at = self._scalar(number, wire, at, end)
            if self.elements > MAX_ELEMENTS:
                raise _broken(at, f"more than {MAX_ELEMENTS} numbers and texts")
        return frozenset(seen)

    def _scalar(self, number: int, wire: int, at: int, end: int) -> int:
        """Skip a number."""
        self.elements += 1
        if wire == VARINT:
            _, at = self.varint(at, end)
        elif wire in (FIXED32, FIXED64):
            at += 4 if wire == FIXED32 else 8
        else:
            raise _broken(at, f"field {number} has wire type {wire}")
        if not number or at > end:
            raise _broken(at, f"field {number} is cut off")
        return at


def verify(data: bytes) -> None:
    """Raise `FormatError` unless `data` is a protobuf message of bounded parts that could be a model."""
    if 7 not in Verifier(data).message("model", 0, len(data)):
        raise FormatError("an ONNX file without a graph; the file is damaged, get it again")
