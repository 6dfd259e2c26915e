"""Second oracles of nnacl's products of int8 matrices."""

from __future__ import annotations

from ...refimpl.matmul import fully_connected, matmul
from ..cells import Cells
from ..tables import EXACT_INT8
from .conv import accumulated, requantized
from .fixed import clamped, output_scale, scaled, tensor_scale, wrapped
from .matmul import rows_of, shaped
from .nnacl_unary import KEY
from .unary import Outputs, Quants


@EXACT_INT8.of((matmul, KEY))
def matmul_exact(
    x: Cells,
    y: Cells,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    transpose_x: bool,
    transpose_y: bool,
) -> Cells:
    """Element by element."""
    (sx, zx), (sy, zy), (sz, zz, form) = *map(tensor_scale, quant[:2]), output_scale(out)
    z = Cells.full(out[0].shape, 0)
    depth = x.shape[-2 if transpose_x else -1]

    def element(c: Cells, zero: int, batch: tuple[int, ...], row: int, column: int) -> int:
        own = batch[len(batch) - len(c.shape) + 2 :]
        place = tuple(0 if n == 1 else i for i, n in zip(own, c.shape, strict=False))
        return int(c[(*place, row, column)]) - zero

    for *batch, m, n in z.indices():
        total, at = 0, tuple(batch)
        for k in range(depth):
            a = element(x, zx, at, *((k, m) if transpose_x else (m, k)))
            total += a * element(y, zy, at, *((n, k) if transpose_y else (k, n)))
        z[(*batch, m, n)] = clamped(scaled(wrapped(total), sx * sy / sz) + zz, form)
    return z


@EXACT_INT8.of((fully_connected, KEY))
def fully_connected_exact(
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
    """The accumulators of a layer, with a multiplier for each output."""
    rows, geometry = rows_of(x, w)
    zero_points = tensor_scale(quant[0])[1], tensor_scale(quant[1])[1]
    acc = accumulated(rows, w, b, geometry, zero_points)
    return shaped(requantized(acc, quant, out, activation, dialect, uint8=False), x, keep_dims)
