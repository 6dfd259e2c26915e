"""Positions of extremes along an axis."""

from __future__ import annotations

import math

import numpy as np

from ..refimpl.reduce import arg_max, arg_min
from .kernel import F32, I64, OK, S8, S32, S64, U8, inlined, kernel, share
from .lowering import Site, Step, lowers


@inlined
def position(x, y, outer, count, inner, largest, tid, threads):  # type: ignore[no-untyped-def]
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


@kernel
def f32_arg_s32(
    x: F32, y: S32, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in float32, as int32."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


@kernel
def f32_arg_s64(
    x: F32, y: S64, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in float32, as int64."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


@kernel
def s8_arg_s32(
    x: S8, y: S32, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in int8, as int32."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


@kernel
def s8_arg_s64(
    x: S8, y: S64, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in int8, as int64."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


@kernel
def u8_arg_s32(
    x: U8, y: S32, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in uint8, as int32."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


@kernel
def u8_arg_s64(
    x: U8, y: S64, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in uint8, as int64."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


@kernel
def s32_arg_s32(
    x: S32, y: S32, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in int32, as int32."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


@kernel
def s32_arg_s64(
    x: S32, y: S64, outer: I64, count: I64, inner: I64, largest: I64, tid: I64, threads: I64
) -> I64:
    """Positions in int32, as int64."""
    position(x, y, outer, count, inner, largest, tid, threads)
    return OK


POSITIONS = {
    ("f32", "s32"): f32_arg_s32,
    ("f32", "s64"): f32_arg_s64,
    ("s8", "s32"): s8_arg_s32,
    ("s8", "s64"): s8_arg_s64,
    ("u8", "s32"): u8_arg_s32,
    ("u8", "s64"): u8_arg_s64,
    ("s32", "s32"): s32_arg_s32,
    ("s32", "s64"): s32_arg_s64,
}


@lowers(*((op, f) for op in (arg_max, arg_min) for f in ("f32", "s8", "u8", "s32")))
def lower_arg(site: Site) -> list[Step]:
    """The axis lies between what is before and what is after it."""
    x, axis, y = site.inputs[0], site.inputs[1], site.outputs[0]
    assert x is not None and axis is not None and axis.value is not None
    shape = x.type.shape
    a = int(axis.value.reshape(())) % len(shape)
    sizes = (math.prod(shape[:a]), shape[a], math.prod(shape[a + 1 :]))
    largest = int(site.node.op is arg_max)
    return [Step(POSITIONS[x.type.format, y.type.format], (x, y, *sizes, largest))]
