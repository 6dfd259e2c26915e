"""Operators that change a tensor at the places that indices name. Indices are checked while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..ir import ANY, Array, TensorType, op, require
from .gather import check_indices

REDUCTIONS: Final = ("none", "add", "mul", "min", "max")


def _lesser(old: Array, new: Array) -> Array:
    return np.where((new < old) | (new != new), new, old)


def _greater(old: Array, new: Array) -> Array:
    return np.where((new > old) | (new != new), new, old)


_FOLD: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "none": lambda old, new: new,
    "add": np.add,
    "mul": np.multiply,
    "min": _lesser,
    "max": _greater,
}


def _infer_scatter_nd_update(
    x: TensorType, indices: TensorType, updates: TensorType, *, reduction: str = "none"
) -> TensorType:
    require("C1", indices.format in ("s32", "s64"), f"indices are {indices.format}")
    depth = indices.shape[-1] if indices.shape else 0
    require("C2", 0 < depth <= len(x.shape), f"{depth} indices a row for {len(x.shape)} axes")
    wanted = (*indices.shape[:-1], *x.shape[depth:])
    require("C3", updates.shape == wanted, f"updates {updates.shape} are not {wanted}")
    require("C4", updates.dtype == x.dtype, f"x is {x.format}, updates are {updates.format}")
    require("C5", reduction in REDUCTIONS, f"reduction {reduction!r}; one of {REDUCTIONS}")
    numbers = reduction == "none" or x.format != "bool"
    require("C6", numbers, f"bool has no {reduction!r}")
    return x.like(x.shape)


@op(infer=_infer_scatter_nd_update, dtypes=ANY)
def scatter_nd_update(
    x: Array, indices: Array, updates: Array, *, reduction: str = "none"
) -> Array:
    """Put `updates[i]` into a copy of `x` at position `indices[i]`, or combine it with what is there.

    Updates come one after the other, so that of several for one place the last one stays. Integers wrap. A NaN is the
    least and the greatest; of zeros of both signs the one that came first stays.

    Inputs: `x` of any type; `indices` s32 or s64 (..., D), checked while running: 0 <= index < size; `updates` (...,
    sizes of `x` after the first D).
    Attributes: `reduction`, how old and new are combined: "none" (the new one), "add", "mul", "min" or "max".
    Constraints: (C1) `indices` is s32 or s64. (C2) 0 < D <= rank of `x`. (C3) `updates` has the outer axes of
    `indices`, then those of `x` that no index names. (C4) It has the type of `x`. (C5) The reduction is one of these.
    (C6) bool is put, not combined.

    >>> scatter_nd_update(np.array([1, 2]), np.array([[1], [1]]), np.array([5, 6]), reduction="add").tolist()
    [1, 13]
    """
    depth = indices.shape[-1]
    rows = indices.reshape(-1, depth)
    check_indices("scatter_nd_update", rows, 0, np.array(x.shape[:depth], np.int64))
    sums = reduction in ("add", "mul")
    wide = np.dtype(np.float64 if x.dtype.kind == "f" else np.uint64) if sums else x.dtype
    y, fold = x.astype(wide), _FOLD[reduction]
    new = updates.reshape(len(rows), *x.shape[depth:]).astype(wide)
    with np.errstate(over="ignore", invalid="ignore"):
        for place, value in zip(map(tuple, rows.tolist()), new, strict=True):
            y[place] = fold(y[place], value)
        return y.astype(x.dtype)
