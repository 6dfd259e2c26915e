"""Second oracles of the operators that order or compare elements."""

from __future__ import annotations

import math
from typing import Any

from ...refimpl.sort import topk, unique, unique_rows
from ..cells import Cells
from ..tables import EXACT


def _before(a: Any, b: Any, largest: bool) -> bool:
    missing = b != b and a == a
    return missing or (a > b if largest else a < b)


@EXACT.of(topk)
def exact_topk(x: Cells, k: Cells, *, largest: bool) -> tuple[Cells, Cells]:
    """Pick the best of what is left, `k` times."""
    n, count = x.shape[-1], k.values[0]
    best, where = [], []
    for row in range(math.prod(x.shape[:-1])):
        left = list(enumerate(x.values[row * n : (row + 1) * n]))
        for _ in range(count):
            top = left[0]
            for candidate in left[1:]:
                if _before(candidate[1], top[1], largest):
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


@EXACT.of(unique_rows)
def exact_unique_rows(x: Cells, *, ordered: bool) -> tuple[Cells, Cells, Cells, Cells]:
    """Collect the positions of equal rows, insert each kind before the first that is greater."""
    n, width = x.shape
    rows = [x.values[i * width : (i + 1) * width] for i in range(n)]
    kinds: list[list[int]] = []
    for i, row in enumerate(rows):
        same = next((kind for kind in kinds if rows[kind[0]] == row and not _has_nan(row)), None)
        if same is None:
            kinds.append([i])
        else:
            same.append(i)
    if ordered:
        found: list[list[int]] = []
        for kind in kinds:
            later = (j for j, other in enumerate(found) if _less(rows[kind[0]], rows[other[0]]))
            found.insert(next(later, len(found)), kind)
        kinds = found
    places = [next(j for j, kind in enumerate(kinds) if i in kind) for i in range(n)]
    values = [v for kind in kinds for v in rows[kind[0]]]
    first, counts = [kind[0] for kind in kinds], [len(kind) for kind in kinds]
    size = (len(kinds),)
    return (
        Cells((*size, width), values),
        Cells(size, first),
        Cells((n,), places),
        Cells(size, counts),
    )


def _has_nan(row: list[Any]) -> bool:
    return any(v != v for v in row)


def _less(a: list[Any], b: list[Any]) -> bool:
    for one, two in zip(a, b, strict=True):
        if _before(one, two, largest=False):
            return True
        if _before(two, one, largest=False):
            return False
    return False
