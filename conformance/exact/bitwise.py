"""Second oracles of integers as rows of bits: Python's integers, whose negative ones have endless ones in front."""

from __future__ import annotations

from ...refimpl.bitwise import bit_shift, bitwise_and, bitwise_not, bitwise_or, bitwise_xor
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary import paired
from .fixed import BITS
from .unary import Outputs, each

EXACT.of(bitwise_and)(lambda x, y: paired(lambda v, w: v & w, x, y))
EXACT.of(bitwise_or)(lambda x, y: paired(lambda v, w: v | w, x, y))
EXACT.of(bitwise_xor)(lambda x, y: paired(lambda v, w: v ^ w, x, y))
EXACT.of(bitwise_not)(lambda x: each(lambda v: -1 - v, x))


def shifted(x: Cells, y: Cells, *, direction: str, out: Outputs, **_: object) -> Cells:
    """Multiply or divide by a power of two; bits that leave the type are lost."""
    bits = BITS[out[0].format]

    def one(v: int, w: int) -> int:
        if w >= bits:
            return 0
        return v * 2**w % 2**bits if direction == "left" else v // 2**w

    return paired(one, x, y)


EXACT_INT8.of(*((bit_shift, f) for f in ("u8", "u16", "u32", "u64")))(shifted)


@EXACT.of(bit_shift)
def shifted_any(x: Cells, y: Cells, *, direction: str) -> Cells:
    """The caller reduces what exceeds the type."""
    return paired(lambda v, w: v << min(w, 64) if direction == "left" else v >> min(w, 64), x, y)
