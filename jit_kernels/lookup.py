"""Functions of one stored integer of 8 or 16 bits: a table of all results, which the quantized rule makes.

Tables are indexed by the bits of the element, and hold bits, so that signed and unsigned types share a kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Array, TensorType
from ..quant.rule import INT8, Quantized, number_format
from .isa import HOST
from .kernel import I64, OK, OUT_OF_DOMAIN, U8, R, T, kernel, kernel_family, share
from .lowering import Site, Step
from .patches import runs
from .simd import Value, Vectors, tile
from .strided import width

VBMI = "avx512vbmi"
BYTES = 64  # that it looks up at a time


PAIRS = (
    *(("u8", "u8"), ("u8", "u16"), ("u8", "u32"), ("u8", "u64")),
    *(("u16", "u8"), ("u16", "u16"), ("u16", "u32")),
)


@kernel_family(*PAIRS)
def look_up(x: T, table: R, y: R, count: I64, tid: I64, threads: I64) -> I64:
    """Replace every element by its entry."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = table[x[i]]
    return OK


@tile("look_up_bytes", needs=frozenset({"avx512vbmi"}))
def look_up_row(v: Vectors, x: I64, table: I64, y: I64, count: I64) -> None:
    """Replace at least BYTES bytes; the last ones may be looked up twice."""
    if VBMI not in v.isa:

        def each(i: Value) -> list[Value]:
            place = v.b.zext(v.scalar("s8", x, i), v.element("s64"))
            v.store(v.scalar("s8", table, place), y, i)
            return []

        v.carry(count, [], each)
        return
    entries = [v.load("s8", table, BYTES * i, BYTES) for i in range(4)]
    do = lambda i, width: v.store(v.entries(v.load("s8", x, i, width), entries), y, i)  # noqa: E731
    runs(v, count, (BYTES,), do, short=False)


@kernel
def look_up_bytes(x: I64, table: I64, y: I64, count: I64, tid: I64, threads: I64) -> I64:
    """The same for bytes, BYTES at a time."""
    start, stop = share(count // BYTES, tid, threads)
    start, stop = start * BYTES, count if tid == threads - 1 else stop * BYTES
    if stop - start >= BYTES:
        look_up_row(x + start, table, y + start, stop - start)
    return OK


@kernel_family("u8", "u16")
def within(x: T, legal: U8, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse numbers for which the function has no value."""
    start, stop = share(count, tid, threads)
    bad = 0
    for i in range(start, stop):
        bad |= legal[x[i]] ^ 1
    return OUT_OF_DOMAIN if bad else OK


BITS: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def every(dtype: np.dtype[Any]) -> Array:
    """Return all values of an integer type, in the order of their bits as unsigned numbers."""
    bits = BITS[dtype.itemsize]
    return np.arange(np.iinfo(bits).max + 1, dtype=np.int64).astype(bits).view(dtype)


def table_of(site: Site, arguments: Array) -> Array:
    """Return what the quantized rule of a node makes of each of `arguments`."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    out = TensorType(arguments.shape, y.type.dtype, y.type.quant)
    rule = INT8[site.node.op, number_format(site.node.op, (x.type,), site.node.dialect)]
    given = Quantized(arguments, x.type.quant)
    result = rule(given, out=(out,), dialect=site.node.dialect, **site.attributes)
    return np.asarray(result)


def look_up_steps(site: Site, table: Array) -> list[Step]:
    """Return the step that replaces the elements of the input by entries of `table`."""
    (x,), (y,) = site.inputs, site.outputs
    assert x is not None
    bits = site.constant(table.view(BITS[y.type.dtype.itemsize]))
    kinds = width(x), width(y)
    # Each thread has whole vectors, the last one the rest as well.
    wide = kinds == ("u8", "u8") and VBMI in HOST and y.type.size >= BYTES * site.threads
    return [Step(look_up_bytes if wide else look_up[kinds], (x, bits, y, y.type.size))]


def lower_by_table(site: Site) -> list[Step]:
    """Lower a node with a quantized rule that is defined for all stored integers."""
    assert site.inputs[0] is not None
    return look_up_steps(site, table_of(site, every(site.inputs[0].type.dtype)))


def lower_from(least: int) -> Callable[[Site], list[Step]]:
    """Return the lowering of a node whose quantized rule refuses what is less than `least` above the zero point."""

    def lower(site: Site) -> list[Step]:
        x = site.inputs[0]
        assert x is not None
        stored = every(x.type.dtype)
        legal = stored >= Quantized(stored, x.type.quant).zero_point + least
        table = np.zeros(stored.shape, site.outputs[0].type.dtype)
        table[legal] = table_of(site, stored[legal])
        flags = site.constant(legal.astype(np.uint8))
        return [Step(within[width(x)], (x, flags, x.type.size)), *look_up_steps(site, table)]

    return lower
