"""Second oracles of pooling."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...refimpl.pool import avg_pool2d, max_pool2d
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .activation import activated, activated_int
from .conv import Pad, Pair, outputs, places, real
from .unary import Outputs, Quants


def _windows(
    x: Cells, kernel: Pair, stride: Pair, pad: Pad
) -> tuple[Cells, Iterator[tuple[tuple[int, ...], list[Any]]]]:
    """Return an empty result, and for each of its indices the elements of the window."""
    rows = outputs(x.shape[1], kernel[0], stride[0], 1, pad[0], pad[1])
    columns = outputs(x.shape[2], kernel[1], stride[1], 1, pad[2], pad[3])
    y = Cells.full((x.shape[0], rows, columns, x.shape[3]), 0)

    def found() -> Iterator[tuple[tuple[int, ...], list[Any]]]:
        for n, i, j, c in y.indices():
            us = places(x.shape[1], kernel[0], i * stride[0] - pad[0])
            vs = places(x.shape[2], kernel[1], j * stride[1] - pad[2])
            yield (n, i, j, c), [x[n, u, v, c] for _, u in us for _, v in vs]

    return y, found()


@EXACT.of(avg_pool2d)
def avg_pool2d_exact(x: Cells, *, kernel: Pair, stride: Pair, pad: Pad, activation: str) -> Cells:
    """The mean of what lies inside."""
    y, windows = _windows(x, kernel, stride, pad)
    for index, window in windows:
        total = Fraction(0)
        for v in window:
            total += real(v)
        y[index] = activated(total / len(window), activation)
    return y


@EXACT.of(max_pool2d)
def max_pool2d_exact(x: Cells, *, kernel: Pair, stride: Pair, pad: Pad, activation: str) -> Cells:
    """The largest of what lies inside; a NaN is larger than all."""
    y, windows = _windows(x, kernel, stride, pad)
    for index, window in windows:
        y[index] = activated(max(window, key=lambda v: (v != v, v)), activation)
    return y


@EXACT_INT8.of((avg_pool2d, "s8"), (avg_pool2d, "u8"), (avg_pool2d, "s8-nnacl"))
def avg_pool2d_int8(
    x: Cells,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    kernel: Pair,
    stride: Pair,
    pad: Pad,
    activation: str,
) -> Cells:
    """The mean of the stored integers, ties away from zero; in nnacl upwards."""
    y, windows = _windows(x, kernel, stride, pad)
    for index, window in windows:
        total, count = sum(window), len(window)
        mean = (2 * abs(total) + count) // (2 * count)
        mean = mean if total >= 0 else -mean
        if dialect.startswith("nnacl"):
            mean = (2 * total + count) // (2 * count)
        y[index] = activated_int(mean, activation, out, dialect)
    return y


@EXACT_INT8.of((max_pool2d, "s8"), (max_pool2d, "u8"), (max_pool2d, "s8-nnacl"))
def max_pool2d_int8(
    x: Cells,
    *,
    quant: Quants,
    out: Outputs,
    dialect: str,
    kernel: Pair,
    stride: Pair,
    pad: Pad,
    activation: str,
) -> Cells:
    """The largest stored integer."""
    y, windows = _windows(x, kernel, stride, pad)
    for index, window in windows:
        y[index] = activated_int(max(window), activation, out, dialect)
    return y
