"""Cases of comparisons and logical operators."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ...ir import Op
from ...refimpl.logic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from ..case import Case
from ..tables import CASES
from .binary import pair_cases
from .draw import FINITE, SPECIAL, broadcast_shapes, ints, quant_params
from .unary import int_cases


@st.composite
def quantized_comparison_cases(draw: st.DrawFn, op: Op[..., Any], fmt: str) -> Case:
    """Two quantized tensors, often of one quantization, so that some elements are equal."""
    first, second = draw(broadcast_shapes())
    quant = draw(quant_params(fmt))
    other = draw(st.just(quant) | quant_params(fmt))
    x, y = draw(ints(fmt, first)), draw(ints(fmt, second))
    return Case(op, (x, y), quant=(quant, other))


for _op in (equal, not_equal, greater, greater_equal, less, less_equal):
    CASES.of((_op, "f32"))(pair_cases(_op, "f32", FINITE + SPECIAL))
    CASES.of((_op, "s32"))(pair_cases(_op, "s32"))
    CASES.of((_op, "s64"))(pair_cases(_op, "s64"))
    CASES.of((_op, "s8"))(quantized_comparison_cases(_op, "s8"))
    CASES.of((_op, "u8"))(quantized_comparison_cases(_op, "u8"))
for _op in (equal, not_equal, logical_and, logical_or):
    CASES.of((_op, "bool"))(pair_cases(_op, "bool"))
CASES.of((logical_not, "bool"))(int_cases(logical_not, "bool"))
