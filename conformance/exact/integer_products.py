"""Second oracles of products of bytes: each product by itself, in whole numbers."""

from __future__ import annotations

import itertools

from ...refimpl.integer_products import conv_integer, matmul_integer
from ..cells import Cells
from ..tables import EXACT
from .conv import outputs, places
from .conv_nd import Sizes, spread


def _met(shape: Sizes, index: Sizes) -> Sizes:
    """Return the index of a tensor that broadcasts to a larger one."""
    return tuple(
        0 if n == 1 else i for n, i in zip(shape, index[len(index) - len(shape) :], strict=True)
    )


@EXACT.of(matmul_integer)
def matmul_integer_exact(
    x: Cells, y: Cells, x_zero: Cells | None = None, y_zero: Cells | None = None
) -> Cells:
    """Rows times columns."""
    depth = max(len(x.shape), len(y.shape)) - 2
    sides = [(1,) * (depth + 2 - len(v.shape)) + v.shape[:-2] for v in (x, y)]
    batch = tuple(b if a == 1 else a for a, b in zip(*sides, strict=True))
    z = Cells.full((*batch, x.shape[-2], y.shape[-1]), 0)
    for index in z.indices():
        *at, m, n = index
        total = 0
        for k in range(x.shape[-1]):
            left, right = _met(x.shape, (*at, m, k)), _met(y.shape, (*at, k, n))
            a = x[left] - (0 if x_zero is None else x_zero[_met(x_zero.shape, left)])
            b = y[right] - (0 if y_zero is None else y_zero[_met(y_zero.shape, right)])
            total += a * b
        z[index] = total
    return z


@EXACT.of(conv_integer)
def conv_integer_exact(
    x: Cells,
    w: Cells,
    x_zero: Cells | None = None,
    w_zero: Cells | None = None,
    *,
    stride: Sizes,
    pad: Sizes,
    dilation: Sizes,
) -> Cells:
    """Gather what each window has inside."""
    n = len(x.shape) - 2
    stride, dilation, pad = spread(stride, n, 1), spread(dilation, n, 1), spread(pad, 2 * n, 0)
    size, kernel = x.shape[1:-1], w.shape[1:-1]
    counts = [
        outputs(size[a], kernel[a], stride[a], dilation[a], pad[2 * a], pad[2 * a + 1])
        for a in range(n)
    ]
    o, d = w.shape[0], w.shape[-1]
    share = o // (x.shape[-1] // d)
    y = Cells.full((x.shape[0], *counts, o), 0)
    for index in y.indices():
        image, *at, k = index
        lines = [
            places(size[a], kernel[a], at[a] * stride[a] - pad[2 * a], dilation[a])
            for a in range(n)
        ]
        shift_x = 0 if x_zero is None else x_zero.values[0]
        shift_w = 0 if w_zero is None else w_zero.values[k if w_zero.shape else 0]
        for met in itertools.product(*lines):
            tap, place = tuple(p for p, _ in met), tuple(u for _, u in met)
            for c in range(d):
                a = x[(image, *place, k // share * d + c)] - shift_x
                y[index] += a * (w[(k, *tap, c)] - shift_w)
    return y
