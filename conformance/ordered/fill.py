"""Ranges."""

from __future__ import annotations

import numpy as np

from ...refimpl.fill import range
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng


@ORDERED.of((range, ""))
def of_range(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """Steps one after the other, or a product and a sum for each element."""
    start, delta = np.asarray(draw(rng, 1)[0]), np.asarray(draw(rng, 1)[0])
    delta = np.where(delta == 0, np.float32(0.5), delta)
    steps = min(rows, 1000, int(60000 / (abs(float(start)) + abs(float(delta)))))
    with np.errstate(over="ignore"):
        limit = np.asarray(np.float16(start + np.float32(steps) * delta).astype(np.float32))
        count = (limit.astype(np.float64) - start) / delta
    limit = limit if 0 <= count <= 1000 else start
    chain = bool(rng.integers(2))
    case = Case(range, (start, limit, delta))
    (count,) = range.output_types(case.types, {})[0].shape

    def compute(add: InOrder) -> F32:
        if chain:
            return np.cumsum(np.concatenate([start[None], np.full(count, delta)]), dtype="f4")[
                :count
            ]
        steps = np.arange(count, dtype=np.float32)
        a = np.stack([steps, np.full(count, start)], 1)
        return add(a, np.stack([np.full(count, delta), np.ones(count, np.float32)], 1))

    return Drawn(case, compute)
