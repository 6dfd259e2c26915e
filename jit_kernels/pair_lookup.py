"""Functions of two stored bytes: a table of all 65,536 results, which the quantized rule makes.

Where the rule refuses pairs, a table of the legal ones is looked through before: all of it, or by the second operand
alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array, Op, TensorType
from ..quant.quotient import COMPARISONS, DEFINED
from ..quant.rule import INT8, Quantized, number_format
from ..refimpl.binary import div
from ..refimpl.binary import pow as pow_op
from .broadcast import layout_operand, pairwise
from .integer import lower_div, unquantized
from .kernel import I64, OK, OUT_OF_DOMAIN, S64, U8, kernel, share
from .lookup import every, within
from .lowering import CPU, Lowering, Operand, Site, Step, lowers


@pairwise
def entry(a, b, p):  # type: ignore[no-untyped-def]
    """Return the entry of a pair."""
    return p[np.int64(a) * 256 + np.int64(b)]


@kernel
def look_up_pairs(x: U8, y: U8, z: U8, layout: S64, table: U8, tid: I64, threads: I64) -> I64:
    """Replace every pair by its entry."""
    entry(x, y, z, layout, table, tid, threads)
    return OK


@kernel
def all_set(z: U8, count: I64, tid: I64, threads: I64) -> I64:
    """Refuse where one is 0."""
    start, stop = share(count, tid, threads)
    bad = 0
    for i in range(start, stop):
        bad |= z[i] ^ 1
    return OUT_OF_DOMAIN if bad else OK


def pair_table(site: Site) -> tuple[Array, Array]:
    """Return the results of all pairs, 0 where there is none, and whether there is one."""
    (x, y), (z,), op = site.inputs, site.outputs, site.node.op
    assert x is not None and y is not None
    first, second = np.broadcast_arrays(every(x.type.dtype)[:, None], every(y.type.dtype))
    legal = np.ones((256, 256), np.bool_)
    if op in DEFINED:
        legal &= DEFINED[op](Quantized(first, x.type.quant), Quantized(second, y.type.quant))
    pairs = Quantized(first[legal], x.type.quant), Quantized(second[legal], y.type.quant)
    out = (TensorType(pairs[0].value.shape, z.type.dtype, z.type.quant),)
    rule = INT8[op, number_format(op, (x.type, y.type), site.node.dialect)]
    table = np.zeros((256, 256), z.type.dtype)
    table[legal] = rule(*pairs, out=out, dialect=site.node.dialect, **site.attributes)
    return table.view(np.uint8), legal.view(np.uint8)


def _checks(site: Site, legal: Array, layout: Operand) -> list[Step]:
    """Return the steps that refuse what has no result."""
    (x, y), (z,) = site.inputs, site.outputs
    assert x is not None and y is not None
    if legal.all():
        return []
    if (legal == legal[0]).all():
        flags = site.constant(legal[0].copy())
        return [Step(within["u8"], (y, flags, y.type.size))]
    found = site.scratch(z.type.size)
    flags = site.constant(legal)
    return [
        Step(look_up_pairs, (x, y, found, layout, flags)),
        Step(all_set, (found, z.type.size)),
    ]


OPERATORS: tuple[Op[..., Any], ...] = (div, pow_op, *COMPARISONS)
KEYS = [(op, f"{t}-nnacl") for op in OPERATORS for t in ("s8", "u8")]


@lowers(*KEYS)
def lower_by_pairs(site: Site) -> list[Step]:
    """Look up every pair, once all are known to have a result."""
    (x, y), (z,) = site.inputs, site.outputs
    layout = layout_operand(site)
    table, legal = pair_table(site)
    return [
        *_checks(site, legal, layout),
        Step(look_up_pairs, (x, y, z, layout, site.constant(table))),
    ]


CPU.of((div, "u8"))((Lowering(lower_div, unquantized), Lowering(lower_by_pairs)))
