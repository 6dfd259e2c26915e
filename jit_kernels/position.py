"""Positions of extremes along an axis."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ..refimpl.reduce import arg_max, arg_min
from .kernel import I64, OK, R, T, kernel_family, share
from .lowering import Site, Step, lowers

FORMATS = ("f32", "s8", "u8", "s32")


@kernel_family(*product(FORMATS, ("s32", "s64")))
def position(
    x: T, y: R, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Where the first largest or smallest element stands; NaNs do not take part."""
    start, stop = share(outer * inner, tid, threads)
    for r in range(start, stop):
        at = r // inner * count * inner + r % inner
        best, where = x[at], np.int64(0)
        for k in range(1, count):
            v = x[at + k * inner]
            better = v > best if largest else v < best
            if better or (best != best and v == v):
                best, where = v, np.int64(k)
        y[r] = where
    return OK


@lowers(*((op, f) for op in (arg_max, arg_min) for f in FORMATS))
def lower_arg(site: Site) -> list[Step]:
    """The axis lies between what is before and what is after it."""
    x, axis, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and axis is not None and axis.value is not None
    shape = x.type.shape
    a = int(axis.value.reshape(())) % len(shape)
    sizes = (math.prod(shape[:a]), shape[a], math.prod(shape[a + 1 :]))
    largest = int(site.node.op is arg_max)
    return [Step(position[x.type.format, y.type.format], (x, y, *sizes, largest))]
