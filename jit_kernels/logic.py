"""Comparisons and logical operators. A comparison is a set of relations: less 1, equal 2, greater 4, none 8."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op
from ..quant.rule import Quantized
from ..refimpl.binary import INTEGERS
from ..refimpl.logic import (
    assertion,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    nonzero,
    not_equal,
    select,
)
from .broadcast import layout_operand, pairwise
from .kernel import ASSERTION_FAILED, BOOL, I64, OK, S64, T, inlined, kernel, kernel_family, share
from .lowering import Operand, Site, Step, lowers
from .requant import factor, scale_twice
from .shape import any_format
from .strided import View, copy, operand, width
from .window import scratch_like, spread

RELATIONS: dict[Op[..., Any], int] = {
    less: 1,
    equal: 2,
    less_equal: 3,
    greater: 4,
    greater_equal: 6,
    not_equal: 13,
}


@inlined
def holds(a, b, p):  # type: ignore[no-untyped-def]
    """Tell whether the relation of a and b is in the set."""
    place = 0 if a < b else (1 if a == b else (2 if a > b else 3))
    return (p >> place) & 1


@pairwise
def related(a, b, p):  # type: ignore[no-untyped-def]
    """Compare two numbers."""
    return holds(a, b, p)


@pairwise
def related_reals(a, b, p):  # type: ignore[no-untyped-def]
    """Compare what two stored integers stand for, to 8 bits after the point."""
    v = scale_twice((np.int32(a) - p[1]) * 256, p[2], p[3], p[4], p[5], p[6])
    w = scale_twice((np.int32(b) - p[7]) * 256, p[8], p[9], p[10], p[11], p[12])
    return holds(v, w, p[0])


@kernel_family("f32", "f64", *INTEGERS, "bool")
def compare(x: T, y: T, z: BOOL, layout: S64, p: I64, tid: I64, threads: I64) -> I64:
    """Compare plain numbers or truth values."""
    related(x, y, z, layout, p, tid, threads)
    return OK


@inlined
def thirteen(p):  # type: ignore[no-untyped-def]
    """Read the parameters of `related_reals`."""
    first = (p[0], p[1], p[2], p[3], p[4], p[5], p[6])
    return (*first, p[7], p[8], p[9], p[10], p[11], p[12])


@kernel_family("s8", "u8")
def compare_stored(x: T, y: T, z: BOOL, layout: S64, p: S64, tid: I64, threads: I64) -> I64:
    """Compare quantized numbers."""
    related_reals(x, y, z, layout, thirteen(p), tid, threads)
    return OK


@pairwise
def both(a, b, p):  # type: ignore[no-untyped-def]
    """And."""
    return (a != 0) & (b != 0)


@pairwise
def either(a, b, p):  # type: ignore[no-untyped-def]
    """Or."""
    return (a != 0) | (b != 0)


@kernel
def bool_and(x: BOOL, y: BOOL, z: BOOL, layout: S64, tid: I64, threads: I64) -> I64:
    """Tell where both hold."""
    both(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def bool_or(x: BOOL, y: BOOL, z: BOOL, layout: S64, tid: I64, threads: I64) -> I64:
    """Tell where one holds."""
    either(x, y, z, layout, 0, tid, threads)
    return OK


@kernel
def bool_not(x: BOOL, y: BOOL, count: I64, tid: I64, threads: I64) -> I64:
    """Tell where it does not hold."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        y[i] = x[i] == 0
    return OK


@lowers(*[(op, form) for op in RELATIONS for form in compare if form != "bool"])
@lowers((equal, "bool"), (not_equal, "bool"))
def lower_comparison(site: Site) -> list[Step]:
    """Lower to one loop; quantized operands bring their zero points and multipliers."""
    (x, y), (z,) = site.inputs, site.outputs
    assert x is not None and y is not None
    relation, layout = RELATIONS[site.node.op], layout_operand(site)
    form = x.type.format
    if x.type.quant is None or form not in compare_stored:
        return [Step(compare[form], (x, y, z, layout, relation))]
    parameters = [relation]
    for place in (x, y):
        own = Quantized(np.empty(0), place.type.quant)
        parameters += [own.zero_point, *factor(np.float64(own.scale))]
    p = site.constant(np.array(parameters, np.int64))
    return [Step(compare_stored[form], (x, y, z, layout, p))]


@lowers((logical_and, "bool"), (logical_or, "bool"))
def lower_logical(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x, y), (z,) = site.inputs, site.outputs
    loop = bool_and if site.node.op is logical_and else bool_or
    return [Step(loop, (x, y, z, layout_operand(site)))]


@lowers((logical_not, "bool"))
def lower_logical_not(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    return [Step(bool_not, (x, y, y.type.size))]


@kernel_family("u8", "u16", "u32", "u64")
def choose(condition: BOOL, x: T, y: T, z: T, count: I64, tid: I64, threads: I64) -> I64:
    """Take the element of x where the condition holds, else that of y; all are of one shape."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        z[i] = x[i] if condition[i] != 0 else y[i]
    return OK


@lowers(*any_format(select))
def lower_select(site: Site) -> list[Step]:
    """What is smaller than the result is spread into scratch memory first."""
    z, steps, places = site.outputs[0], list[Step](), list[Operand]()
    for x in map(operand, site.inputs):
        place = x
        if x.type.size != z.type.size:
            place = scratch_like(site, x, z.type.shape)
            view = spread(x.type.shape, z.type.shape)
            steps += copy(site, x, view, place, View.of(z.type.shape))
        places.append(place)
    return [*steps, Step(choose[width(z)], (*places, z, z.type.size))]


@kernel_family("f32", "f64", "s8", "u8", "s32", "s64")
def find_nonzero(
    x: T, y: S64, count: S64, sizes: S64, rank: I64, n: I64, tid: I64, threads: I64
) -> I64:
    """Write down the position of each element that is not zero, by one thread."""
    found = 0
    for i in range(n):
        if x[i] != 0:
            left = i
            for k in range(rank - 1, -1, -1):
                y[found * rank + k] = left % sizes[k]
                left //= sizes[k]
            found += 1
    for i in range(found * rank, n * rank):
        y[i] = -1
    count[0] = found
    return OK


@lowers(*((nonzero, form) for form in ("f32", "f64", "s8", "u8", "s32", "s64", "bool")))
def lower_nonzero(site: Site) -> list[Step]:
    """Lower to one loop."""
    x, (y, count) = operand(site.inputs[0]), site.outputs
    form = "u8" if x.type.format == "bool" else x.type.format
    sizes = site.constant(np.array(x.type.shape, np.int64))
    arguments = (x, y, count, sizes, len(x.type.shape), x.type.size)
    return [Step(find_nonzero[form], arguments, serial=True)]


@kernel
def hold_all(x: BOOL, y: BOOL, count: I64, tid: I64, threads: I64) -> I64:
    """Copy what must hold everywhere."""
    start, stop = share(count, tid, threads)
    for i in range(start, stop):
        if x[i] == 0:
            return ASSERTION_FAILED
        y[i] = x[i]
    return OK


@lowers((assertion, "bool"))
def lower_assertion(site: Site) -> list[Step]:
    """Lower to one loop."""
    (x,), (y,) = site.inputs, site.outputs
    return [Step(hold_all, (x, y, y.type.size))]
