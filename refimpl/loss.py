"""Losses: how far predictions are from the classes that were wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, RunError, TensorType, op, require

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

REDUCTIONS = ("none", "sum", "mean")


def _infer_negative_log_likelihood(
    x: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> TensorType:
    require("C1", len(x.shape) >= 2, f"x {x.shape} has no classes")
    require("C2", target.format in ("s32", "s64"), f"classes are {target.format}")
    wanted = (x.shape[0], *x.shape[2:])
    require("C3", target.shape == wanted, f"classes {target.shape}, not {wanted}")
    same = weight is None or (weight.shape, weight.dtype) == (x.shape[1:2], x.dtype)
    require("C4", same, f"weight {weight} for {x.shape[1]} classes of {x.format}")
    require("C5", reduction in REDUCTIONS, f"reduction {reduction!r} is none of {REDUCTIONS}")
    return x.like(wanted if reduction == "none" else ())


def _check_classes(target: Array, used: Array, classes: int) -> None:
    """Raise RunError at the first class that there is not."""
    wrong = used & ((target < 0) | (target >= classes))
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        what = f"class {target[at]} at {list(at)} is none of {classes}"
        raise RunError(f"negative_log_likelihood: {what}")


@op(infer=_infer_negative_log_likelihood)
def negative_log_likelihood(
    x: F32,
    target: Array,
    weight: F32 | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> F32:
    r"""Return the negative logarithm of the probability that was given to the right class.

    $l = -w_t x_t$ of the class $t$ that is wanted; then that, the sum of all, or the sum over the sum of the weights
    $w_t$ that were used (1 each if `weight` is absent).

    Inputs: `x` (N, C, ...), logarithms of probabilities; `target` (N, ...), classes from 0 to C - 1, checked while
    running; optional `weight` (C,).
    Attributes: `ignore_index`, a class whose elements neither have a loss nor count, or None; `reduction`: "none",
    "sum" or "mean".
    Constraints: (C1) `x` has two axes at least. (C2) `target` is s32 or s64. (C3) It has the shape of `x` without
    classes. (C4) `weight` has an element for each class, of the type of `x`. (C5) The reduction is one of the three.

    >>> x = np.float32([[-1, -2], [-3, -4]])
    >>> negative_log_likelihood(x, np.array([1, 0]), np.float32([1, 3]), reduction="none").tolist()
    [6.0, 3.0]
    >>> float(negative_log_likelihood(x, np.array([1, 0]), np.float32([1, 3])))
    2.25
    """
    used = np.ones(target.shape, bool) if ignore_index is None else target != ignore_index
    _check_classes(target, used, x.shape[1])
    classes = np.where(used, target, 0).astype(np.int64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        weights = np.where(used, 1.0 if weight is None else _taken(weight, classes), 0.0)
        chosen = np.expand_dims(classes, 1)
        found = np.take_along_axis(x, chosen, 1)[:, 0] if x.size else np.zeros(target.shape)
        loss = np.where(used, -found.astype(np.float64) * weights, 0.0)
        if reduction == "none":
            return np.asarray(loss, x.dtype)
        whole = np.sum(loss)
        return np.asarray(whole / np.sum(weights) if reduction == "mean" else whole, x.dtype)


def _taken(weight: F32, classes: NDArray[np.int64]) -> F64:
    return weight.astype(np.float64)[classes] if weight.size else np.zeros(classes.shape)
