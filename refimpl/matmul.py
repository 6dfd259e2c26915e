"""Products of matrices; the weights of a fully connected layer are (O, I)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require
from .activation import activate, require_activation
from .conv import require_types

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def _infer_fully_connected(
    x: TensorType,
    w: TensorType,
    b: TensorType | None = None,
    *,
    activation: str = "none",
    keep_dims: bool = False,
) -> TensorType:
    require("C1", len(w.shape) == 2 and w.shape[1] > 0, f"w is (O, I > 0), got {w.shape}")
    outputs, inputs = w.shape
    require("C2", x.size % inputs == 0, f"x {x.shape} has no whole rows of {inputs}")
    require("C3", b is None or b.shape == (outputs,), f"bias {b and b.shape} is not ({outputs},)")
    require_types("C3", x, w, b)
    require_activation("C4", activation)
    if not keep_dims:
        return x.like((x.size // inputs, outputs))
    require("C5", x.shape[-1:] == (inputs,), f"the last axis of x {x.shape} is not {inputs}")
    return x.like((*x.shape[:-1], outputs))


def fully_connected_sums(x: F64, w: F64, keep_dims: bool = False) -> F64:
    """Return the sums of products of `fully_connected`: exact for integers whose sums stay below 2**53."""
    outputs, inputs = w.shape
    rows = x.shape[:-1] if keep_dims else (math.prod(x.shape) // inputs,)
    with np.errstate(over="ignore", invalid="ignore"):
        return (x.reshape(-1, inputs) @ w.T).reshape(*rows, outputs)


@op(infer=_infer_fully_connected)
def fully_connected(
    x: F32,
    w: F32,
    b: F32 | None = None,
    *,
    activation: str = "none",
    keep_dims: bool = False,
) -> F32:
    r"""Multiply each row of `x` by the weights, add the bias, and clamp.

    $$y_{no} = \mathrm{act}\big(b_o + \sum_i x_{ni}\; w_{oi}\big)$$

    Inputs: `x` of any shape whose size is a multiple of I; `w` (O, I); optional `b` (O,).
    Attributes: `activation`; `keep_dims`: `x` is (..., I) and `y` is (..., O), otherwise `y` is (N, O).
    Constraints: (C1) `w` is 2-D and I is positive. (C2) `x` has N I elements. (C3) `b` has O elements;
    `w` is of the type of `x`, or quantized int8; `b` is of the type of `x`, int32 for integers.
    (C4) The activation is none, relu, relu_n1_to_1 or relu6. (C5) With `keep_dims` the last axis of `x` is I.

    >>> fully_connected(np.float32([1, 2]), np.float32([[3, 4], [-1, 0]]), activation="relu").tolist()
    [[11.0, 0.0]]
    """
    y = fully_connected_sums(x.astype(np.float64), w.astype(np.float64), keep_dims)
    with np.errstate(over="ignore", invalid="ignore"):
        return activate(np.asarray(y if b is None else y + b).astype(x.dtype), activation)


def _infer_matmul(
    x: TensorType, y: TensorType, *, transpose_x: bool = False, transpose_y: bool = False
) -> TensorType:
    require("C1", min(len(x.shape), len(y.shape)) >= 2, f"x {x.shape}, y {y.shape} are no matrices")
    m, k = x.shape[-2:][:: -1 if transpose_x else 1]
    inner, n = y.shape[-2:][:: -1 if transpose_y else 1]
    require("C2", k == inner, f"the inner sizes of x {x.shape} and y {y.shape} differ")
    require("C3", x.dtype == y.dtype, f"x is {x.format}, y is {y.format}")
    batches = x.shape[:-2], y.shape[:-2]
    longest = max(map(len, batches))
    pairs = zip(*((1,) * (longest - len(b)) + b for b in batches), strict=True)
    fits = all(a == b or 1 in (a, b) for a, b in pairs)
    require("C4", fits, f"the batches of x {x.shape} and y {y.shape} do not broadcast")
    require("C5", longest <= 4, f"{longest + 2} axes exceed 6")
    return x.like((*np.broadcast_shapes(*batches), m, n))


@op(infer=_infer_matmul)
def matmul(x: F32, y: F32, *, transpose_x: bool = False, transpose_y: bool = False) -> F32:
    r"""Multiply matrices, batch by batch: $z_{mn} = \sum_k x_{mk}\; y_{kn}$.

    Inputs: `x` (..., M, K), `y` (..., K, N); the axes before the last two broadcast.
    Attributes: `transpose_x`: `x` is (..., K, M); `transpose_y`: `y` is (..., N, K).
    Constraints: (C1) Both have two axes at least. (C2) The inner sizes are equal. (C3) The element types are the
    same. (C4) The batches broadcast. (C5) There are six axes at most.

    >>> matmul(np.float32([[1, 2]]), np.float32([[[3, 4]], [[5, 6]]]), transpose_y=True).tolist()
    [[[11.0]], [[17.0]]]
    """
    z = matmul_sums(x.astype(np.float64), y.astype(np.float64), transpose_x, transpose_y)
    with np.errstate(over="ignore"):
        return z.astype(x.dtype)


@np.errstate(over="ignore", invalid="ignore")
def matmul_sums(x: F64, y: F64, transpose_x: bool, transpose_y: bool) -> F64:
    """Return the sums of products of `matmul` in float64."""
    return (x.swapaxes(-1, -2) if transpose_x else x) @ (y.swapaxes(-1, -2) if transpose_y else y)
