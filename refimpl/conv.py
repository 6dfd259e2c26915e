"""Convolutions over NHWC images with OHWI filters; zero padding is explicit and adds nothing to a sum."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import TensorType, op, require
from .activation import activate, require_activation

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
S32 = NDArray[np.int32]
Pair = tuple[int, int]
Pad = tuple[int, int, int, int]
Slices = tuple[slice, slice]
Sizes = tuple[int, ...]


def window_count(
    size: int, kernel: int, stride: int, dilation: int, before: int, after: int
) -> int:
    """Return the number of windows of `kernel` elements that fit into a padded axis.

    >>> window_count(7, kernel=3, stride=2, dilation=1, before=1, after=1)
    4
    """
    return (size + before + after - (kernel - 1) * dilation - 1) // stride + 1


def _overlap(size: int, count: int, stride: int, offset: int) -> Slices:
    """Return the windows i < `count` whose element i * stride + offset exists, and these elements."""
    first = max(0, -(offset // stride))
    stop = min(count, (size - 1 - offset) // stride + 1)
    if stop <= first:
        return slice(0, 0), slice(0, 0)
    begin = first * stride + offset
    return slice(first, stop), slice(begin, begin + (stop - first - 1) * stride + 1, stride)


def _places(size: int, count: int, kernel: int, stride: int, pad: int, dilation: int) -> range:
    """Return the places of a window at which any of the windows has an element.

    A file may claim a kernel of any size; the padding that comes with it must not be walked.
    """
    first = max(0, -(-(pad - (count - 1) * stride) // dilation))
    return range(first, min(kernel, (size - 1 + pad) // dilation + 1))


def taps(
    size: Sizes, count: Sizes, kernel: Sizes, stride: Sizes, pad: Sizes, dilation: Sizes = ()
) -> Iterator[tuple[Sizes, tuple[slice, ...], tuple[slice, ...]]]:
    """Iterate over the places (p, q, ...) of a window: which windows have an element there, and which it is.

    A padded place is no element, so that what is gathered never contains padding. `pad` is (before, after) by axis.
    """
    step = dilation or (1,) * len(size)
    axes = list(zip(size, count, kernel, stride, pad[::2], step, strict=True))
    for place in itertools.product(*(_places(*axis) for axis in axes)):
        found = [
            _overlap(n, m, s, p * d - before)
            for p, (n, m, _, s, before, d) in zip(place, axes, strict=True)
        ]
        yield place, tuple(f[0] for f in found), tuple(f[1] for f in found)


def window_shape(
    x: TensorType, kernel: tuple[int, ...], stride: Pair, pad: Pad, dilation: Pair = (1, 1)
) -> Pair:
    """Return rows and columns of windows over `x`; raise (C1) to (C3) as in `conv2d`."""
    positive = min(*kernel, *stride, *dilation) > 0 and min(pad) >= 0
    require("C1", len(x.shape) == 4, f"x is 4-D, got {x.shape}")
    require(
        "C2",
        positive,
        f"kernel {kernel}, stride {stride}, dilation {dilation} are positive, pad {pad} not negative",
    )
    rows = window_count(x.shape[1], kernel[0], stride[0], dilation[0], pad[0], pad[1])
    columns = window_count(x.shape[2], kernel[1], stride[1], dilation[1], pad[2], pad[3])
    require("C3", min(rows, columns) > 0, f"kernel {kernel} exceeds the padded input {x.shape}")
    return rows, columns


def require_types(label: str, x: TensorType, w: TensorType, b: TensorType | None) -> None:
    """Raise `label` unless `w` is of the type of `x`, or int8 for float32; and `b` of it too, or int32 for integers."""
    hybrid = x.format == "f32" and w.format == "s8" and w.quant is not None
    require(label, w.dtype == x.dtype or hybrid, f"w is {w.format}, x is {x.format}")
    wanted = x.format if x.dtype.kind == "f" else "s32"
    require(label, b is None or b.format == wanted, f"bias is {b and b.format}, not {wanted}")


def _require_bias(x: TensorType, w: TensorType, b: TensorType | None, channels: int) -> None:
    fits = b is None or b.shape == (channels,)
    require("C5", fits, f"bias {b and b.shape} is not ({channels},)")
    require_types("C5", x, w, b)


def _infer_conv2d(
    x: TensorType,
    w: TensorType,
    b: TensorType | None = None,
    *,
    stride: Pair = (1, 1),
    pad: Pad = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    activation: str = "none",
) -> TensorType:
    require("C1", len(w.shape) == 4, f"w is 4-D, got {w.shape}")
    rows, columns = window_shape(x, w.shape[1:3], stride, pad, dilation)
    groups, rest = divmod(x.shape[3], w.shape[3]) if w.shape[3] else (0, 0)
    whole = groups > 0 and rest == 0 and w.shape[0] > 0 and w.shape[0] % groups == 0
    require("C4", whole, f"channels of x {x.shape} and w {w.shape} make no whole groups")
    _require_bias(x, w, b, w.shape[0])
    require_activation("C6", activation)
    return x.like((x.shape[0], rows, columns, w.shape[0]))


def by_tap(w: F64, groups: int) -> F64:
    """Return filters (O, *K, D) as (*K, groups, 1, ..., D, O / groups), with a 1 for images and all axes but the last.

    >>> by_tap(np.ones((6, 2, 3, 4)), 2).shape
    (2, 3, 2, 1, 1, 4, 3)
    """
    o, *kernel, d = w.shape
    axes = len(kernel)
    order = (*range(2, axes + 2), 0, axes + 2, 1)
    turned = w.reshape(groups, o // groups, *kernel, d).transpose(order)
    return turned.reshape(*kernel, groups, *(1,) * axes, d, o // groups)


@np.errstate(over="ignore", invalid="ignore")
def conv2d_sums(
    x: F64, w: F64, *, stride: Sizes = (1, 1), pad: Sizes = (0, 0, 0, 0), dilation: Sizes = (1, 1)
) -> F64:
    """Return the sums of products of `conv2d` in float64: exact for integers whose sums stay below 2**53.

    Over any number of axes of space, as in `conv`.
    """
    n, *size, c = x.shape
    o, *kernel, d = w.shape
    axes = zip(size, kernel, stride, dilation, pad[::2], pad[1::2], strict=True)
    counts = tuple(window_count(*axis) for axis in axes)
    groups = c // d
    # Groups go first, for a stack of matrix products: (groups, n, ..., d) @ (groups, 1, ..., d, o).
    x = np.moveaxis(x.reshape(n, *size, groups, d), -2, 0)
    filters = by_tap(w, groups)
    y = np.zeros((groups, n, *counts, o // groups))
    for tap, windows, elements in taps(tuple(size), counts, tuple(kernel), stride, pad, dilation):
        y[:, :, *windows] += x[:, :, *elements] @ filters[tap]
    return np.moveaxis(y, 0, -2).reshape(n, *counts, o)


@op(infer=_infer_conv2d)
def conv2d(
    x: F32,
    w: F32,
    b: F32 | None = None,
    *,
    stride: Pair = (1, 1),
    pad: Pad = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    activation: str = "none",
) -> F32:
    r"""Slide `w` over `x`, sum the products, and clamp.

    $$y_{nijo} = \mathrm{act}\big(b_o + \sum_{pqd} x_{n,\,is+pe-top,\,jt+qf-left,\,gD+d}\; w_{opqd}\big)$$

    where g is the group of o. There are C / D groups of O D / C filters each; one group is the usual case.

    Inputs: `x` (N, H, W, C), `w` (O, P, Q, D), optional `b` (O,).
    Attributes: `stride` (s, t); `pad` zeros (top, bottom, left, right); `dilation` (e, f); `activation`.
    Constraints: (C1) `x` and `w` are 4-D. (C2) Kernel, stride and dilation are positive, pad is not negative.
    (C3) The kernel fits into the padded input. (C4) D divides C, and C / D divides O. (C5) `b` has O elements;
    `w` is of the type of `x`, or quantized int8; `b` is of the type of `x`, int32 for integers. (C6) The activation is
    none, relu, relu_n1_to_1 or relu6.

    >>> conv2d(np.ones((1, 3, 3, 1), "f"), np.ones((1, 2, 2, 1), "f"), pad=(1, 0, 1, 0))[0, :, :, 0].tolist()
    [[1.0, 2.0, 2.0], [2.0, 4.0, 4.0], [2.0, 4.0, 4.0]]
    """
    y = conv2d_sums(
        x.astype(np.float64), w.astype(np.float64), stride=stride, pad=pad, dilation=dilation
    )
    return _finish(y, b, activation, x.dtype)


@np.errstate(over="ignore", invalid="ignore")
def _finish(y: F64, b: F32 | None, activation: str, dtype: np.dtype[Any]) -> F32:
    """Add the bias, round, once, and clamp."""
    return activate((y if b is None else y + b).astype(dtype), activation)


def _infer_depthwise_conv2d(
    x: TensorType,
    w: TensorType,
    b: TensorType | None = None,
    *,
    stride: Pair = (1, 1),
    pad: Pad = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    multiplier: int = 1,
    activation: str = "none",
) -> TensorType:
    require("C1", len(w.shape) == 4, f"w is 4-D, got {w.shape}")
    rows, columns = window_shape(x, w.shape[1:3], stride, pad, dilation)
    channels = x.shape[3] * multiplier
    fits = multiplier > 0 and w.shape[0] == 1 and w.shape[3] == channels > 0
    require("C4", fits, f"w {w.shape} is not (1, P, Q, {channels}), multiplier {multiplier}")
    _require_bias(x, w, b, channels)
    require_activation("C6", activation)
    return x.like((x.shape[0], rows, columns, channels))


@np.errstate(over="ignore", invalid="ignore")
def depthwise_conv2d_sums(
    x: F64, w: F64, *, stride: Pair = (1, 1), pad: Pad = (0, 0, 0, 0), dilation: Pair = (1, 1)
) -> F64:
    """Return the sums of products of `depthwise_conv2d` in float64."""
    (n, h, width, c), (_, p, q, o) = x.shape, w.shape
    rows = window_count(h, p, stride[0], dilation[0], *pad[:2])
    columns = window_count(width, q, stride[1], dilation[1], *pad[2:])
    filters = w.reshape(p, q, c, o // c)
    y = np.zeros((n, rows, columns, c, o // c))
    for tap, windows, elements in taps((h, width), (rows, columns), (p, q), stride, pad, dilation):
        y[:, *windows] += x[:, *elements, :, None] * filters[tap]
    return y.reshape(n, rows, columns, o)


@op(infer=_infer_depthwise_conv2d)
def depthwise_conv2d(
    x: F32,
    w: F32,
    b: F32 | None = None,
    *,
    stride: Pair = (1, 1),
    pad: Pad = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    multiplier: int = 1,
    activation: str = "none",
) -> F32:
    r"""Slide M filters over each channel of `x` by itself, sum the products, and clamp.

    $$y_{n,i,j,cM+m} = \mathrm{act}\big(b_{cM+m} + \sum_{pq} x_{n,\,is+pe-top,\,jt+qf-left,\,c}\; w_{0,p,q,cM+m}\big)$$

    Inputs: `x` (N, H, W, C), `w` (1, P, Q, C M), optional `b` (C M,).
    Attributes: `stride` (s, t); `pad` zeros (top, bottom, left, right); `dilation` (e, f); `multiplier` M;
    `activation`.
    Constraints: (C1) `x` and `w` are 4-D. (C2) Kernel, stride and dilation are positive, pad is not negative.
    (C3) The kernel fits into the padded input. (C4) `w` has one filter of C M channels. (C5) `b` has C M
    elements; types as in `conv2d`. (C6) The activation is none, relu, relu_n1_to_1 or relu6.

    >>> x, w = np.float32([[[[1, 10]], [[2, 20]]]]), np.float32([[[[1, 2, 3, 4]]]])
    >>> depthwise_conv2d(x, w, multiplier=2)[0, :, 0].tolist()
    [[1.0, 2.0, 30.0, 40.0], [2.0, 4.0, 60.0, 80.0]]
    """
    y = depthwise_conv2d_sums(
        x.astype(np.float64), w.astype(np.float64), stride=stride, pad=pad, dilation=dilation
    )
    return _finish(y, b, activation, x.dtype)


def _infer_conv2d_transpose(
    x: TensorType,
    w: TensorType,
    shape: TensorType,
    b: TensorType | None = None,
    *,
    stride: Pair = (1, 1),
    pad: Pad = (0, 0, 0, 0),
    activation: str = "none",
) -> TensorType:
    require("C1", len(x.shape) == len(w.shape) == 4, f"x {x.shape} and w {w.shape} are 4-D")
    require("C1", shape.shape == (4,), f"shape holds 4 numbers, not {shape.shape}")
    out = tuple(int(v) for v in shape.known())
    require("C4", w.shape[3] == x.shape[3], f"channels of x {x.shape} and w {w.shape} differ")
    require("C4", (out[0], out[3]) == (x.shape[0], w.shape[0]), f"shape {out} is not (N, ., ., O)")
    windows = window_shape(x.like(out), w.shape[1:3], stride, pad)
    require("C7", windows == x.shape[1:3], f"shape {out} takes {windows} windows, x is {x.shape}")
    _require_bias(x, w, b, w.shape[0])
    require_activation("C6", activation)
    return x.like(out)


@np.errstate(over="ignore", invalid="ignore")
def conv2d_transpose_sums(
    x: F64, w: F64, size: Pair, *, stride: Pair = (1, 1), pad: Pad = (0, 0, 0, 0)
) -> F64:
    """Return the sums of products of `conv2d_transpose` in float64; `size` is rows and columns of y."""
    y = np.zeros((x.shape[0], *size, w.shape[0]))
    for (p, q), windows, elements in taps(size, x.shape[1:3], w.shape[1:3], stride, pad):
        y[:, *elements] += x[:, *windows] @ w[:, p, q].T
    return y


@op(infer=_infer_conv2d_transpose, static=("shape",))
def conv2d_transpose(
    x: F32,
    w: F32,
    shape: S32,
    b: F32 | None = None,
    *,
    stride: Pair = (1, 1),
    pad: Pad = (0, 0, 0, 0),
    activation: str = "none",
) -> F32:
    r"""Add to `y`, for each element of `x`, the filter times that element: the adjoint of `conv2d`.

    $$y_{n,\,is+p-top,\,jt+q-left,\,o} \mathrel{+}= \sum_c x_{nijc}\; w_{opqc}$$

    where what falls outside of `y` is dropped; then the bias is added and the sum clamped.

    Inputs: `x` (N, H, W, C), `w` (O, P, Q, C), `shape` the four sizes of y, optional `b` (O,).
    Attributes: `stride` (s, t); `pad` cropped rows and columns (top, bottom, left, right); `activation`.
    Constraints: (C1) `x` and `w` are 4-D, `shape` holds four. (C2), (C3) as in `conv2d` over y. (C4) `x` and
    `w` have C channels, y has N images and O channels. (C5), (C6) as in `conv2d`.
    (C7) A convolution over y has H rows and W columns.

    >>> x, w = np.float32([[[[1], [2]]]]), np.float32([[[[1], [10], [100]]]])
    >>> conv2d_transpose(x, w, np.int32([1, 1, 5, 1]), stride=(1, 2)).ravel().tolist()
    [1.0, 10.0, 102.0, 20.0, 200.0]
    """
    size = (int(shape[1]), int(shape[2]))
    y = conv2d_transpose_sums(
        x.astype(np.float64), w.astype(np.float64), size, stride=stride, pad=pad
    )
    return _finish(y, b, activation, x.dtype)
