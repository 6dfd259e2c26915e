"""Second oracles of sums of products over named axes, and of determinants: Fractions, one product at a time."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

from ...refimpl.einsum import det, einsum
from ..cells import Cells
from ..tables import EXACT
from .reduce import total_of


def _named(term: str, rank: int) -> list[Any]:
    """Return the names of axes: letters, and for those of an ellipsis how far they are from its end."""
    hidden = rank - len(term.replace("...", ""))
    before, dots, after = term.partition("...")
    return [*before, *(range(hidden, 0, -1) if dots else ()), *after]


def _result(equation: str, named: list[list[Any]]) -> list[Any]:
    letters = [n for names in named for n in names if isinstance(n, str)]
    hidden = max((n for names in named for n in names if isinstance(n, int)), default=0)
    if "->" in equation:
        term = equation.split("->")[1]
        return _named(term, len(term.replace("...", "")) + (hidden if "..." in term else 0))
    return [*range(hidden, 0, -1), *sorted(n for n in {*letters} if letters.count(n) == 1)]


def _product(values: list[Any]) -> Any:
    """Multiply exactly; infinities and NaN as IEEE 754 has it."""
    if all(isinstance(v, int) or math.isfinite(v) for v in values):
        return math.prod(v if isinstance(v, int) else Fraction(v) for v in values)
    return math.prod(math.copysign(1.0, v) if v and math.isfinite(v) else v for v in values)


@EXACT.of(einsum)
def exact_einsum(*xs: Cells, equation: str) -> Cells:
    """Visit every choice of all indices."""
    equation = equation.replace(" ", "")
    terms = equation.split("->")[0].split(",")
    named = [_named(term, len(x.shape)) for term, x in zip(terms, xs, strict=True)]
    out = _result(equation, named)
    sizes: dict[Any, int] = {}
    for x, names in zip(xs, named, strict=True):
        for name, n in zip(names, x.shape, strict=True):
            sizes[name] = n if sizes.get(name, 1) == 1 else sizes[name]
    summed = [n for n in sizes if n not in out]
    y = Cells.full([sizes[n] for n in out], None)
    for index in y.indices():
        products = []
        for inner in itertools.product(*(range(sizes[n]) for n in summed)):
            place = dict(zip([*out, *summed], (*index, *inner), strict=True))
            values = [
                x[tuple(0 if n == 1 else place[m] for m, n in zip(names, x.shape, strict=True))]
                for x, names in zip(xs, named, strict=True)
            ]
            products.append(_product(values))
        y[index] = total_of(products)
    return y


def determinant(rows: list[list[Fraction]]) -> Fraction:
    """Eliminate column by column with any pivot that is not zero."""
    total = Fraction(1)
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != k:
            rows[k], rows[pivot], total = rows[pivot], rows[k], -total
        total *= rows[k][k]
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [v - factor * w for v, w in zip(rows[i], rows[k], strict=True)]
    return total


@EXACT.of(det)
def exact_det(x: Cells) -> Cells:
    """Matrix by matrix."""
    *outer, n, _ = x.shape
    y = Cells.full(outer, None)
    for i in y.indices():
        y[i] = determinant([[Fraction(x[(*i, r, c)]) for c in range(n)] for r in range(n)])
    return y
