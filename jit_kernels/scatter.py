"""Operators that change a tensor at the places that indices name. Every index is checked before it is used."""

from __future__ import annotations

import math

import numpy as np

from ..ir import ANY
from ..refimpl.scatter import REDUCTIONS, scatter_nd_update
from .gather import scatter_rows
from .kernel import I64, INDEX_OUT_OF_RANGE, OK, S64, R, T, inlined, kernel_family
from .lowering import CPU, Lowering, Site, Step, lowers
from .storage import BY_FLOAT32, lower_as_words
from .strided import View, copy, operand

NUMBERS = tuple(form for form in ANY if form != "bool")


@inlined
def combined(old, new, how):  # type: ignore[no-untyped-def]
    """Return what `how`, a position in REDUCTIONS, makes of two numbers; a NaN is the least and the greatest."""
    if how == 1:
        return old + new
    if how == 2:
        return old * new
    if how == 3:
        return new if new < old or new != new else old
    return new if new > old or new != new else old


@kernel_family(*((index, form) for index in ("s32", "s64") for form in NUMBERS))
def combine_rows(
    index: T, updates: R, y: R, sizes: S64, depth: I64, count: I64, run: I64, how: I64, tid: I64, threads: I64
) -> I64:  # fmt: skip
    """Combine row i of `updates` with the row of y at the place in row i of `index`, one after the other."""
    for row in range(count):
        at = np.int64(0)
        for k in range(depth):
            i = np.int64(index[row * depth + k])
            if i < 0 or i >= sizes[k]:
                return INDEX_OUT_OF_RANGE
            at = at * sizes[k] + i
        for j in range(run):
            y[at * run + j] = combined(y[at * run + j], updates[row * run + j], how)
    return OK


@lowers(*((scatter_nd_update, form) for form in ANY))
def lower_scatter_nd_update(site: Site) -> list[Step]:
    """A copy; then the updates in order, so that the bits do not depend on threads."""
    (x, index, updates), y = map(operand, site.inputs), site.outputs[0]
    if updates.type.size == 0 and index.type.size == 0:
        return copy(site, x, View.of(x.type.shape), y, View.of(x.type.shape))
    depth = index.type.shape[-1]
    count, run = math.prod(index.type.shape[:-1]), math.prod(x.type.shape[depth:])
    sizes = site.constant(np.array(x.type.shape[:depth], np.int64))
    how = REDUCTIONS.index(site.attributes["reduction"])
    if how:
        kernel = combine_rows[index.type.format, x.type.format]
        put = Step(kernel, (index, updates, y, sizes, depth, count, run, how), serial=True)
    else:
        nbytes = run * x.type.dtype.itemsize
        arguments = (index, updates, y, sizes, depth, count, nbytes, nbytes)
        put = Step(scatter_rows[index.type.format], arguments, serial=True)
    return [*copy(site, x, View.of(x.type.shape), y, View.of(x.type.shape)), put]


def _puts(site: Site) -> bool:
    return bool(site.attributes["reduction"] == "none")


# Halves that are put are words; those that are combined are numbers.
CPU.of((scatter_nd_update, "f16"))((Lowering(lower_as_words, _puts), BY_FLOAT32))
