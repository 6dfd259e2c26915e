"""Operators that change axes, join and cut: copies between strided views."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import ANY, Array, Op
from ..quant.rule import DIALECTS
from ..refimpl.axes import resolve_axis, whole_numbers
from ..refimpl.fill import RANGED
from ..refimpl.fill import range as range_op
from ..refimpl.join import concat, pack, split, split_v, unpack
from ..refimpl.logic import where
from ..refimpl.packed import custom_extract_features, custom_normalize, skip_gram
from ..refimpl.shape import expand_dims, rank, reshape, shape, squeeze, transpose
from ..refimpl.sort import KEYS, ORDERED, unique, unique_rows
from .kernel import F64, I64, OK, T, inlined, kernel_family, share
from .lowering import Operand, Site, Step, lowers
from .strided import View, copy, operand


def any_format(*ops: Op[..., Any]) -> list[tuple[Op[..., Any], str]]:
    """Return the keys of operators for all element types."""
    return [(op, fmt) for op in ops for fmt in ANY]


@lowers(*any_format(reshape, squeeze, expand_dims))
def lower_reshape(site: Site) -> list[Step]:
    """The elements stay in order."""
    x, y = operand(site.inputs[0]), site.outputs[0]
    flat = View.of((y.type.size,))
    return copy(site, x, flat, y, flat)


@lowers(*any_format(transpose))
def lower_transpose(site: Site) -> list[Step]:
    """The source is read in another order of its axes."""
    x, perm, y = operand(site.inputs[0]), operand(site.inputs[1]), site.outputs[0]
    order = [a % len(x.type.shape) for a in whole_numbers(perm.type)]
    return copy(site, x, View.of(x.type.shape).permuted(order), y, View.of(y.type.shape))


@lowers(
    *any_format(shape, rank),
    *((unique, f) for f in KEYS),
    *((op, "u8") for op in (skip_gram, custom_extract_features, custom_normalize)),
    *((unique_rows, f) for f in ORDERED),
    *((where, f) for f in ("f32", "s8", "u8", "s32", "u32", "s64", "bool")),
    *((range_op, f) for f in RANGED),
)
def lower_known(site: Site) -> list[Step]:
    """The result is known when the plan is made: it depends on types and static values alone."""
    args: list[Array | None] = []
    for place in site.inputs:
        if place is None:
            args.append(None)
            continue
        t = place.type
        args.append(np.broadcast_to(np.zeros((), t.dtype), t.shape) if t.value is None else t.value)
    found = site.node.op(*args, **site.attributes)
    steps = []
    for value, y in zip(found if isinstance(found, tuple) else (found,), site.outputs, strict=True):
        flat = View.of((y.type.size,))
        steps += copy(site, site.constant(value), flat, y, flat)
    return steps


@lowers(*((concat, fmt) for fmt in ANY if fmt != "u8"))
def lower_concat(site: Site) -> list[Step]:
    """Each tensor goes into its part of the result."""
    y, steps, before = site.outputs[0], [], 0
    axis = resolve_axis("C2", site.attributes["axis"], len(y.type.shape))
    for x in map(operand, site.inputs):
        n = x.type.shape[axis]
        part = View.of(y.type.shape).part(axis, before, n)
        steps += _join(site, x, y, part)
        before += n
    return steps


lowers((concat, "u8"), (concat, "s8-nnacl"))(lower_concat)


@inlined
def rounded(value):  # type: ignore[no-untyped-def]
    """Round a float64 half away from zero."""
    return np.int64(value + 0.5) if value >= 0 else np.int64(value - 0.5)


@kernel_family("s8", "u8")
def rescale(
    x: T, y: T, rows: I64, run: I64, stride: I64, offset: I64, scale: F64, bias: F64, zero: I64,
    low: I64, high: I64, tid: I64, threads: I64,
) -> I64:  # fmt: skip
    """Requantize `rows` of `run` elements in float32, into rows of `y` that are `stride` apart."""
    s, t = np.float32(scale), np.float32(bias)
    start, stop = share(rows * run, tid, threads)
    for i in range(start, stop):
        row = i // run
        real = np.float32(np.float32(x[i]) * s) + t
        q = rounded(np.float64(real)) + zero
        y[offset + row * stride + i - row * run] = min(max(q, low), high)
    return OK


def _join(site: Site, x: Operand, y: Operand, part: View) -> list[Step]:
    """Copy `x` to a part of `y`; u8 with another quantization is requantized, and in nnacl s8 is."""
    own, target = x.type.quant, y.type.quant
    same = (
        own is None
        or target is None
        or (own.scale, own.zero_point) == (target.scale, target.zero_point)
    )
    copied = x.type.format != "u8" and site.node.dialect not in DIALECTS
    if copied or same or x.type.size == 0:
        return copy(site, x, View.of(x.type.shape), y, part)
    assert own is not None and target is not None
    scale = np.float32(own.scale[0]) * (np.float32(1) / np.float32(target.scale[0]))
    bias = np.float32(-own.zero_point[0]) * scale
    # a part along one axis is rows of equal length at equal distances
    axis = next((a for a, n in enumerate(part.sizes) if n != y.type.shape[a]), 0)
    rows = int(np.prod(part.sizes[:axis]))
    run = x.type.size // rows
    stride = y.type.size // rows
    arguments = (
        x,
        y,
        rows,
        run,
        stride,
        part.offset,
        float(scale),
        float(bias),
        target.zero_point[0],
        *((0, 255) if x.type.format == "u8" else (-128, 127)),
    )
    return [Step(rescale[x.type.format], arguments)]


@lowers(*any_format(pack))
def lower_pack(site: Site) -> list[Step]:
    """Each tensor goes to one position of the new axis."""
    y, steps = site.outputs[0], []
    axis = resolve_axis("C3", site.attributes["axis"], len(y.type.shape))
    for i, x in enumerate(map(operand, site.inputs)):
        place = View.of(y.type.shape).part(axis, i, 1).without(axis)
        steps += copy(site, x, View.of(x.type.shape), y, place)
    return steps


@lowers(*any_format(unpack))
def lower_unpack(site: Site) -> list[Step]:
    """Each result comes from one position of the axis."""
    x, steps = operand(site.inputs[0]), []
    axis = resolve_axis("C1", site.attributes["axis"], len(x.type.shape))
    for i, y in enumerate(site.outputs):
        place = View.of(x.type.shape).part(axis, i, 1).without(axis)
        steps += copy(site, x, place, y, View.of(y.type.shape))
    return steps


def _cut(site: Site, x: Operand, axis: int) -> list[Step]:
    """Each result comes from its part of the axis."""
    steps, before = [], 0
    for y in site.outputs:
        n = y.type.shape[axis]
        part = View.of(x.type.shape).part(axis, before, n)
        steps += copy(site, x, part, y, View.of(y.type.shape))
        before += n
    return steps


@lowers(*any_format(split))
def lower_split(site: Site) -> list[Step]:
    """Equal parts."""
    axis, x = map(operand, site.inputs)
    return _cut(site, x, whole_numbers(axis.type)[0] % len(x.type.shape))


@lowers(*any_format(split_v))
def lower_split_v(site: Site) -> list[Step]:
    """Parts of any sizes."""
    x, _, axis = map(operand, site.inputs)
    return _cut(site, x, whole_numbers(axis.type)[0] % len(x.type.shape))
