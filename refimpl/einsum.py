"""Sums of products over named axes (Einstein's notation), and determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, op, require

MOST = 6  # tensors
Names = tuple[int, ...]


def _term(term: str, rank: int | None, dots: int) -> Names:
    """Return the names of the axes of a term as numbers; those of an ellipsis are negative and end with -1."""
    head, ellipsis, tail = term.partition("...")
    legal = all(c.isascii() and c.isalpha() for c in head + tail)
    require("C2", legal, f"{term!r} holds more than letters and one ellipsis")
    hidden = dots if rank is None else rank - len(head + tail)
    fits = hidden >= 0 if ellipsis else rank is None or hidden == 0
    require("C3", fits, f"{term!r} names the axes of a tensor with {rank}")
    own = range(-hidden, 0) if ellipsis else ()
    return (*map(ord, head), *own, *map(ord, tail))


def parse_equation(equation: str, ranks: Sequence[int]) -> tuple[list[Names], Names]:
    """Return the names of each tensor's axes and of the result's, or raise (C1) to (C5).

    Without an arrow, the result has the axes of the ellipsis and then, in alphabetical order, what occurs once.

    >>> parse_equation("ij,jk", [2, 2])
    ([(105, 106), (106, 107)], (105, 107))
    """
    require("C1", 1 <= len(ranks) <= MOST, f"{len(ranks)} tensors, not 1 to {MOST}")
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    require("C3", len(terms) == len(ranks), f"{len(terms)} terms for {len(ranks)} tensors")
    inputs = [_term(term, rank, 0) for term, rank in zip(terms, ranks, strict=True)]
    dots = max((-n for names in inputs for n in names if n < 0), default=0)
    flat = [n for names in inputs for n in names]
    if arrow:
        out = _term(right, None, dots)
    else:
        out = (*range(-dots, 0), *sorted(n for n in {*flat} if n > 0 and flat.count(n) == 1))
    known = len({*out}) == len(out) and {*out} <= {*flat, *range(-dots, 0)}
    require("C5", known, f"the result of {equation!r} names an axis twice, or one that no term has")
    return inputs, out


def sizes_of(inputs: Sequence[Names], shapes: Sequence[tuple[int, ...]]) -> dict[int, int]:
    """Return the size of each named axis, or raise (C4)."""
    sizes: dict[int, int] = {}
    for names, shape in zip(inputs, shapes, strict=True):
        for name, n in zip(names, shape, strict=True):
            known = sizes.get(name, 1)
            fits = known == n or 1 in (known, n)
            require("C4", fits, f"an axis has {known} elements here and {n} there")
            sizes[name] = n if known == 1 else known
    return sizes


def _infer_einsum(*xs: TensorType, equation: str = "...") -> TensorType:
    inputs, out = parse_equation(equation, [len(x.shape) for x in xs])
    sizes = sizes_of(inputs, [x.shape for x in xs])
    same = all(x.dtype == y.dtype for x, y in pairwise(xs))
    require("C6", same, f"element types differ: {[x.format for x in xs]}")
    return xs[0].like(tuple(sizes[n] for n in out))


@op(infer=_infer_einsum, dtypes=("f32", "f64", "s32", "s64"))
def einsum(*xs: Array, equation: str = "...") -> Array:
    """Multiply tensors whose axes have names, and sum over the names that the result does not have.

    Inputs: one to six tensors. Axes of one name have one size, or 1, which is repeated. Integers wrap.
    Attributes: `equation`: a term of letters for each tensor, separated by commas, then an arrow and the term of the
    result; an ellipsis stands for any axes, which broadcast. Without an arrow, the result has those of the ellipsis,
    then the letters that occur once, in alphabetical order (capitals first).
    Constraints: (C1) There are one to six tensors. (C2) Terms hold letters and at most one ellipsis. (C3) There is a
    term for each tensor, which names all of its axes. (C4) Axes of one name broadcast. (C5) The result names each axis
    once, and only those that the tensors have. (C6) One element type.

    >>> einsum(np.array([[1, 2], [3, 4]], "f"), np.array([10, 1], "f"), equation="ij,j->i").tolist()
    [12.0, 34.0]
    """
    inputs, out = parse_equation(equation, [x.ndim for x in xs])
    sizes = sizes_of(inputs, [x.shape for x in xs])
    order = {name: i for i, name in enumerate(sizes)}
    wide = np.float64 if xs[0].dtype.kind == "f" else np.int64
    terms: list[Any] = []
    for x, names in zip(xs, inputs, strict=True):
        y = np.broadcast_to(x, [sizes[n] for n in names]).astype(wide)
        terms += [y, [order[n] for n in names]]
    with np.errstate(all="ignore"):
        total = np.einsum(*terms, [order[n] for n in out], optimize=False)
        return np.asarray(total).astype(xs[0].dtype)


def _infer_det(x: TensorType) -> TensorType:
    require("C1", len(x.shape) >= 2, f"x has {len(x.shape)} axes, not at least two")
    require("C2", x.shape[-1] == x.shape[-2], f"matrices of {x.shape[-2:]} are not square")
    return x.like(x.shape[:-2])


@op(infer=_infer_det)
def det(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the determinant of each matrix, by elimination in float64 with the largest pivot of each column.

    Inputs: `x` of shape [..., n, n]. Of no rows it is 1.
    Constraints: (C1) There are at least two axes. (C2) The last two have one size.

    >>> det(np.array([[2, 1], [0, 3]], "f")).tolist()
    6.0
    """
    n = x.shape[-1]
    flat = x.astype(np.float64).reshape(math.prod(x.shape[:-2]), n, n)
    with np.errstate(all="ignore"):
        found = np.linalg.det(flat) if flat.size or not n else np.zeros(len(flat))
        return np.asarray(found).astype(x.dtype).reshape(x.shape[:-2])
