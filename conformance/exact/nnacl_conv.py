"""Second oracle of nnacl's transposed convolution: every product of integers by itself."""

from __future__ import annotations

from ...refimpl.conv_nd import conv_transpose
from ..cells import Cells
from ..tables import EXACT_INT8
from .conv import requantized
from .conv_nd import Sizes, spread
from .fixed import tensor_scale, wrapped
from .nnacl_unary import KEY
from .unary import Outputs, Quants


@EXACT_INT8.of((conv_transpose, KEY))
def conv_transpose_exact(
    x: Cells,
    w: Cells,
    shape: Cells,
    b: Cells | None = None,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    stride: Sizes,
    pad: Sizes,
    dilation: Sizes,
) -> Cells:
    """Scatter: each element of the input, times each place of the filters of its group."""
    n, share = len(x.shape) - 2, w.shape[0] // (x.shape[-1] // w.shape[-1])
    stride, dilation, pad = spread(stride, n, 1), spread(dilation, n, 1), spread(pad, 2 * n, 0)
    zx, zw = tensor_scale(quant[0])[1], tensor_scale(quant[1])[1]
    acc = Cells.full(tuple(shape.values), 0)
    for *place, c in x.indices():
        value = x[(*place, c)] - zx
        for k, *tap, d in w.indices():
            if k // share != c // w.shape[-1] or d != c % w.shape[-1]:
                continue
            at = [place[1 + a] * stride[a] + tap[a] * dilation[a] - pad[2 * a] for a in range(n)]
            if all(0 <= i < m for i, m in zip(at, acc.shape[1:-1], strict=True)):
                acc[(place[0], *at, k)] += value * (w[(k, *tap, d)] - zw)
    for index in acc.indices():
        acc[index] = wrapped(acc[index] + (b[index[-1]] if b else 0))
    return requantized(acc, quant, out, "none", dialect, uint8=False)
