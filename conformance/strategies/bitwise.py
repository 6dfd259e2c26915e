"""Cases of integers as rows of bits."""

from __future__ import annotations

from hypothesis import strategies as st

from ...refimpl.binary import INTEGERS
from ...refimpl.bitwise import (
    UNSIGNED,
    bit_shift,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
)
from ..case import Case
from ..tables import CASES
from .binary import pair_cases
from .draw import broadcast_shapes, ints
from .unary import int_cases


@st.composite
def shift_cases(draw: st.DrawFn, fmt: str) -> Case:
    """By fewer places than there are bits, as many, and more."""
    first, second = draw(broadcast_shapes())
    most = draw(st.sampled_from((7, 7, 7, 70, None)))
    x, y = draw(ints(fmt, first)), draw(ints(fmt, second, high=most))
    return Case(bit_shift, (x, y), {"direction": draw(st.sampled_from(("left", "right")))})


for _fmt in INTEGERS:
    for _op in (bitwise_and, bitwise_or, bitwise_xor):
        CASES.of((_op, _fmt))(pair_cases(_op, _fmt))
    CASES.of((bitwise_not, _fmt))(int_cases(bitwise_not, _fmt))
for _fmt in UNSIGNED:
    CASES.of((bit_shift, _fmt))(shift_cases(_fmt))
