"""Operators on two tensors of integers of every width, stored ones among them: order, and division rounded down."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.binary import floor_div, floor_mod, maximum, minimum
from .binary import larger, smaller
from .broadcast import layout_operand, pairwise
from .kernel import (
    DIVISION_BY_ZERO,
    I64,
    OK,
    S8,
    S16,
    S32,
    S64,
    U8,
    Kernel,
    inlined,
    kernel,
    share,
)
from .lowering import Site, Step, lowers


@pairwise
def floor_quotient(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient rounded down; divisors have been looked at."""
    return np.int64(a) // (np.int64(b) if b != 0 else 1)


@pairwise
def floor_remainder(a, b, p):  # type: ignore[no-untyped-def]
    """Remainder with the sign of the divisor; that of -1, of which the least integer would trap, is 0."""
    return np.int64(a) % np.int64(b) if b != 0 and b != -1 else np.int64(0)


@inlined
def all_nonzero(y, count, tid, threads):  # type: ignore[no-untyped-def]
    """Tell whether this thread sees no zero."""
    start, stop = share(count, tid, threads)
    zeros = 0
    for i in range(start, stop):
        zeros += y[i] == 0
    return zeros == 0


@kernel
def s8_nonzero(y: S8, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a divisor of zero."""
    return OK if all_nonzero(y, count, tid, threads) else DIVISION_BY_ZERO


@kernel
def s16_nonzero(y: S16, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a divisor of zero."""
    return OK if all_nonzero(y, count, tid, threads) else DIVISION_BY_ZERO


@kernel
def s32_nonzero(y: S32, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a divisor of zero."""
    return OK if all_nonzero(y, count, tid, threads) else DIVISION_BY_ZERO


@kernel
def s64_nonzero(y: S64, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a divisor of zero."""
    return OK if all_nonzero(y, count, tid, threads) else DIVISION_BY_ZERO


@kernel
def s8_maximum(x: S8, y: S8, z: S8, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def u8_maximum(x: U8, y: U8, z: U8, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s16_maximum(x: S16, y: S16, z: S16, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s32_maximum(x: S32, y: S32, z: S32, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s64_maximum(x: S64, y: S64, z: S64, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s8_minimum(x: S8, y: S8, z: S8, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the smaller."""
    smaller(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def u8_minimum(x: U8, y: U8, z: U8, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the smaller."""
    smaller(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s16_minimum(x: S16, y: S16, z: S16, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the smaller."""
    smaller(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s32_minimum(x: S32, y: S32, z: S32, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the smaller."""
    smaller(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s64_minimum(x: S64, y: S64, z: S64, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the smaller."""
    smaller(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s8_floor_div(x: S8, y: S8, z: S8, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide, round down."""
    floor_quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s16_floor_div(x: S16, y: S16, z: S16, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide, round down."""
    floor_quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s32_floor_div(x: S32, y: S32, z: S32, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide, round down."""
    floor_quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s8_floor_mod(x: S8, y: S8, z: S8, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is rounded down."""
    floor_remainder(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s16_floor_mod(x: S16, y: S16, z: S16, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is rounded down."""
    floor_remainder(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s32_floor_mod(x: S32, y: S32, z: S32, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is rounded down."""
    floor_remainder(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s64_floor_mod(x: S64, y: S64, z: S64, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is rounded down."""
    floor_remainder(x, y, z, layout, 0, tid, threads)
    return OK


KERNELS: dict[tuple[Op[..., Any], str], Kernel] = {
    (maximum, "s8"): s8_maximum,
    (maximum, "u8"): u8_maximum,
    (maximum, "s16"): s16_maximum,
    (maximum, "s32"): s32_maximum,
    (maximum, "s64"): s64_maximum,
    (minimum, "s8"): s8_minimum,
    (minimum, "u8"): u8_minimum,
    (minimum, "s16"): s16_minimum,
    (minimum, "s32"): s32_minimum,
    (minimum, "s64"): s64_minimum,
    (floor_div, "s8"): s8_floor_div,
    (floor_div, "s16"): s16_floor_div,
    (floor_div, "s32"): s32_floor_div,
    (floor_mod, "s8"): s8_floor_mod,
    (floor_mod, "s16"): s16_floor_mod,
    (floor_mod, "s32"): s32_floor_mod,
    (floor_mod, "s64"): s64_floor_mod,
}
NONZERO: dict[str, Kernel] = {
    "s8": s8_nonzero,
    "s16": s16_nonzero,
    "s32": s32_nonzero,
    "s64": s64_nonzero,
}


@lowers(*KERNELS)
def lower_stored(site: Site) -> list[Step]:
    """Lower to one loop; a division looks at all divisors before."""
    (x, y), (z,) = site.inputs, site.outputs
    assert y is not None
    loop = KERNELS[site.node.op, z.type.format]
    divides = site.node.op in (floor_div, floor_mod)
    check = [Step(NONZERO[y.type.format], (y, y.type.size))] if divides else []
    return [*check, Step(loop, (x, y, z, layout_operand(site)))]
