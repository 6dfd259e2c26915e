"""The loop of operators on two tensors that broadcast: rows, in which each operand is contiguous or one element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import Array
from .kernel import Inlined, inlined, share
from .lowering import Operand, Site


def layout_of(x: Sequence[int], y: Sequence[int], out: Sequence[int]) -> Array:
    """Return how to walk two operands: the last axes, joined as far as they can be, are a row.

    Rows, columns, the steps of x and y in a row, the number of outer axes; then for each of these, the
    last first, its size and the steps of x and y.

    >>> layout_of((8, 8, 64), (64,), (8, 8, 64)).tolist()
    [64, 64, 1, 1, 1, 64, 64, 0]
    """
    axes: list[tuple[int, int, int]] = []
    steps = [1, 1]
    for axis in range(1, len(out) + 1):
        sizes = [s[-axis] if axis <= len(s) else 1 for s in (x, y)]
        now = [step if size > 1 else 0 for step, size in zip(steps, sizes, strict=True)]
        steps = [step * size for step, size in zip(steps, sizes, strict=True)]
        size = out[-axis]
        if size == 1:
            continue
        if axes and all(now[i] == axes[-1][1 + i] * axes[-1][0] for i in (0, 1)):
            axes[-1] = (axes[-1][0] * size, *axes[-1][1:])
        else:
            axes.append((size, now[0], now[1]))
    columns, *outer = axes or [(1, 1, 1)]
    rows = int(np.prod([n for n, _, _ in outer], dtype=np.int64))
    flat = [number for axis in outer for number in axis]
    return np.array([rows, *columns, len(outer), *flat], np.int64)


def layout_operand(site: Site) -> Operand:
    """Keep the layout of a node on two tensors."""
    first, second = site.inputs[:2]
    assert first is not None and second is not None
    shape = site.outputs[0].type.shape
    return site.constant(layout_of(first.type.shape, second.type.shape, shape))


def pairwise(function: Callable[[Any, Any, Any], Any]) -> Inlined:
    """Make of `function(a, b, p)` the loop `(x, y, z, layout, p, tid, threads)` over two tensors."""
    element = inlined(function)

    def loop(x, y, z, layout, p, tid, threads):  # type: ignore[no-untyped-def]
        """Set z = function(x, y, p) for the elements of this thread."""
        rows, columns, x_step, y_step, axes = layout[0], layout[1], layout[2], layout[3], layout[4]
        at, stop = share(rows * columns, tid, threads)
        while at < stop:
            row = at // columns
            first = at - row * columns
            last = min(columns, first + stop - at)
            i, j, rest = np.int64(0), np.int64(0), row
            for axis in range(axes):
                size = layout[5 + 3 * axis]
                place = rest % size
                rest //= size
                i += place * layout[6 + 3 * axis]
                j += place * layout[7 + 3 * axis]
            to = row * columns
            if x_step == 1 and y_step == 1:
                for k in range(first, last):
                    z[to + k] = element(x[i + k], y[j + k], p)
            elif y_step == 0:
                b = y[j]
                for k in range(first, last):
                    z[to + k] = element(x[i + k], b, p)
            else:
                a = x[i]
                for k in range(first, last):
                    z[to + k] = element(a, y[j + k], p)
            at += last - first

    return inlined(loop)
