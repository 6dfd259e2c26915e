"""Second oracles of comparisons and logical operators."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ...refimpl.logic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    nonzero,
    not_equal,
    select,
    where,
)
from ..cells import Cells
from ..tables import EXACT, EXACT_INT8
from .binary import paired
from .fixed import scaled, tensor_scale
from .unary import Outputs, Quants, each

COMPARISONS: dict[Any, Callable[[Any, Any], bool]] = {
    equal: operator.eq,
    not_equal: operator.ne,
    greater: operator.gt,
    greater_equal: operator.ge,
    less: operator.lt,
    less_equal: operator.le,
}


def _comparison(
    compare: Callable[[Any, Any], bool],
) -> tuple[Callable[[Cells, Cells], Cells], Callable[..., Cells]]:
    def exact(x: Cells, y: Cells) -> Cells:
        return paired(compare, x, y)

    def exact_int(x: Cells, y: Cells, *, quant: Quants, out: Outputs, dialect: str) -> Cells:
        if quant[0] is None:
            return exact(x, y)
        (sx, zx), (sy, zy) = map(tensor_scale, quant[:2])
        return paired(
            lambda v, w: compare(scaled((v - zx) << 8, sx), scaled((w - zy) << 8, sy)), x, y
        )

    return exact, exact_int


for _op, _compare in COMPARISONS.items():
    _exact, _exact_int = _comparison(_compare)
    EXACT.of(_op)(_exact)
    EXACT_INT8.of((_op, "s8"), (_op, "u8"))(_exact_int)

EXACT.of(logical_and)(lambda x, y: paired(lambda v, w: v and w, x, y))
EXACT.of(logical_or)(lambda x, y: paired(lambda v, w: v or w, x, y))
EXACT.of(logical_not)(lambda x: each(operator.not_, x))


def _at(x: Cells, index: tuple[int, ...]) -> Any:
    """Return the element of `x` that stands at `index` once `x` has been broadcast."""
    own = index[len(index) - len(x.shape) :]
    return x[tuple(0 if n == 1 else i for i, n in zip(own, x.shape, strict=True))]


@EXACT.of(select)
def exact_select(condition: Cells, x: Cells, y: Cells) -> Cells:
    """One element at a time."""
    shapes = (condition.shape, x.shape, y.shape)
    longest = max(map(len, shapes))
    columns = zip(*((1,) * (longest - len(s)) + s for s in shapes), strict=True)
    z = Cells.full([next((n for n in column if n != 1), 1) for column in columns], 0)
    for i in z.indices():
        z[i] = _at(x if _at(condition, i) else y, i)
    return z


@EXACT.of(nonzero)
def exact_nonzero(x: Cells) -> tuple[Cells, Cells]:
    """Ask each element."""
    found = [i for i in x.indices() if x[i] != 0]
    rows = found + [(-1,) * len(x.shape)] * (len(x.values) - len(found))
    table = Cells((len(x.values), len(x.shape)), [k for row in rows for k in row])
    return table, Cells((), [len(found)])


@EXACT.of(where)
def exact_where(condition: Cells) -> Cells:
    """Visit every element."""
    found = [i for i in condition.indices() if condition[i] != 0]
    return Cells((len(found), len(condition.shape)), [k for i in found for k in i])
