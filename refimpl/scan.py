"""Running sums and products along one axis."""

from __future__ import annotations

import numpy as np

from ..ir import Array, TensorType, op, require
from .axes import resolve_axis

SCANNED = ("f32", "f64", "s32", "s64")


def _infer_scan(
    x: TensorType, axis: TensorType, *, exclusive: bool = False, reverse: bool = False
) -> TensorType:
    require("C1", axis.size == 1 and axis.format in ("s32", "s64"), f"axis is {axis}")
    resolve_axis("C2", int(axis.known().reshape(())), len(x.shape))
    return x.like(x.shape)


def _scanned(x: Array, axis: Array, ufunc: np.ufunc, exclusive: bool, reverse: bool) -> Array:
    """Accumulate in 64 bits; `exclusive` starts with the neutral element and leaves the last one out."""
    a = int(axis.reshape(()))
    wide = np.moveaxis(x, a, 0).astype(np.float64 if x.dtype.kind == "f" else np.int64)
    wide = wide[::-1] if reverse else wide
    with np.errstate(all="ignore"):
        if exclusive:
            first = np.full_like(wide[:1], ufunc.identity)
            wide = np.concatenate([first, wide[:-1]])
        total = ufunc.accumulate(wide, axis=0)
        total = total[::-1] if reverse else total
        return np.ascontiguousarray(np.moveaxis(total, 0, a).astype(x.dtype))


@op(infer=_infer_scan, dtypes=SCANNED, static=("axis",))
def cumsum(x: Array, axis: Array, *, exclusive: bool = False, reverse: bool = False) -> Array:
    """Add up along an axis: every element becomes the sum of those up to it. Integers wrap.

    Inputs: `x` of at least one axis; `axis`, one number, negative from the end.
    Attributes: `exclusive` leaves the element itself out; `reverse` starts from the end.
    Constraints: (C1) `axis` is one s32 or s64. (C2) It is an axis of `x`.

    >>> cumsum(np.array([1, 2, 3], "i4"), np.array(0), exclusive=True, reverse=True).tolist()
    [5, 3, 0]
    """
    return _scanned(x, axis, np.add, exclusive, reverse)


@op(infer=_infer_scan, dtypes=SCANNED, static=("axis",))
def cumprod(x: Array, axis: Array, *, exclusive: bool = False, reverse: bool = False) -> Array:
    """Multiply along an axis: every element becomes the product of those up to it. Integers wrap.

    Inputs: `x` of at least one axis; `axis`, one number, negative from the end.
    Attributes: `exclusive` leaves the element itself out; `reverse` starts from the end.
    Constraints: (C1) `axis` is one s32 or s64. (C2) It is an axis of `x`.

    >>> cumprod(np.array([1, 2, 3], "i4"), np.array(0), exclusive=True).tolist()
    [1, 1, 2]
    """
    return _scanned(x, axis, np.multiply, exclusive, reverse)
