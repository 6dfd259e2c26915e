"""Cases on uint8 in dialects whose rules are for int8, made of those on int8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis.strategies import SearchStrategy

from ...quant.rule import DIALECTS
from ...quant.shifted import HALF, S8, U8, flipped, moved
from ..case import Case
from ..tables import CASES, Key


def unsigned_case(case: Case) -> Case:
    """Return the same case with uint8 in place of quantized int8."""
    quants = (*case.quant, *[None] * (len(case.args) - len(case.quant)))
    args = tuple(
        flipped(a) if a is not None and a.dtype == S8 and q else a
        for a, q in zip(case.args, quants, strict=True)
    )
    bytes_ = [a is not None and a.dtype == U8 for a in args]
    quant = tuple(moved(q, HALF) if b else q for q, b in zip(quants, bytes_, strict=True))
    out = tuple(moved(t.quant, HALF) if t.dtype == S8 and t.quant else t.quant for t in case.out)
    return replace(
        case,
        args=args,
        quant=quant,
        out_dtype=tuple(U8 if t.dtype == S8 and t.quant else t.dtype for t in case.out),
        out_quant=out,
    )


@CASES.completed
def unsigned_cases() -> Mapping[Key, SearchStrategy[Case]]:
    """Map the int8 cases of these dialects."""
    return {
        (op, f"u8-{dialect}"): cases.map(unsigned_case)
        for dialect in DIALECTS
        for (op, form), cases in CASES.items()
        if form == f"s8-{dialect}" and (op, f"u8-{dialect}") not in CASES
    }
