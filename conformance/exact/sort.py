"""Second oracles of the operators that order or compare elements."""

from __future__ import annotations

from ...refimpl.sort import topk, unique
from ..cells import Cells
from ..tables import EXACT


@EXACT.of(topk)
def exact_topk(x: Cells, k: Cells) -> tuple[Cells, Cells]:
    """Pick the best of what is left, `k` times."""
    n, count = x.shape[-1], k.values[0]
    best, where = [], []
    for row in range(len(x.values) // n):
        left = list(enumerate(x.values[row * n : (row + 1) * n]))
        for _ in range(count):
            top = left[0]
            for candidate in left[1:]:
                missing = top[1] != top[1] and candidate[1] == candidate[1]
                if missing or candidate[1] > top[1]:
                    top = candidate
            left = [pair for pair in left if pair[0] != top[0]]
            where.append(top[0])
            best.append(top[1])
    shape = (*x.shape[:-1], count)
    return Cells(shape, best), Cells(shape, where)


@EXACT.of(unique)
def exact_unique(x: Cells, *, to: str) -> tuple[Cells, Cells]:
    """Compare each with all found so far."""
    found: list[float] = []
    places = []
    for value in x.values:
        place = next((i for i, known in enumerate(found) if known == value), len(found))
        if place == len(found):
            found.append(value)
        places.append(place)
    return Cells((len(found),), found), Cells(x.shape, places)
