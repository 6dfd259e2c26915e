"""Arithmetic on two tensors of int32 or int64, which wraps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.binary import add, div, mul, squared_difference, sub
from ..refimpl.binary import pow as pow_op
from .binary import clamp, square_of_gap
from .broadcast import layout_operand, pairwise
from .kernel import (
    I64,
    OK,
    OUT_OF_DOMAIN,
    S32,
    S64,
    Kernel,
    kernel,
    share,
)
from .lowering import Site, Step, lowers
from .stored import nonzero

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


@pairwise
def sum_32(a, b, p):  # type: ignore[no-untyped-def]
    """Sum modulo 2**32."""
    return clamp(np.int64(np.int32(np.int64(a) + b)), p)


@pairwise
def sum_64(a, b, p):  # type: ignore[no-untyped-def]
    """Sum modulo 2**64."""
    return clamp(a + b, p)


@pairwise
def difference_32(a, b, p):  # type: ignore[no-untyped-def]
    """Difference modulo 2**32."""
    return clamp(np.int64(np.int32(np.int64(a) - b)), p)


@pairwise
def difference_64(a, b, p):  # type: ignore[no-untyped-def]
    """Difference modulo 2**64."""
    return clamp(a - b, p)


@pairwise
def product_32(a, b, p):  # type: ignore[no-untyped-def]
    """Product modulo 2**32."""
    return clamp(np.int64(np.int32(np.int64(a) * b)), p)


@pairwise
def product_64(a, b, p):  # type: ignore[no-untyped-def]
    """Product modulo 2**64."""
    return clamp(a * b, p)


@pairwise
def quotient_32(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient cut towards zero, modulo 2**32; divisors have been looked at."""
    divisor = np.int64(b) if b != 0 else np.int64(1)
    size = abs(np.int64(a)) // abs(divisor)
    return clamp(np.int64(np.int32(size if (a < 0) == (b < 0) else -size)), p)


@pairwise
def power(a, b, p):  # type: ignore[no-untyped-def]
    """Power modulo 2**32; exponents have been looked at."""
    base, result, rest = np.int64(a), np.int64(1), np.int64(b)
    while rest > 0:
        if rest & 1:
            result = np.int64(np.int32(result * base))
        base = np.int64(np.int32(base * base))
        rest >>= 1
    return result


@kernel
def s32_add(
    x: S32, y: S32, z: S32, layout: S64, low: I64, high: I64, tid: I64, threads: I64
) -> I64:
    """Add."""
    sum_32(x, y, z, layout, (low, high), tid, threads)
    return OK


@kernel
def s64_add(
    x: S64, y: S64, z: S64, layout: S64, low: I64, high: I64, tid: I64, threads: I64
) -> I64:
    """Add."""
    sum_64(x, y, z, layout, (low, high), tid, threads)
    return OK


@kernel
def s32_sub(
    x: S32, y: S32, z: S32, layout: S64, low: I64, high: I64, tid: I64, threads: I64
) -> I64:
    """Subtract."""
    difference_32(x, y, z, layout, (low, high), tid, threads)
    return OK


@kernel
def s64_sub(
    x: S64, y: S64, z: S64, layout: S64, low: I64, high: I64, tid: I64, threads: I64
) -> I64:
    """Subtract."""
    difference_64(x, y, z, layout, (low, high), tid, threads)
    return OK


@kernel
def s32_mul(
    x: S32, y: S32, z: S32, layout: S64, low: I64, high: I64, tid: I64, threads: I64
) -> I64:
    """Multiply."""
    product_32(x, y, z, layout, (low, high), tid, threads)
    return OK


@kernel
def s64_mul(
    x: S64, y: S64, z: S64, layout: S64, low: I64, high: I64, tid: I64, threads: I64
) -> I64:
    """Multiply."""
    product_64(x, y, z, layout, (low, high), tid, threads)
    return OK


@kernel
def s32_div(
    x: S32, y: S32, z: S32, layout: S64, low: I64, high: I64, tid: I64, threads: I64
) -> I64:
    """Divide."""
    quotient_32(x, y, z, layout, (low, high), tid, threads)
    return OK


@kernel
def s32_pow(x: S32, y: S32, z: S32, layout: S64, tid: I64, threads: I64) -> I64:
    """Raise to a power."""
    power(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def s32_not_negative(y: S32, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a negative exponent."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        if y[i] < 0:
            return OUT_OF_DOMAIN
    return OK


FUSED: dict[tuple[Op[..., Any], str], Kernel] = {
    (add, "s32"): s32_add,
    (add, "s64"): s64_add,
    (sub, "s32"): s32_sub,
    (sub, "s64"): s64_sub,
    (mul, "s32"): s32_mul,
    (mul, "s64"): s64_mul,
    (div, "s32"): s32_div,
}
PLAIN: dict[tuple[Op[..., Any], str], Kernel] = {
    (pow_op, "s32"): s32_pow,
    (squared_difference, "s32"): square_of_gap["s32"],
}
CHECKS: dict[tuple[Op[..., Any], str], Kernel] = {
    (pow_op, "s32"): s32_not_negative,
    (div, "s32"): nonzero["s32"],
}


def _checked(site: Site) -> list[Step]:
    """Return the step that looks at the divisors or exponents, where some are illegal."""
    y = site.inputs[1]
    assert y is not None
    key = (site.node.op, y.type.format)
    return [Step(CHECKS[key], (y, y.type.size))] if key in CHECKS else []


@lowers(*FUSED)
def lower_fused(site: Site) -> list[Step]:
    """Lower to one loop with the activation in it."""
    (x, y), (z,) = site.inputs, site.outputs
    low, high = ACTIVATIONS[site.attributes["activation"]]
    bounds = INT64_MIN if low == -np.inf else int(low), INT64_MAX if high == np.inf else int(high)
    loop = FUSED[site.node.op, z.type.format]
    return [*_checked(site), Step(loop, (x, y, z, layout_operand(site), *bounds))]


@lowers(*PLAIN)
def lower_plain(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x, y), (z,) = site.inputs, site.outputs
    loop = PLAIN[site.node.op, z.type.format]
    return [*_checked(site), Step(loop, (x, y, z, layout_operand(site)))]
