"""Operators on two tensors of integers of every width, stored ones among them: order, and division rounded down."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.binary import floor_div, floor_mod, maximum, minimum
from .binary import larger, smaller
from .broadcast import layout_operand, pairwise
from .kernel import DIVISION_BY_ZERO, I64, OK, S64, Kernel, KernelFamily, T, kernel_family, share
from .lowering import Site, Step, lowers


@pairwise
def floor_quotient(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient rounded down; divisors have been looked at."""
    return np.int64(a) // (np.int64(b) if b != 0 else 1)


@pairwise
def floor_remainder(a, b, p):  # type: ignore[no-untyped-def]
    """Remainder with the sign of the divisor; that of -1, of which the least integer would trap, is 0."""
    return np.int64(a) % np.int64(b) if b != 0 and b != -1 else np.int64(0)


@kernel_family("s8", "s16", "s32", "s64")
def nonzero(y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a divisor of zero."""
    start, stop = share(count, tid, threads)
    zeros = 0
    for i in range(start, stop):
        zeros += y[i] == 0
    return OK if zeros == 0 else DIVISION_BY_ZERO


@kernel_family("s8", "u8", "s16", "s32", "s64")
def whole_maximum(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s8", "u8", "s16", "s32", "s64")
def whole_minimum(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the smaller."""
    smaller(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s8", "s16", "s32")
def whole_floor_div(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide, round down."""
    floor_quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s8", "s16", "s32", "s64")
def whole_floor_mod(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is rounded down."""
    floor_remainder(x, y, z, layout, 0, tid, threads)
    return OK


FAMILIES: dict[Op[..., Any], KernelFamily[str]] = {
    maximum: whole_maximum,
    minimum: whole_minimum,
    floor_div: whole_floor_div,
    floor_mod: whole_floor_mod,
}
KERNELS: dict[tuple[Op[..., Any], str], Kernel] = {
    (op, form): loop for op, family in FAMILIES.items() for form, loop in family.items()
}


@lowers(*KERNELS)
def lower_stored(site: Site) -> list[Step]:
    """Lower to one loop; a division looks at all divisors before."""
    (x, y), (z,) = site.inputs, site.outputs
    assert y is not None
    loop = KERNELS[site.node.op, z.type.format]
    divides = site.node.op in (floor_div, floor_mod)
    check = [Step(nonzero[y.type.format], (y, y.type.size))] if divides else []
    return [*check, Step(loop, (x, y, z, layout_operand(site)))]
