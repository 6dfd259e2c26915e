"""Products of stored bytes less their zero points, the sums in int32: what quantized operators of ONNX begin with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, op, require
from .conv import conv2d_sums, window_count
from .conv_nd import Sizes, each_axis, require_window

S32 = NDArray[np.int32]
BYTES = ("s8", "u8")


def _require_bytes(label: str, *tensors: TensorType) -> None:
    for t in tensors:
        require(label, t.format in BYTES, f"{t.format} is not s8 or u8")


def _stacks(label: str, x: Sizes, y: Sizes) -> Sizes:
    try:
        return np.broadcast_shapes(x, y)
    except ValueError:
        require(label, False, f"stacks {x} and {y} do not broadcast")
        raise


def _infer_matmul_integer(
    x: TensorType,
    y: TensorType,
    x_zero: TensorType | None = None,
    y_zero: TensorType | None = None,
) -> TensorType:
    _require_bytes("C1", x, y)
    inner = len(x.shape) > 1 and len(y.shape) > 1 and x.shape[-1] == y.shape[-2]
    require("C2", inner, f"shapes {x.shape} and {y.shape}")
    batch = _stacks("C3", x.shape[:-2], y.shape[:-2])
    for t, zero, gone in ((x, x_zero, -1), (y, y_zero, -2)):
        stack = tuple(1 if a - len(t.shape) == gone else n for a, n in enumerate(t.shape))
        fits = zero is None or (zero.dtype == t.dtype and zero.shape in ((), stack[-2:], stack))
        require(
            "C4", fits, f"zero point {zero and (zero.format, zero.shape)} of {t.format} {t.shape}"
        )
    return x.like((*batch, x.shape[-2], y.shape[-1]), np.int32)


@op(infer=_infer_matmul_integer, dtypes=BYTES)
def matmul_integer(
    x: Array, y: Array, x_zero: Array | None = None, y_zero: Array | None = None
) -> S32:
    """Multiply matrices of bytes, each less its zero point; the sums are of int32, and wrap.

    Inputs: `x` (..., M, K) and `y` (..., K, N), int8 or uint8 each; the leading axes broadcast. `x_zero` of the type of
    `x`: a scalar, (M, 1), or (..., M, 1) with all its leading axes; `y_zero` of that of `y`: a scalar, (1, N) or
    (..., 1, N).
    Constraints: (C1) `x` and `y` are int8 or uint8. (C2) Both have two axes or more, and the inner sizes agree. (C3)
    The leading axes broadcast. (C4) Zero points are of the type of their matrix, with one of these shapes.

    >>> matmul_integer(np.array([[1, 2]], np.uint8), np.array([[3], [4]], np.uint8), np.array(1, np.uint8)).tolist()
    [[4]]
    """
    a, b = (
        v.astype(np.int64) - (0 if zero is None else zero.astype(np.int64))
        for v, zero in ((x, x_zero), (y, y_zero))
    )
    return np.asarray((a @ b).astype(np.int32))


def _infer_conv_integer(
    x: TensorType,
    w: TensorType,
    x_zero: TensorType | None = None,
    w_zero: TensorType | None = None,
    *,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
) -> TensorType:
    n, kernel = len(x.shape) - 2, w.shape[1:-1]
    stride, dilation = each_axis(stride, n, 1), each_axis(dilation, n, 1)
    pad = each_axis(pad, 2 * n, 0)
    require_window(x, kernel, stride, pad, dilation)
    axes = zip(x.shape[1:-1], kernel, stride, dilation, pad[::2], pad[1::2], strict=True)
    counts = tuple(window_count(*axis) for axis in axes)
    require("C3", min(counts) > 0, f"kernel {kernel} exceeds the padded input {x.shape}")
    groups, rest = divmod(x.shape[-1], w.shape[-1]) if w.shape[-1] else (0, 0)
    whole = groups > 0 and rest == 0 and w.shape[0] > 0 and w.shape[0] % groups == 0
    require("C4", whole, f"channels of x {x.shape} and w {w.shape} make no whole groups")
    _require_bytes("C5", x, w)
    fits = x_zero is None or (x_zero.shape == () and x_zero.dtype == x.dtype)
    require("C6", fits, f"zero point {x_zero and (x_zero.format, x_zero.shape)} of x")
    fits = w_zero is None or (w_zero.shape in ((), w.shape[:1]) and w_zero.dtype == w.dtype)
    require("C6", fits, f"zero point {w_zero and (w_zero.format, w_zero.shape)} of w")
    return x.like((x.shape[0], *counts, w.shape[0]), np.int32)


@op(infer=_infer_conv_integer, dtypes=BYTES)
def conv_integer(
    x: Array,
    w: Array,
    x_zero: Array | None = None,
    w_zero: Array | None = None,
    *,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
) -> S32:
    """Slide `w` over `x` as `conv` does, bytes less their zero points; the sums are of int32, and wrap.

    Inputs: `x` (N, *S, C), `w` (O, *K, D), int8 or uint8 each; optional `x_zero`, a scalar of the type of `x`, and
    `w_zero` of that of `w`, a scalar or (O,).
    Attributes: `stride`, `dilation`, one an axis (none: 1); `pad`, (before, after) axis by axis (none: 0), which adds
    nothing.
    Constraints: (C1) `x`, `w` and the attributes have the same number of axes of space, at least one. (C2) Kernel,
    stride and dilation are positive, pad is not negative. (C3) The kernel fits into the padded input. (C4) D divides C,
    and C / D divides O. (C5) `x` and `w` are int8 or uint8. (C6) Zero points are of the type of their tensor, with
    one of these shapes.

    >>> x, w = np.array([[[3], [5]]], np.uint8), np.array([[[1], [1]]], np.int8)
    >>> conv_integer(x, w, np.array(1, np.uint8)).tolist()
    [[[6]]]
    """
    n = x.ndim - 2
    a, b = x.astype(np.float64), w.astype(np.float64)
    a = a if x_zero is None else a - x_zero.astype(np.float64)
    if w_zero is not None:
        b = b - w_zero.astype(np.float64).reshape(-1, *(1,) * (n + 1))
    window = {"stride": each_axis(stride, n, 1), "dilation": each_axis(dilation, n, 1)}
    sums = conv2d_sums(a, b, pad=each_axis(pad, 2 * n, 0), **window)
    return np.asarray(sums.astype(np.int64).astype(np.int32))
