"""Second oracles of the convolutions over any number of axes: every product by itself."""

from __future__ import annotations

import itertools
from fractions import Fraction

from ...refimpl.conv_nd import conv, conv_transpose
from ..cells import Cells
from ..tables import EXACT
from .conv import outputs, places, real

Sizes = tuple[int, ...]


def spread(values: Sizes, axes: int, default: int) -> Sizes:
    """Return the default for each axis where nothing is said."""
    return values if len(values) else tuple(default for _ in range(axes))


@EXACT.of(conv)
def conv_exact(
    x: Cells, w: Cells, b: Cells | None = None, *, stride: Sizes, pad: Sizes, dilation: Sizes
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
        y[index] = _total(x, w, b, lines, image, k, k // share * d)
    return y


def _total(
    x: Cells,
    w: Cells,
    b: Cells | None,
    lines: list[list[tuple[int, int]]],
    image: int,
    k: int,
    first: int,
) -> Fraction:
    """Add the bias and all products; `lines` has for each axis the pairs (place of the filter, place of x)."""
    total = Fraction(0) if b is None else real(b[k])
    for met in itertools.product(*lines):
        tap, at = tuple(p for p, _ in met), tuple(u for _, u in met)
        for c in range(w.shape[-1]):
            total += real(x[(image, *at, first + c)]) * real(w[(k, *tap, c)])
    return total


@EXACT.of(conv_transpose)
def conv_transpose_exact(
    x: Cells,
    w: Cells,
    shape: Cells,
    b: Cells | None = None,
    *,
    stride: Sizes,
    pad: Sizes,
    dilation: Sizes,
) -> Cells:
    """Gather what `x` scatters: x[i] meets filter place k where i s + k e - before is the output's place."""
    n = len(x.shape) - 2
    stride, dilation, pad = spread(stride, n, 1), spread(dilation, n, 1), spread(pad, 2 * n, 0)
    d, o = w.shape[-1], w.shape[0]
    share = o // (x.shape[-1] // d)
    y = Cells.full(tuple(shape.values), 0)
    for index in y.indices():
        image, *at, k = index
        lines = [
            [
                (p, i)
                for i in range(x.shape[1 + a])
                for p in range(w.shape[1 + a])
                if i * stride[a] + p * dilation[a] - pad[2 * a] == at[a]
            ]
            for a in range(n)
        ]
        y[index] = _total(x, w, b, lines, image, k, k // share * d)
    return y
