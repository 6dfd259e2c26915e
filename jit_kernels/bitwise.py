"""Integers as rows of bits: signed and unsigned ones have the same kernels, one a width."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.binary import INTEGERS
from ..refimpl.bitwise import (
    UNSIGNED,
    bit_shift,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
)
from .broadcast import layout_operand, pairwise
from .kernel import I64, OK, S64, KernelFamily, T, kernel_family, share
from .lowering import Site, Step, lowers
from .strided import width


@pairwise
def common_bits(a, b, p):  # type: ignore[no-untyped-def]
    """What both have."""
    return a & b


@pairwise
def any_bits(a, b, p):  # type: ignore[no-untyped-def]
    """What one has."""
    return a | b


@pairwise
def other_bits(a, b, p):  # type: ignore[no-untyped-def]
    """What just one has."""
    return a ^ b


@pairwise
def moved_bits(a, b, p):  # type: ignore[no-untyped-def]
    """Move to the left or to the right; by `p[0]` places or more nothing is left."""
    v, most = np.uint64(a), np.uint64(p[0])
    places = np.uint64(b) if b < most else np.uint64(0)
    moved = v << places if p[1] else v >> places
    return moved if b < most else np.uint64(0)


@kernel_family(*UNSIGNED)
def and_bits(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Take what both have."""
    common_bits(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family(*UNSIGNED)
def or_bits(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Take what one has."""
    any_bits(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family(*UNSIGNED)
def xor_bits(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Take what just one has."""
    other_bits(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family(*UNSIGNED)
def shift_bits(x: T, y: T, z: T, layout: S64, bits: I64, left: I64, tid: I64, threads: I64) -> I64:
    """Move the bits of each element."""
    moved_bits(x, y, z, layout, (bits, left), tid, threads)
    return OK


@kernel_family(*UNSIGNED)
def not_bits(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Turn every bit."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = ~x[i]
    return OK


FAMILIES: dict[Op[..., Any], KernelFamily[str]] = {
    bitwise_and: and_bits,
    bitwise_or: or_bits,
    bitwise_xor: xor_bits,
}


@lowers(*((op, form) for op in FAMILIES for form in INTEGERS))
def lower_bitwise(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x, y), (z,) = site.inputs, site.outputs
    return [Step(FAMILIES[site.node.op][width(z)], (x, y, z, layout_operand(site)))]


@lowers(*((bitwise_not, form) for form in INTEGERS))
def lower_not(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    return [Step(not_bits[width(y)], (x, y, y.type.size))]


@lowers(*((bit_shift, form) for form in UNSIGNED))
def lower_shift(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x, y), (z,) = site.inputs, site.outputs
    numbers = (8 * z.type.dtype.itemsize, site.attributes["direction"] == "left")
    return [Step(shift_bits[width(z)], (x, y, z, layout_operand(site), *numbers))]
