"""Second oracle of nnacl's product of int8 matrices."""

from __future__ import annotations

from ...refimpl.matmul import matmul
from ..cells import Cells
from ..tables import EXACT_INT8
from .fixed import clamped, output_scale, scaled, tensor_scale, wrapped
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
