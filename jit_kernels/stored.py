"""Operators on two tensors of integers of every width, stored ones among them: order and remainders; also float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.binary import INTEGERS, floor_div, floor_mod, fmod, maximum, minimum
from ..refimpl.binary import pow as pow_op
from .binary import larger, smaller
from .broadcast import layout_operand, pairwise
from .kernel import DIVISION_BY_ZERO, I64, OK, S64, Kernel, T, kernel_family, share
from .lowering import Site, Step, lowers
from .strided import width


@pairwise
def floor_quotient(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient rounded down; divisors have been looked at."""
    return np.int64(a) // (np.int64(b) if b != 0 else 1)


@pairwise
def floor_remainder(a, b, p):  # type: ignore[no-untyped-def]
    """Remainder with the sign of the divisor; that of -1, of which the least integer would trap, is 0."""
    return np.int64(a) % np.int64(b) if b != 0 and b != -1 else np.int64(0)


@pairwise
def remainder_unsigned(a, b, p):  # type: ignore[no-untyped-def]
    """Remainder; divisors have been looked at."""
    return a % b if b != 0 else a


@pairwise
def signed_remainder(a, b, p):  # type: ignore[no-untyped-def]
    """Remainder with the sign of `a`."""
    w = np.int64(b) if b != 0 and b != -1 else np.int64(1)
    r = np.int64(a) % w
    return r - w if r != 0 and (r < 0) != (a < 0) else r


@pairwise
def real_remainder(a, b, p):  # type: ignore[no-untyped-def]
    """C's fmod."""
    return np.fmod(a, b)


@pairwise
def power(a, b, p):  # type: ignore[no-untyped-def]
    """The C library's."""
    return math.pow(a, b)


@kernel_family("u8", "u16", "u32", "u64")
def nonzero(y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a divisor of zero."""
    start, stop = share(count, tid, threads)
    zeros = 0
    for i in range(start, stop):
        zeros += y[i] == 0
    return OK if zeros == 0 else DIVISION_BY_ZERO


@kernel_family("f64", *INTEGERS)
def whole_maximum(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("f64", *INTEGERS)
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


@kernel_family("u8", "u16", "u32", "u64")
def unsigned_mod(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder."""
    remainder_unsigned(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s8", "s16", "s32", "s64")
def whole_fmod(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is cut towards zero."""
    signed_remainder(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("f64")
def real_fmod(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is cut towards zero."""
    real_remainder(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("f64")
def real_pow(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Raise to a power."""
    power(x, y, z, layout, 0, tid, threads)
    return OK


FAMILIES: dict[Op[..., Any], dict[str, Kernel]] = {
    maximum: whole_maximum,
    minimum: whole_minimum,
    floor_div: whole_floor_div,
    floor_mod: {**whole_floor_mod, **unsigned_mod},
    fmod: {**whole_fmod, **real_fmod},
    pow_op: real_pow,
}
KERNELS: dict[tuple[Op[..., Any], str], Kernel] = {
    (op, form): loop for op, family in FAMILIES.items() for form, loop in family.items()
}


@lowers(*KERNELS)
def lower_stored(site: Site) -> list[Step]:
    """Lower to one loop; a division of integers looks at all divisors before."""
    (x, y), (z,) = site.inputs, site.outputs
    assert y is not None
    loop = KERNELS[site.node.op, z.type.format]
    divides = site.node.op in (floor_div, floor_mod, fmod) and z.type.dtype.kind != "f"
    check = [Step(nonzero[width(y)], (y, y.type.size))] if divides else []
    return [*check, Step(loop, (x, y, z, layout_operand(site)))]
