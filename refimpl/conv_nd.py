"""Convolutions over any number of axes of space, channels last: (N, *S, C) with filters (O, *K, D)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require
from .conv import by_tap, conv2d_sums, taps, window_count

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
S32 = NDArray[np.int32]
Sizes = tuple[int, ...]


def each_axis(values: Sizes, axes: int, default: int) -> Sizes:
    """Return one number an axis; none at all stand for the default.

    >>> each_axis((), 3, 1)
    (1, 1, 1)
    """
    return values or (default,) * axes


def require_window(
    x: TensorType, kernel: Sizes, stride: Sizes, pad: Sizes, dilation: Sizes
) -> None:
    """Raise (C1) unless all speak of the same number of axes, (C2) unless their numbers make sense."""
    n = len(x.shape) - 2
    lengths = (len(kernel), len(stride), len(dilation), len(pad) / 2)
    require("C1", n > 0 and set(lengths) == {n}, f"x {x.shape} with {lengths} axes of window")
    positive = min(*kernel, *stride, *dilation) > 0 and min(pad) >= 0
    require(
        "C2",
        positive,
        f"kernel {kernel}, stride {stride}, dilation {dilation} are positive, pad {pad} not negative",
    )


def _require_filters(x: TensorType, w: TensorType, b: TensorType | None) -> None:
    groups, rest = divmod(x.shape[-1], w.shape[-1]) if w.shape[-1] else (0, 0)
    whole = groups > 0 and rest == 0 and w.shape[0] > 0 and w.shape[0] % groups == 0
    require("C4", whole, f"channels of x {x.shape} and w {w.shape} make no whole groups")
    fits = b is None or b.shape == w.shape[:1]
    require("C5", fits, f"bias {b and b.shape} is not ({w.shape[0]},)")
    bias = "s32" if x.format in ("s8", "u8") else x.format
    same = w.dtype == x.dtype and (b is None or b.format == bias)
    require("C5", same, f"x is {x.format}, w {w.format}, bias {b and b.format}")


def _infer_conv(
    x: TensorType,
    w: TensorType,
    b: TensorType | None = None,
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
    _require_filters(x, w, b)
    return x.like((x.shape[0], *counts, w.shape[0]))


def _rounded(y: F64, b: F32 | None, dtype: np.dtype[Any]) -> F32:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(y if b is None else y + b).astype(dtype)


@op(infer=_infer_conv)
def conv(
    x: F32,
    w: F32,
    b: F32 | None = None,
    *,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
) -> F32:
    r"""Slide `w` over `x` along each axis of space and sum the products: `conv2d` for any number of axes.

    $$y_{n,i,o} = b_o + \sum_{k,d} x_{n,\,i s + k e - before,\,gD+d}\; w_{o,k,d}$$

    where i, k are positions with a number for each axis, and g is the group of o; there are C / D groups.

    Inputs: `x` (N, *S, C), `w` (O, *K, D), optional `b` (O,).
    Attributes: `stride` s and `dilation` e, one an axis (none: 1); `pad` zeros, (before, after) axis by axis (none: 0).
    Constraints: (C1) `x`, `w` and the attributes have the same number of axes of space, at least one. (C2) Kernel,
    stride and dilation are positive, pad is not negative. (C3) The kernel fits into the padded input. (C4) D divides C,
    and C / D divides O. (C5) `b` has O elements; all are of the type of `x`.

    >>> conv(np.ones((1, 4, 1), "f"), np.ones((1, 3, 1), "f"), pad=(1, 1)).ravel().tolist()
    [2.0, 3.0, 3.0, 2.0]
    """
    n = x.ndim - 2
    window = {"stride": each_axis(stride, n, 1), "dilation": each_axis(dilation, n, 1)}
    y = conv2d_sums(
        x.astype(np.float64), w.astype(np.float64), pad=each_axis(pad, 2 * n, 0), **window
    )
    return _rounded(y, b, x.dtype)


def _infer_conv_transpose(
    x: TensorType,
    w: TensorType,
    shape: TensorType,
    b: TensorType | None = None,
    *,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
) -> TensorType:
    n = len(x.shape) - 2
    stride, dilation = each_axis(stride, n, 1), each_axis(dilation, n, 1)
    require_window(x, w.shape[1:-1], stride, each_axis(pad, 2 * n, 0), dilation)
    require("C3", shape.shape == (n + 2,), f"shape holds {n + 2} numbers, not {shape.shape}")
    out = tuple(int(v) for v in shape.known())
    require("C3", min(out[1:-1]) > 0, f"a size of {out} is not positive")
    _require_filters(x, w, b)
    require("C6", (out[0], out[-1]) == (x.shape[0], w.shape[0]), f"shape {out} is not (N, ..., O)")
    return x.like(out)


@np.errstate(over="ignore", invalid="ignore")
def conv_transpose_sums(
    x: F64, w: F64, size: Sizes, *, stride: Sizes, pad: Sizes, dilation: Sizes
) -> F64:
    """Return the sums of products of `conv_transpose` in float64; `size` is that of y in space."""
    n, *space, c = x.shape
    o, *kernel, d = w.shape
    groups = c // d
    x = np.moveaxis(x.reshape(n, *space, groups, d), -2, 0)
    filters = by_tap(w, groups)
    y = np.zeros((groups, n, *size, o // groups))
    for tap, windows, elements in taps(size, tuple(space), tuple(kernel), stride, pad, dilation):
        y[:, :, *elements] += x[:, :, *windows] @ filters[tap]
    return np.moveaxis(y, 0, -2).reshape(n, *size, o)


@op(infer=_infer_conv_transpose, static=("shape",))
def conv_transpose(
    x: F32,
    w: F32,
    shape: S32,
    b: F32 | None = None,
    *,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
) -> F32:
    r"""Add to `y`, for each element of `x`, the filter times that element: the adjoint of `conv`.

    $$y_{n,\,i s + k e - before,\,o} \mathrel{+}= \sum_d x_{n,i,gD+d}\; w_{o,k,d}$$

    where what falls outside of `y` is dropped and what nothing reaches is 0; then the bias is added. There are C / D
    groups: with D = 1 this is the transposed depthwise convolution (DeDepthwiseConv2D).

    Inputs: `x` (N, *S, C), `w` (O, *K, D), `shape` the sizes of y, optional `b` (O,).
    Attributes: `stride` s and `dilation` e, one an axis (none: 1); `pad` what is cut off, (before, after) axis by axis
    (none: 0); what is cut off behind follows from `shape`.
    Constraints: (C1), (C2) as in `conv`. (C3) `shape` has one number an axis of `x`, which is positive in space.
    (C4) D divides C, and C / D divides O. (C5) `b` has O elements; all are of the type of `x`, but `b` is s32 where
    that is bytes. (C6) y has N images and O channels.

    >>> x, w = np.float32([[[1], [2]]]), np.float32([[[1], [10], [100]]])
    >>> conv_transpose(x, w, np.int32([1, 6, 1]), stride=(2,)).ravel().tolist()
    [1.0, 10.0, 102.0, 20.0, 200.0, 0.0]
    """
    n = x.ndim - 2
    window = {"stride": each_axis(stride, n, 1), "dilation": each_axis(dilation, n, 1)}
    size = tuple(int(v) for v in shape[1:-1])
    y = conv_transpose_sums(
        x.astype(np.float64), w.astype(np.float64), size, pad=each_axis(pad, 2 * n, 0), **window
    )
    return _rounded(y, b, x.dtype)
