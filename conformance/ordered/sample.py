"""Sampling at places."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...refimpl.sample import PADDINGS, grid_sample, neighbours, sampled_places
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng


@ORDERED.of((grid_sample, ""))
def of_grid_sample(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A product of weights for each of the elements around a place, and the sum of what they weigh."""
    h, w = (int(v) for v in rng.integers(1, 12, 2))
    x, places = draw(rng, 1, h, w, 8), rows // 8 + 1
    grid = rng.uniform(-1.5, 1.5, (1, places, 2)).astype(np.float16).astype(np.float32)
    mode, padding = str(rng.choice(["linear", "cubic"])), str(rng.choice(PADDINGS))
    options: dict[str, Any] = {
        "mode": mode,
        "padding": padding,
        "align_corners": bool(rng.integers(2)),
    }

    def compute(add: InOrder) -> F32:
        found = []
        for a, size in enumerate((h, w)):
            at = sampled_places(grid[0, :, 1 - a].astype("f8"), size, normalized=True, **options)
            index, weight = neighbours(at, size, **options)
            found.append((index, weight.astype(np.float32)))
        (i, f), (j, g) = found
        picks = list(itertools.product(range(f.shape[1]), range(g.shape[1])))
        each = np.stack([x[0][i[:, k], j[:, m]] for k, m in picks], -1)  # (places, channels, picks)
        weights = np.stack([f[:, k] * g[:, m] for k, m in picks], -1)
        rows_of = (v.reshape(-1, len(picks)) for v in (each, np.repeat(weights, 8, axis=0)))
        return add(*rows_of).reshape(1, places, 8)

    return Drawn(Case(grid_sample, (x, grid), options), compute)
