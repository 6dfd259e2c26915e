"""Arithmetic on two tensors of integers of any width, which wraps; and on float64.

Sums, differences and products of signed and unsigned integers have the same bits: one kernel a width. An activation
is a pass of its own over the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.binary import INTEGERS, add, div, mul, squared_difference, sub
from ..refimpl.binary import pow as pow_op
from .binary import square_of_gap
from .broadcast import layout_operand, pairwise
from .kernel import (
    F64,
    I64,
    OK,
    OUT_OF_DOMAIN,
    S64,
    KernelFamily,
    T,
    kernel_family,
    share,
)
from .lowering import Lowering, Site, Step, lowers
from .stored import nonzero
from .strided import width

WIDTHS = ("u8", "u16", "u32", "u64")


@pairwise
def total(a, b, p):  # type: ignore[no-untyped-def]
    """Sum."""
    return a + b


@pairwise
def difference(a, b, p):  # type: ignore[no-untyped-def]
    """Difference."""
    return a - b


@pairwise
def product(a, b, p):  # type: ignore[no-untyped-def]
    """Product."""
    return a * b


@pairwise
def quotient(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient of signed integers cut towards zero; divisors have been looked at. That by -1 wraps."""
    v, w = np.int64(a), np.int64(b) if b != 0 and b != -1 else np.int64(1)
    down = v // w
    cut = down + 1 if down * w != v and (v < 0) != (w < 0) else down
    return -v if b == -1 else cut


@pairwise
def narrow_quotient(a, b, p):  # type: ignore[no-untyped-def]
    """The same of up to 32 bits by float64, in which a quotient that is not whole does not round to a whole number."""
    return np.int64(np.float64(a) / np.float64(b))


@pairwise
def quotient_unsigned(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient rounded down; divisors have been looked at."""
    return a // b if b != 0 else a


@pairwise
def real_quotient(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient."""
    return a / b


@pairwise
def power(a, b, p):  # type: ignore[no-untyped-def]
    """Power modulo 2**64; exponents have been looked at."""
    base, result, rest = np.int64(a), np.int64(1), np.int64(b)
    while rest > 0:
        if rest & 1:
            result = result * base
        base = base * base
        rest >>= 1
    return result


@kernel_family(*WIDTHS, "f64")
def whole_add(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Add."""
    total(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family(*WIDTHS, "f64")
def whole_sub(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Subtract."""
    difference(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family(*WIDTHS, "f64")
def whole_mul(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Multiply."""
    product(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s8", "u8", "s16", "u16", "s32", "u32")
def narrow_div(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide."""
    narrow_quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s64")
def signed_div(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide."""
    quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("u64")
def unsigned_div(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide."""
    quotient_unsigned(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("f64")
def real_div(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide."""
    real_quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s32", "s64")
def whole_pow(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Raise to a power."""
    power(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("s8", "s16", "s32", "s64")
def clamp_signed(z: T, count: I64, low: I64, high: I64, tid: I64, threads: I64) -> I64:
    """Move into a range."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        z[i] = min(max(np.int64(z[i]), low), high)
    return OK


@kernel_family(*WIDTHS)
def clamp_unsigned(z: T, count: I64, high: I64, tid: I64, threads: I64) -> I64:
    """Move to a largest number."""
    most = np.uint64(high)
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        z[i] = min(np.uint64(z[i]), most)
    return OK


@kernel_family("f64")
def clamp_real(z: T, count: I64, low: F64, high: F64, tid: I64, threads: I64) -> I64:
    """Move into a range; NaN stays."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        v = z[i]
        v = low if v < low else v
        z[i] = high if v > high else v
    return OK


@kernel_family("s32", "s64")
def not_negative(y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a negative exponent."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        if y[i] < 0:
            return OUT_OF_DOMAIN
    return OK


ARITHMETIC: dict[Op[..., Any], KernelFamily[str]] = {add: whole_add, sub: whole_sub, mul: whole_mul}
QUOTIENTS = {**narrow_div, **signed_div, **unsigned_div, **real_div}
FORMATS = ("f64", *INTEGERS)


def clamped(site: Site) -> list[Step]:
    """Return the pass of the activation, where there is one that does something."""
    z, activation = site.outputs[0], site.attributes["activation"]
    low, high = ACTIVATIONS[activation]
    form, count = z.type.format, z.type.size
    if activation == "none" or (form[0] == "u" and high == np.inf):
        return []
    if form == "f64":
        return [Step(clamp_real[form], (z, count, low, high))]
    most = 2**63 - 1 if high == np.inf else int(high)
    if form[0] == "u":
        return [Step(clamp_unsigned[form], (z, count, most))]
    return [Step(clamp_signed[form], (z, count, int(low), most))]


def lower_arithmetic(site: Site) -> list[Step]:
    """Lower to one loop, and one for the activation."""
    (x, y), (z,) = site.inputs, site.outputs
    form = "f64" if z.type.format == "f64" else width(z)
    loop = ARITHMETIC[site.node.op][form]
    return [Step(loop, (x, y, z, layout_operand(site))), *clamped(site)]


def unquantized(site: Site) -> bool:
    """Whether the tensors are integers as such."""
    tensors = (*site.inputs, *site.outputs)
    return not any(t is not None and t.type.quant for t in tensors)


# The first way to run what has a quantized rule in the same format.
PLAIN = Lowering(lower_arithmetic, unquantized)
lowers(*((op, f) for op in ARITHMETIC for f in FORMATS if f not in ("s8", "u8", "s16")))(
    lower_arithmetic
)


@lowers(*((div, f) for f in FORMATS if f != "u8"))
def lower_div(site: Site) -> list[Step]:
    """Look at all divisors, divide, clamp."""
    (x, y), (z,) = site.inputs, site.outputs
    assert y is not None
    check = [] if z.type.format == "f64" else [Step(nonzero[width(y)], (y, y.type.size))]
    loop = QUOTIENTS[z.type.format]
    return [*check, Step(loop, (x, y, z, layout_operand(site))), *clamped(site)]


@lowers((pow_op, "s32"), (pow_op, "s64"))
def lower_pow(site: Site) -> list[Step]:
    """Look at all exponents, raise."""
    (x, y), (z,) = site.inputs, site.outputs
    assert y is not None
    check = Step(not_negative[y.type.format], (y, y.type.size))
    return [check, Step(whole_pow[z.type.format], (x, y, z, layout_operand(site)))]


@lowers((squared_difference, "s32"))
def lower_squared_difference(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x, y), (z,) = site.inputs, site.outputs
    return [Step(square_of_gap["s32"], (x, y, z, layout_operand(site)))]
