"""Windows over any number of axes of space: what convolutions and pools of that kind share. Plain loops."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ..ir import Array
from .kernel import inlined
from .lowering import Operand, Site

Sizes = tuple[int, ...]


@inlined
def meet(g, shifts, axes, window, tap):  # type: ignore[no-untyped-def]
    """Return the number of the place that window `window` has at `tap`; -1 where there is none.

    `g` holds for each axis: windows, step, divisor, size; `shifts` what is added to window * step at each tap. Only
    what the divisor divides is a place: a transposed convolution has its stride there.
    """
    at, scale = 0, 1
    for a in range(axes - 1, -1, -1):
        count, divisor, size = g[4 * a], g[4 * a + 2], g[4 * a + 3]
        u = window % count * g[4 * a + 1] + shifts[tap * axes + a]
        window = window // count
        if u < 0 or u % divisor != 0:
            return -1
        u = u // divisor
        if u >= size:
            return -1
        at += u * scale
        scale *= size
    return at


def each(values: Sizes, axes: int, default: int) -> Sizes:
    """Return one number an axis; none at all stand for the default."""
    return values or (default,) * axes


def geometry(counts: Sizes, step: Sizes, divisor: Sizes, size: Sizes) -> Array:
    """Return `g` of `meet`."""
    return np.array(list(zip(counts, step, divisor, size, strict=True)), np.int64).reshape(-1)


def forward(site: Site, kernel: Sizes) -> tuple[Operand, Operand, int, int]:
    """Return the tables of `meet` for windows over the first input, its axes, and how many taps are met at all.

    Taps that no window has inside are left out: a file may claim a kernel of any size.
    """
    x, y = site.inputs[0], site.outputs[0]
    assert x is not None
    size, counts = x.type.shape[1:-1], y.type.shape[1:-1]
    n = len(size)
    stride, dilation = (
        each(site.attributes["stride"], n, 1),
        each(site.attributes["dilation"], n, 1),
    )
    before = each(site.attributes["pad"], 2 * n, 0)[::2]
    lines = []
    for s, m, k, t, d, b in zip(size, counts, kernel, stride, dilation, before, strict=True):
        first = max(0, -(-(b - (m - 1) * t) // d))
        lines.append([p * d - b for p in range(first, min(k, (s - 1 + b) // d + 1))])
    shifts = np.array(list(itertools.product(*lines)), np.int64).reshape(-1)
    g = site.constant(geometry(counts, stride, (1,) * n, size))
    return g, site.constant(shifts), n, math.prod(map(len, lines))
