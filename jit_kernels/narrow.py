"""Casts to narrow floats and integers: `refimpl.narrow`, on the bits of float64 numbers, all branches chosen."""

from __future__ import annotations

import numpy as np

from ..ir import BITS_OF
from ..refimpl.narrow import LAYOUTS, MASKS, ROUND_MODES
from .kernel import (
    I64,
    OK,
    S64,
    U8,
    U16,
    U32,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lowering import Operand, Site, Step

EXACT = 1 << 53  # integers from here on are rounded to odd
INFINITE = 0x7FF << 52
ONE = 1023  # exponent field of 1.0


@inlined
def float64_bits(v):  # type: ignore[no-untyped-def]
    """Return the bits of a number as float64; what that cannot hold so that it is rounded as itself."""
    return np.float64(v).view(np.int64)


@inlined
def odd_bits(v, negative):  # type: ignore[no-untyped-def]
    """The same for a 64-bit integer: from 2^53 on the lower 12 bits become one that says whether any was set."""
    size = np.uint64(0) - np.uint64(v) if negative else np.uint64(v)
    rest = size & np.uint64(0xFFF)
    odd = (size - rest) | (np.uint64(0x800) if rest > 0 else np.uint64(0))
    kept = np.float64(odd if size >= np.uint64(EXACT) else size)
    bits = kept.view(np.int64)
    return bits ^ np.int64(-(2**63)) if negative else bits


@inlined
def encoded(bits, fraction, least, largest, beyond, infinity, nan, sign, minus_zero):  # type: ignore[no-untyped-def]
    """Round a float64 to the bits of a narrow one; `least` is the exponent field of its least normal number."""
    size = bits & 0x7FFFFFFFFFFFFFFF
    exponent = size >> 52
    digits = (size & 0xFFFFFFFFFFFFF) | (np.int64(exponent > 0) << 52)
    above = max(exponent, 1) - least
    drop = min(52 - fraction + max(-above, 0), 62)
    half = np.int64(1) << (drop - 1)
    code = ((digits + half - 1 + (digits >> drop & 1)) >> drop) + (max(above, 0) << fraction)
    code = beyond if code > largest else code
    code = infinity if size == INFINITE else code
    code = nan if size > INFINITE else code
    signed = (bits < 0) & ((code != 0) | (minus_zero != 0))
    return code | (sign if signed else 0)


@inlined
def power_code(bits, saturate, up, half):  # type: ignore[no-untyped-def]
    """Round a float64 to the exponent of an f8e8m0: up from anything, from `half` of the way on, or not."""
    size = bits & 0x7FFFFFFFFFFFFFFF
    rest = size & 0xFFFFFFFFFFFFF
    carry = (up != 0) & (rest > 0) if half == 0 else rest >= half
    code = (size >> 52) + np.int64(carry) - (ONE - 127)
    code = (254 if saturate else 255) if (code > 254) | (size == INFINITE) else code
    code = (0 if saturate else 255) if size < (ONE - 127) << 52 else code
    return 255 if (size > INFINITE) | ((bits < 0) & (size > 0)) else code


SOURCES = ("s16", "u16", "s32", "u32", "f32", "f64")


@kernel_family(*SOURCES)
def narrow_floats(
    x: T, y8: U8, y16: U16, wide: I64, fraction: I64, least: I64, largest: I64, beyond: I64, infinity: I64,
    nan: I64, sign: I64, minus_zero: I64, count: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Round to a narrow float of 8 or, if `wide`, 16 bits."""
    start, stop = share(count, tid, threads)
    if wide:
        for i in range(start, stop):
            bits = float64_bits(x[i])
            y16[i] = encoded(
                bits, fraction, least, largest, beyond, infinity, nan, sign, minus_zero
            )
    else:
        for i in range(start, stop):
            bits = float64_bits(x[i])
            y8[i] = encoded(bits, fraction, least, largest, beyond, infinity, nan, sign, minus_zero)
    return OK


@kernel_family(*SOURCES)
def narrow_powers(
    x: T, y: U8, saturate: I64, up: I64, half: I64, count: I64, tid: I64, threads: I64
) -> I64:
    """Round to a power of two."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = power_code(float64_bits(x[i]), saturate, up, half)
    return OK


@kernel
def odd_doubles(x: S64, y: S64, signed: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Turn 64-bit integers into float64 numbers that are rounded as they are."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = odd_bits(x[i], (signed != 0) & (x[i] < 0))
    return OK


@kernel
def low_bits(x: U8, y: U8, stride: I64, mask: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Keep the lowest bits of integers of `stride` bytes."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i * stride] & np.uint8(mask)
    return OK


@kernel_family("f32", "f64")
def cut_low_bits(x: T, y: U8, mask: I64, count: I64, tid: I64, threads: I64) -> I64:
    """Cut floats towards zero to int32, which saturates and makes the largest of NaN, and keep the lowest bits."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        w = np.float64(x[i])
        near = 2147483647.0 if w != w else min(max(w, -2147483648.0), 2147483647.0)
        y[i] = np.int64(near) & mask
    return OK


@kernel
def bf16_widen(x: U16, y: U32, count: I64, tid: I64, threads: I64) -> I64:
    """Turn bfloat16 into float32, of which they are the upper half."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = np.uint32(x[i]) << np.uint32(16)
    return OK


@kernel
def bf16_narrow(x: U32, y: U16, count: I64, tid: I64, threads: I64) -> I64:
    """Round float32 to bfloat16."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = x[i]
        near = (v + np.uint32(0x7FFF) + (v >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
        nan = v & np.uint32(0x7FFFFFFF) > np.uint32(0x7F800000)
        y[i] = (v >> np.uint32(16) | np.uint32(0x40)) if nan else near
    return OK


def to_power(site: Site, x: Operand, y: Operand) -> list[Step]:
    """Return the step to f8e8m0."""
    mode = ROUND_MODES.index(site.attributes["round_mode"])
    half = 1 << 51 if site.attributes["round_mode"] == "nearest" else 0
    arguments = (x, y, int(site.attributes["saturate"]), int(mode == 0), half, y.type.size)
    return [Step(narrow_powers[x.type.format], arguments)]


def to_narrow_float(x: Operand, y: Operand, saturate: bool) -> list[Step]:
    """Return the step to a narrow float with a fraction."""
    form, layout = y.type.format, LAYOUTS[y.type.format]
    if (x.type.format, form) == ("f32", "bf16"):
        return [Step(bf16_narrow, (x, y, y.type.size))]
    beyond = layout.nan if layout.infinity is None else layout.infinity
    if (saturate and form.startswith("f8")) or form == "f4e2m1":
        beyond = layout.largest
    least = ONE + 1 - layout.bias
    numbers = (layout.fraction, least, layout.largest, beyond, beyond, layout.nan, layout.sign)
    wide = int(BITS_OF[form].itemsize == 2)
    arguments = (x, y, y, wide, *numbers, int(layout.minus_zero), y.type.size)
    return [Step(narrow_floats[x.type.format], arguments)]


def to_narrow_int(x: Operand, y: Operand) -> list[Step]:
    """Return the step to integers of 4 or 2 bits."""
    mask = MASKS[y.type.format]
    if x.type.format in cut_low_bits:
        return [Step(cut_low_bits[x.type.format], (x, y, mask, y.type.size))]
    return [Step(low_bits, (x, y, x.type.dtype.itemsize, mask, y.type.size))]
