"""Second oracles of the operators that change axes: element by element."""

from __future__ import annotations

import math

from ...refimpl.shape import expand_dims, rank, reshape, shape, squeeze, transpose
from ..cells import Cells
from ..tables import EXACT


@EXACT.of(reshape)
def exact_reshape(x: Cells, sizes: Cells) -> Cells:
    """Row-major order stays; -1 is what is left."""
    known = math.prod(n for n in sizes.values if n >= 0)
    found = [len(x.values) // known if n < 0 else n for n in sizes.values]
    return Cells(tuple(found), list(x.values))


@EXACT.of(squeeze)
def exact_squeeze(x: Cells, *, axes: tuple[int, ...]) -> Cells:
    """Sizes of 1 go where they are named, or everywhere."""
    dims = len(x.shape)
    named = [a + dims if a < 0 else a for a in axes]
    gone = [n == 1 and (not named or a in named) for a, n in enumerate(x.shape)]
    sizes = tuple(n for n, out in zip(x.shape, gone, strict=True) if not out)
    return Cells(sizes, list(x.values))


@EXACT.of(expand_dims)
def exact_expand_dims(x: Cells, axis: Cells) -> Cells:
    """A size of 1 comes in."""
    at = axis.values[0]
    sizes = list(x.shape)
    sizes.insert(at if at >= 0 else len(sizes) + 1 + at, 1)
    return Cells(tuple(sizes), list(x.values))


@EXACT.of(transpose)
def exact_transpose(x: Cells, perm: Cells) -> Cells:
    """Each element goes to the place that its index, reordered, names."""
    order = [a + len(x.shape) if a < 0 else a for a in perm.values]
    y = Cells.full([x.shape[a] for a in order], 0)
    for index in x.indices():
        y[tuple(index[a] for a in order)] = x[index]
    return y


@EXACT.of(shape)
def exact_shape(x: Cells, *, to: str) -> Cells:
    """The sizes."""
    return Cells((len(x.shape),), list(x.shape))


@EXACT.of(rank)
def exact_rank(x: Cells) -> Cells:
    """The number of sizes."""
    return Cells((), [len(x.shape)])
