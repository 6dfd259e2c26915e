"""float32 arithmetic on two tensors, and what int32 shares of it: one loop over rows for all (`broadcast.pairwise`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..refimpl.activation import ACTIVATIONS
from ..refimpl.binary import (
    add,
    add_n,
    div,
    floor_div,
    floor_mod,
    maximum,
    minimum,
    mul,
    squared_difference,
    sub,
)
from .broadcast import layout_operand, pairwise
from .kernel import (
    DIVISION_BY_ZERO,
    F32,
    F64,
    I64,
    OK,
    S64,
    Kernel,
    T,
    inlined,
    kernel,
    kernel_family,
    share,
)
from .lowering import Site, Step, lowers


@inlined
def clamp(v, p):  # type: ignore[no-untyped-def]
    """Move into the range of the activation; NaN stays."""
    v = p[0] if v < p[0] else v
    return p[1] if v > p[1] else v


@pairwise
def plus(a, b, p):  # type: ignore[no-untyped-def]
    """Sum."""
    return clamp(a + b, p)


@pairwise
def minus(a, b, p):  # type: ignore[no-untyped-def]
    """Difference."""
    return clamp(a - b, p)


@pairwise
def times(a, b, p):  # type: ignore[no-untyped-def]
    """Product."""
    return clamp(a * b, p)


@pairwise
def quotient(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient."""
    return clamp(a / b, p)


@pairwise
def larger(a, b, p):  # type: ignore[no-untyped-def]
    """The second unless the first is larger."""
    return a if a > b else b


@pairwise
def smaller(a, b, p):  # type: ignore[no-untyped-def]
    """The second unless the first is smaller."""
    return a if a < b else b


@pairwise
def squared_gap(a, b, p):  # type: ignore[no-untyped-def]
    """Square of the difference."""
    return (a - b) * (a - b)


@pairwise
def floor_quotient(a, b, p):  # type: ignore[no-untyped-def]
    """Quotient in float64, rounded down."""
    return np.float32(np.floor(np.float64(a) / np.float64(b)))


@pairwise
def floor_remainder(a, b, p):  # type: ignore[no-untyped-def]
    """The exact remainder, moved to the sign of the divisor."""
    r = np.fmod(a, b)
    return r + b if r != 0 and (b < 0) != (r < 0) else r


@kernel
def f32_add(
    x: F32, y: F32, z: F32, layout: S64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Add."""
    plus(x, y, z, layout, (np.float32(low), np.float32(high)), tid, threads)
    return OK


@kernel
def f32_sub(
    x: F32, y: F32, z: F32, layout: S64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Subtract."""
    minus(x, y, z, layout, (np.float32(low), np.float32(high)), tid, threads)
    return OK


@kernel
def f32_mul(
    x: F32, y: F32, z: F32, layout: S64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Multiply."""
    times(x, y, z, layout, (np.float32(low), np.float32(high)), tid, threads)
    return OK


@kernel
def f32_div(
    x: F32, y: F32, z: F32, layout: S64, low: F64, high: F64, tid: I64, threads: I64
) -> I64:
    """Divide."""
    quotient(x, y, z, layout, (np.float32(low), np.float32(high)), tid, threads)
    return OK


@kernel
def f32_maximum(x: F32, y: F32, z: F32, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the larger."""
    larger(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def f32_minimum(x: F32, y: F32, z: F32, layout: S64, tid: I64, threads: I64) -> I64:
    """Take the smaller."""
    smaller(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("f32", "s32")
def square_of_gap(x: T, y: T, z: T, layout: S64, tid: I64, threads: I64) -> I64:
    """Subtract, square."""
    squared_gap(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def f32_nonzero(y: F32, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse a divisor of zero."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        if y[i] == 0:
            return DIVISION_BY_ZERO
    return OK


@kernel
def f32_floor_div(x: F32, y: F32, z: F32, layout: S64, tid: I64, threads: I64) -> I64:
    """Divide, round down."""
    floor_quotient(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def f32_floor_mod(x: F32, y: F32, z: F32, layout: S64, tid: I64, threads: I64) -> I64:
    """Remainder of the division that is rounded down."""
    floor_remainder(x, y, z, layout, 0, tid, threads)
    return OK


@kernel_family("f32", "s32")
def accumulate(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """Add to what is there."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] += x[i]
    return OK


@kernel_family("f32", "s32")
def copy_first(x: T, y: T, count: I64, tid: I64, threads: I64) -> I64:
    """A sum of one."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i]
    return OK


FUSED: dict[Op[..., Any], Kernel] = {add: f32_add, sub: f32_sub, mul: f32_mul, div: f32_div}
PLAIN: dict[Op[..., Any], Kernel] = {
    maximum: f32_maximum,
    minimum: f32_minimum,
    squared_difference: square_of_gap["f32"],
    floor_div: f32_floor_div,
    floor_mod: f32_floor_mod,
}


@lowers(*[(op, "f32") for op in FUSED])
def lower_fused(site: Site) -> list[Step]:
    """Lower to one loop with the activation in it."""
    (x, y), (z,) = site.inputs, site.outputs
    bounds = ACTIVATIONS[site.attributes["activation"]]
    return [Step(FUSED[site.node.op], (x, y, z, layout_operand(site), *bounds))]


@lowers(*[(op, "f32") for op in PLAIN])
def lower_plain(site: Site) -> list[Step]:
    """Lower to one loop; `floor_div` looks at all divisors before."""
    (x, y), (z,) = site.inputs, site.outputs
    assert y is not None
    check = [Step(f32_nonzero, (y, y.type.size))] if site.node.op is floor_div else []
    return [*check, Step(PLAIN[site.node.op], (x, y, z, layout_operand(site)))]


@lowers((add_n, "f32"), (add_n, "s32"))
def lower_add_n(site: Site) -> list[Step]:
    """Add the tensors one after the other."""
    (first, *others), (y,) = site.inputs, site.outputs
    form = y.type.format
    steps = [Step(copy_first[form], (first, y, y.type.size))]
    return steps + [Step(accumulate[form], (x, y, y.type.size)) for x in others]
