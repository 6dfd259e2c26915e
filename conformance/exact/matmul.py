"""Second oracles of the fully connected layer."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ...refimpl.matmul import fully_connected, matmul
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .activation import activated_int
from .binary32 import f32, half_away
from .conv import (
    Products,
    accumulated,
    float_sums,
    hybrid_output,
    quantized_images,
    real,
    symmetric,
    weight_scale,
)
from .fixed import output_scale, tensor_scale
from .unary import Outputs, Quants


def rows_of(x: Cells, w: Cells) -> tuple[Cells, tuple[tuple[int, int], Any]]:
    """Return `x` as rows, and the geometry of the product."""
    outputs, inputs = w.shape
    rows = Cells((len(x.values) // inputs, inputs), x.values)

    def products(n: int, o: int) -> Products:
        for i in range(inputs):
            yield (n, i), (o, i)

    return rows, ((rows.shape[0], outputs), products)


def shaped(y: Cells, x: Cells, keep_dims: bool) -> Cells:
    """Give rows the shape of the output."""
    return Cells((*x.shape[:-1], y.shape[1]), y.values) if keep_dims else y


@EXACT.of(fully_connected)
def fully_connected_exact(
    x: Cells, w: Cells, b: Cells | None = None, *, activation: str, keep_dims: bool
) -> Cells:
    """Add the products of each row."""
    rows, geometry = rows_of(x, w)
    return shaped(float_sums(rows, w, b, geometry, activation), x, keep_dims)


@EXACT_INT8.of((fully_connected, "s8"), (fully_connected, "u8"))
def fully_connected_int8(
    x: Cells,
    w: Cells,
    b: Cells | None = None,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    activation: str,
    keep_dims: bool,
) -> Cells:
    """Multiply the accumulator by sx sw / sy in float64; round once, ties away from zero."""
    rows, geometry = rows_of(x, w)
    sx, zx = tensor_scale(quant[0])
    sy, zero_point, _ = output_scale(out)
    acc = accumulated(rows, w, b, geometry, (zx, tensor_scale(quant[1])[1]))
    y = Cells.full(acc.shape, 0)
    for index in acc.indices():
        real = sx * weight_scale(quant[1], index[1]) / sy
        # a product of float64 numbers, rounded once
        product = float(Fraction(acc[index]) * Fraction(real))
        y[index] = activated_int(half_away(product) + zero_point, activation, out)
    return shaped(y, x, keep_dims)


@EXACT_INT8.of((fully_connected, "hybrid"))
def fully_connected_hybrid(
    x: Cells,
    w: Cells,
    b: Cells | None = None,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    activation: str,
    keep_dims: bool,
) -> Cells:
    """Quantize each row symmetrically, and multiply by the float32 product of the scales."""
    rows, geometry = rows_of(x, w)
    q, scales = quantized_images(rows, symmetric)

    def factor(acc: float, index: tuple[int, ...]) -> float:
        return f32(acc * f32(weight_scale(quant[1], index[1]) * scales[index[0]]))

    acc = accumulated(q, w, None, geometry, (0, 0))
    return shaped(hybrid_output(acc, factor, b, activation), x, keep_dims)


@EXACT.of(matmul)
def matmul_exact(x: Cells, y: Cells, *, transpose_x: bool, transpose_y: bool) -> Cells:
    """Walk the output; a batch axis of size 1 stands still."""
    m, k = x.shape[-2:][:: -1 if transpose_x else 1]
    n = y.shape[-2 if transpose_y else -1]
    rank = max(len(x.shape), len(y.shape)) - 2
    wide = [(1,) * (rank - len(c.shape) + 2) + c.shape[:-2] for c in (x, y)]
    z = Cells.full([*(max(a, b) if a and b else 0 for a, b in zip(*wide, strict=True)), m, n], 0)

    def place(cells: Cells, batch: tuple[int, ...], turned: bool, i: int, j: int) -> Any:
        own = batch[rank - len(cells.shape) + 2 :]
        at = tuple(0 if s == 1 else b for b, s in zip(own, cells.shape, strict=False))
        return real(cells[(*at, *((j, i) if turned else (i, j)))])

    for index in z.indices():
        *batch, i, j = index
        total = Fraction(0)
        for t in range(k):
            left = place(x, tuple(batch), transpose_x, i, t)
            total += left * place(y, tuple(batch), transpose_y, t, j)
        z[index] = total
    return z
