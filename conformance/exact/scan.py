"""Second oracles of running sums and products: every line is walked."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ...refimpl.scan import cumprod, cumsum
from ..cells import Cells
from ..tables import EXACT


def _number(v: Any) -> Any:
    return Fraction(v) if isinstance(v, float) and math.isfinite(v) else v


def _plus(v: Any, w: Any) -> Any:
    """Add; infinities and NaN as floats, which a Fraction beyond them is not."""
    if isinstance(v, float) or isinstance(w, float):
        v, w = (n if isinstance(n, float) else 0.0 for n in (v, w))
    return v + w


def _enter(op: Any, first: int, join: Callable[[Any, Any], Any]) -> None:
    def exact(x: Cells, axis: Cells, *, exclusive: bool, reverse: bool) -> Cells:
        (a,) = axis.values
        a %= len(x.shape)
        y = Cells.full(x.shape, None)
        n = x.shape[a]
        for start in x.indices():
            if start[a]:
                continue
            total: Any = first
            for k in reversed(range(n)) if reverse else range(n):
                place = (*start[:a], k, *start[a + 1 :])
                new = join(total, _number(x[place]))
                y[place] = total if exclusive else new
                total = new
        return y

    EXACT.of(op)(exact)


_enter(cumsum, 0, _plus)
_enter(cumprod, 1, lambda v, w: v * w)
