"""Second oracles of the operators that cut out, surround, repeat and turn around."""

from __future__ import annotations

import builtins
from typing import Any

from ...ir import QuantParams, TensorType
from ...refimpl.window import broadcast_to, pad, reverse, slice, strided_slice, tile
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8


@EXACT.of(slice)
def exact_slice(x: Cells, begin: Cells, size: Cells) -> Cells:
    """Indices are moved by the begin."""
    pairs = zip(x.shape, begin.values, size.values, strict=True)
    y = Cells.full([n - b if c < 0 else c for n, b, c in pairs], 0)
    for i in y.indices():
        y[i] = x[tuple(k + b for k, b in zip(i, begin.values, strict=True))]
    return y


@EXACT.of(strided_slice)
def exact_strided_slice(
    x: Cells,
    begin: Cells,
    end: Cells,
    strides: Cells,
    *,
    begin_mask: int,
    end_mask: int,
    ellipsis_mask: int,
    new_axis_mask: int,
    shrink_axis_mask: int,
) -> Cells:
    """Python's own slice objects resolve the bounds; lists of positions are walked."""
    entries: list[Any] = []
    for i in builtins.range(len(begin.values)):
        bit = 1 << i
        if ellipsis_mask & bit:
            entries.append(...)
        elif new_axis_mask & bit:
            entries.append(None)
        elif shrink_axis_mask & bit:
            entries.append(begin.values[i])
        else:
            first = None if begin_mask & bit else begin.values[i]
            last = None if end_mask & bit else end.values[i]
            entries.append(builtins.slice(first, last, strides.values[i]))
    if ... not in entries:
        entries.append(...)
    named = sum(e is not None and e is not ... for e in entries)
    at = entries.index(...)
    entries[at : at + 1] = [builtins.slice(None)] * (len(x.shape) - named)
    positions, sizes, axis = [], [], 0
    for e in entries:
        if e is None:
            sizes.append(1)
            continue
        if isinstance(e, int):
            positions.append([e % x.shape[axis]])
        else:
            positions.append([*builtins.range(*e.indices(x.shape[axis]))])
            sizes.append(len(positions[-1]))
        axis += 1
    picked = Cells(tuple(len(p) for p in positions), [])
    for place in picked.indices():
        picked.values.append(x[tuple(p[k] for p, k in zip(positions, place, strict=True))])
    return Cells(tuple(sizes), picked.values)


@EXACT.of(pad)
def exact_pad(x: Cells, paddings: Cells, value: Cells | None = None) -> Cells:
    """The value everywhere, then each element moved by the padding before it."""
    before, after = paddings.values[::2], paddings.values[1::2]
    sizes = [n + a + b for n, a, b in zip(x.shape, before, after, strict=True)]
    y = Cells.full(sizes, 0 if value is None else value.values[0])
    for i in x.indices():
        y[tuple(k + a for k, a in zip(i, before, strict=True))] = x[i]
    return y


@EXACT_INT8.of((pad, "s8"), (pad, "u8"), (pad, "s16"), (pad, "s8-nnacl"))
def exact_pad_int8(
    x: Cells,
    paddings: Cells,
    value: Cells | None = None,
    *,
    quant: tuple[QuantParams | None, ...],
    out: tuple[TensorType, ...],
    dialect: str,
) -> Cells:
    """Zero is the zero point of the result."""
    target = out[0].quant
    zero = Cells((), [target.zero_point[0] if target else 0])
    return exact_pad(x, paddings, zero if value is None else value)


@EXACT.of(tile)
def exact_tile(x: Cells, multiples: Cells) -> Cells:
    """Indices count modulo the size."""
    y = Cells.full([n * m for n, m in zip(x.shape, multiples.values, strict=True)], 0)
    for i in y.indices():
        y[i] = x[tuple(k % n for k, n in zip(i, x.shape, strict=True))]
    return y


@EXACT.of(reverse)
def exact_reverse(x: Cells, axes: Cells) -> Cells:
    """Indices of the named axes count from the end."""
    named = [a % len(x.shape) for a in axes.values]
    y = Cells.full(x.shape, 0)
    for i in x.indices():
        y[tuple(x.shape[a] - 1 - k if a in named else k for a, k in enumerate(i))] = x[i]
    return y


@EXACT.of(broadcast_to)
def exact_broadcast_to(x: Cells, shape: Cells) -> Cells:
    """Indices of axes that `x` lacks are dropped, those of axes of size 1 are 0."""
    y = Cells.full(shape.values, 0)
    skip = len(shape.values) - len(x.shape)
    for i in y.indices():
        y[i] = x[tuple(0 if n == 1 else k for k, n in zip(i[skip:], x.shape, strict=True))]
    return y
