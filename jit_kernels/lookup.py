"""Functions of one stored integer of 8 or 16 bits: a table of all results, which the quantized rule makes.

Tables are indexed by the bits of the element, and hold bits, so that signed and unsigned types share a kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array, TensorType
from ..quant.rule import INT8, Quantized
from .kernel import I64, OK, OUT_OF_DOMAIN, U8, U16, U32, Kernel, inlined, kernel, share
from .lowering import Site, Step


@inlined
def look_up(x, table, y, count, tid, threads):  # type: ignore[no-untyped-def]
    """Replace every element by its entry."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = table[x[i]]


@kernel
def u8_lookup_u8(x: U8, table: U8, y: U8, count: I64, tid: I64, threads: I64) -> I64:
    """From 8 bits to 8."""
    look_up(x, table, y, count, tid, threads)
    return OK


@kernel
def u8_lookup_u16(x: U8, table: U16, y: U16, count: I64, tid: I64, threads: I64) -> I64:
    """From 8 bits to 16."""
    look_up(x, table, y, count, tid, threads)
    return OK


@kernel
def u16_lookup_u8(x: U16, table: U8, y: U8, count: I64, tid: I64, threads: I64) -> I64:
    """From 16 bits to 8."""
    look_up(x, table, y, count, tid, threads)
    return OK


@kernel
def u16_lookup_u16(x: U16, table: U16, y: U16, count: I64, tid: I64, threads: I64) -> I64:
    """From 16 bits to 16."""
    look_up(x, table, y, count, tid, threads)
    return OK


@kernel
def u16_lookup_u32(x: U16, table: U32, y: U32, count: I64, tid: I64, threads: I64) -> I64:
    """From 16 bits to 32."""
    look_up(x, table, y, count, tid, threads)
    return OK


@kernel
def u8_within(x: U8, legal: U8, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse bytes for which the function has no value."""
    start, stop = share(count, tid, threads)
    bad = 0
    for i in range(start, stop):
        bad |= legal[x[i]] ^ 1
    return OUT_OF_DOMAIN if bad else OK


@kernel
def u16_within(x: U16, legal: U8, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse 16-bit numbers for which the function has no value."""
    start, stop = share(count, tid, threads)
    bad = 0
    for i in range(start, stop):
        bad |= legal[x[i]] ^ 1
    return OUT_OF_DOMAIN if bad else OK


KERNELS: dict[tuple[int, int], Kernel] = {
    (1, 1): u8_lookup_u8,
    (1, 2): u8_lookup_u16,
    (2, 1): u16_lookup_u8,
    (2, 2): u16_lookup_u16,
    (2, 4): u16_lookup_u32,
}
BITS: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def every(dtype: np.dtype[Any]) -> Array:
    """Return all values of an integer type, in the order of their bits as unsigned numbers."""
    bits = BITS[dtype.itemsize]
    return np.arange(np.iinfo(bits).max + 1, dtype=np.int64).astype(bits).view(dtype)


def table_of(site: Site, arguments: Array) -> Array:
    """Return what the quantized rule of a node makes of each of `arguments`."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    out = TensorType(arguments.shape, y.type.dtype, y.type.quant)
    rule = INT8[site.node.op, x.type.format]
    given = Quantized(arguments, x.type.quant)
    result = rule(given, out=(out,), dialect=site.node.dialect, **site.attributes)
    return np.asarray(result)


def look_up_steps(site: Site, table: Array) -> list[Step]:
    """Return the step that replaces the elements of the input by entries of `table`."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    sizes = x.type.dtype.itemsize, y.type.dtype.itemsize
    bits = site.constant(table.view(BITS[sizes[1]]))
    return [Step(KERNELS[sizes], (x, bits, y, y.type.size))]


def lower_by_table(site: Site) -> list[Step]:
    """Lower a node with a quantized rule that is defined for all stored integers."""
    assert site.inputs[0] is not None
    return look_up_steps(site, table_of(site, every(site.inputs[0].type.dtype)))


def lower_from_zero_point(site: Site) -> list[Step]:
    """Lower a node whose quantized rule refuses negative reals."""
    x = site.inputs[0]
    assert x is not None
    stored = every(x.type.dtype)
    legal = stored >= Quantized(stored, x.type.quant).zero_point
    table = np.zeros(stored.shape, site.outputs[0].type.dtype)
    table[legal] = table_of(site, stored[legal])
    check = u8_within if x.type.dtype.itemsize == 1 else u16_within
    flags = site.constant(legal.astype(np.uint8))
    return [Step(check, (x, flags, x.type.size)), *look_up_steps(site, table)]
