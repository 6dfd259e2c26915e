"""Second oracles of nnacl's reductions: lists of Python integers, an axis at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...refimpl.reduce import mean, reduce_prod, reduce_sum_square
from ...refimpl.reduce import sum as sum_op
from ..cells import Cells
from ..tables import EXACT_INT8
from .fixed import clamped, output_scale, scaled, tensor_scale
from .nnacl_unary import KEY
from .unary import Outputs, Quants


def _along(x: Cells, axis: int, function: Callable[[list[int]], int]) -> Cells:
    """Put one number in place of those along an axis."""
    y = Cells.full(tuple(1 if i == axis else n for i, n in enumerate(x.shape)), 0)
    for index in y.indices():
        row = [x[(*index[:axis], k, *index[axis + 1 :])] for k in range(x.shape[axis])]
        y[index] = function(row)
    return y


def _product(row: list[int], sx: float) -> int:
    return scaled(math.prod(row), sx ** (len(row) - 1))


# One axis, in the steps of the input; and what then leads to those of the output.
INNER: dict[Any, Callable[[list[int], float], int]] = {
    mean: lambda row, sx: scaled(sum(row), 1 / len(row)),
    sum_op: lambda row, sx: sum(row),
    reduce_prod: _product,
    reduce_sum_square: lambda row, sx: scaled(sum(v * v for v in row), sx),
}


def _last(op: Any, row: list[int], sx: float, sy: float) -> int:
    if op is reduce_sum_square:
        return scaled(sum(v * v for v in row), sx * sx / sy)
    return scaled(INNER[op](row, sx), sx / sy)


def _reduction(op: Any) -> Callable[..., Cells]:
    def exact(
        x: Cells, axes: Cells, *, quant: Quants, out: Outputs, dialect: str, keep_dims: bool
    ) -> Cells:
        """Axis by axis, in the order in which they are named."""
        (sx, zx), (sy, zy, form) = tensor_scale(quant[0]), output_scale(out)
        rank = len(x.shape)
        order = list(dict.fromkeys(a % rank for a in axes.values)) if rank else []
        values = Cells((*x.shape, 1), [q - zx for q in x.values])
        *inner, last = order or [rank]
        for axis in inner:
            values = _along(values, axis, lambda row: INNER[op](row, sx))
        values = _along(values, last, lambda row: _last(op, row, sx, sy))
        kept = [1 if i in order else n for i, n in enumerate(x.shape)]
        shape = kept if keep_dims else [n for i, n in enumerate(kept) if i not in order]
        return Cells(tuple(shape), [clamped(v + zy, form) for v in values.values])

    return exact


for _op in INNER:
    EXACT_INT8.of((_op, KEY))(_reduction(_op))
