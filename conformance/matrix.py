"""The matrix of what works: operator x number format x what there is for it, read off the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..formats.onnx.table import ONNX_WRITER
from ..formats.tflite.table import TFLITE_WRITER
from ..ir import ANY, MOVED, NARROW_FLOATS, NARROW_INTS, OPS, Op, load_all
from ..jit_kernels.lowering import CPU
from ..quant.rule import INT8
from .tables import CASES, ENVELOPE, EXACT, EXACT_INT8, HOST_CASES, HOST_EXACT

PARTS = ("reference", "exact", "cases", "envelope", "jit", "tflite", "onnx")
ORDER = (
    *(
        "f32",
        "f16",
        "hybrid",
        "s8",
        "u8",
        "s8-nnacl",
        "u8-nnacl",
        "s8-nnacl-quirks",
        "u8-nnacl-quirks",
        "f32-nnacl",
        "s16",
        "s32",
        "s64",
    ),
    *("bool", "u16", "u32", "u64", "f64", *NARROW_FLOATS, *NARROW_INTS, "host"),
)


@dataclass(frozen=True)
class Cell:
    """One operator in one number format."""

    family: str
    operator: str
    format: str
    reference: bool
    exact: bool
    cases: bool
    envelope: bool
    jit: bool
    tflite: bool
    onnx: bool

    @property
    def parts(self) -> tuple[bool, ...]:
        """The flags in the order of PARTS."""
        return tuple(getattr(self, part) for part in PARTS)


def cells() -> list[Cell]:
    """Return every operator in every format that anything is entered for, family by family."""
    load_all("litegold.refimpl")
    found = []
    for op in sorted(OPS.values(), key=lambda o: (o.__module__, o.__name__)):
        if not op.__module__.startswith("litegold.refimpl"):
            continue
        keyed = {f for o, f in (*INT8, *CPU, *CASES, *EXACT_INT8) if o is op}
        keyed -= {
            f for f in MOVED if op.moves and f not in op.dtypes
        }  # any: they are not told apart
        found += [_cell(op, f) for f in ORDER if f in keyed or f in op.dtypes]
    return found


def _cell(op: Op[..., object], form: str) -> Cell:
    ruled = (op, form) in INT8
    return Cell(
        family=op.__module__.rpartition(".")[2],
        operator=op.__name__,
        format=form,
        reference=ruled or form in op.dtypes,
        exact=(op, form) in EXACT_INT8 if ruled else op in EXACT or op in HOST_EXACT,
        cases=(op, form) in CASES or op in HOST_CASES,
        envelope=form not in ("f32", "f16", "f64", "hybrid", *NARROW_FLOATS) or op in ENVELOPE,
        jit=(op, form) in CPU,
        tflite=op in TFLITE_WRITER and "-" not in form,
        onnx=op in ONNX_WRITER and (op, form) not in INT8 and form != "hybrid",
    )


def markdown() -> str:
    """Return the matrix as a table: an operator a row, the formats in which each part has it."""
    rows = [
        "| family | operator | reference | second oracle | drawn cases | compiled | TFLite | ONNX |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (family, operator), group in _grouped(lambda c: (c.family, c.operator)).items():
        columns = [
            _formats([c.format for c in group if getattr(c, part)])
            for part in ("reference", "exact", "cases", "jit")
        ]
        files = ["yes" if any(getattr(c, f) for c in group) else "" for f in ("tflite", "onnx")]
        rows.append("| " + " | ".join((family, operator, *columns, *files)) + " |")
    return "\n".join(rows)


def summary() -> str:
    """Return a table of the families: how many pairs of operator and format have each part."""
    headings = ("family", "operators", "pairs with a format", *PARTS)
    rows = ["| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
    for family, group in (*_grouped(lambda c: c.family).items(), ("all", cells())):
        counts = [sum(getattr(c, part) for c in group) for part in PARTS]
        numbers = (len({c.operator for c in group}), len(group), *counts)
        rows.append(f"| {family} | " + " | ".join(map(str, numbers)) + " |")
    return "\n".join(rows)


def _grouped(key: Callable[[Cell], Any]) -> dict[Any, list[Cell]]:
    groups: dict[Any, list[Cell]] = {}
    for cell in cells():
        groups.setdefault(key(cell), []).append(cell)
    return groups


def _formats(names: list[str]) -> str:
    return "all" if set(ANY) <= set(names) else " ".join(names)


def totals() -> dict[str, int]:
    """Return how many (operator, format) pairs have each part."""
    found = cells()
    return {"operators": len({c.operator for c in found}), "pairs": len(found)} | {
        part: sum(getattr(c, part) for c in found) for part in PARTS
    }
