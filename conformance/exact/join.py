"""Second oracles of the operators that join and cut along an axis."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ...ir import QuantParams, TensorType
from ...refimpl.join import concat, pack, split, split_v, unpack
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary32 import f32, half_away
from .fixed import clamped


@EXACT.of(concat)
def exact_concat(*xs: Cells, axis: int) -> Cells:
    """Each element moves along the axis by the sizes before it."""
    axis %= len(xs[0].shape)
    sizes = list(xs[0].shape)
    sizes[axis] = sum(x.shape[axis] for x in xs)
    y, before = Cells.full(sizes, 0), 0
    for x in xs:
        for i in x.indices():
            y[(*i[:axis], i[axis] + before, *i[axis + 1 :])] = x[i]
        before += x.shape[axis]
    return y


@EXACT_INT8.of((concat, "u8"), (concat, "s8-nnacl"))
def exact_concat_u8(
    *xs: Cells,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    dialect: str,
    axis: int,
) -> Cells:
    """Round q s/s' - z s/s', each step in float32, and add z', where the quantizations differ."""
    target, parts = out[0].quant, []
    for x, own in zip(xs, quant, strict=True):
        values = list(x.values)
        if own and target and (own.scale, own.zero_point) != (target.scale, target.zero_point):
            scale = f32(own.scale[0] * f32(1.0 / target.scale[0]))
            bias = f32(-own.zero_point[0] * scale)
            moved = [half_away(f32(f32(q * scale) + bias)) + target.zero_point[0] for q in values]
            values = [clamped(q, out[0].format) for q in moved]
        parts.append(Cells(x.shape, values))
    return exact_concat(*parts, axis=axis)


@EXACT.of(pack)
def exact_pack(*xs: Cells, axis: int) -> Cells:
    """The number of the tensor becomes an index."""
    axis %= len(xs[0].shape) + 1
    sizes = list(xs[0].shape)
    sizes.insert(axis, len(xs))
    y = Cells.full(sizes, 0)
    for k, x in enumerate(xs):
        for i in x.indices():
            y[(*i[:axis], k, *i[axis:])] = x[i]
    return y


@EXACT.of(unpack)
def exact_unpack(x: Cells, *, axis: int, count: int) -> tuple[Cells, ...]:
    """An index becomes the number of the tensor."""
    axis %= len(x.shape)
    ys = [Cells.full((*x.shape[:axis], *x.shape[axis + 1 :]), 0) for _ in range(count)]
    for i in x.indices():
        ys[i[axis]][(*i[:axis], *i[axis + 1 :])] = x[i]
    return tuple(ys)


def _cut(x: Cells, axis: int, parts: Sequence[int]) -> tuple[Cells, ...]:
    ys = [Cells.full((*x.shape[:axis], n, *x.shape[axis + 1 :]), 0) for n in parts]
    starts = [0, *itertools.accumulate(parts)]
    for y, start in zip(ys, starts, strict=False):
        for i in y.indices():
            y[i] = x[(*i[:axis], i[axis] + start, *i[axis + 1 :])]
    return tuple(ys)


@EXACT.of(split)
def exact_split(axis: Cells, x: Cells, *, count: int) -> tuple[Cells, ...]:
    """Equal parts."""
    at = axis.values[0] % len(x.shape)
    return _cut(x, at, [x.shape[at] // count] * count)


@EXACT.of(split_v)
def exact_split_v(x: Cells, sizes: Cells, axis: Cells) -> tuple[Cells, ...]:
    """Parts of given sizes, -1 is what is left."""
    at = axis.values[0] % len(x.shape)
    named = sum(n for n in sizes.values if n >= 0)
    return _cut(x, at, [x.shape[at] - named if n < 0 else n for n in sizes.values])
