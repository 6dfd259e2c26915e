"""Pooling over any number of axes of space, channels last: (N, *S, C); windows may have gaps and be cut short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, op, require
from .conv import taps
from .conv_nd import Sizes, each_axis, require_window

F32 = NDArray[np.float32]
S64 = NDArray[np.int64]
MOST = 1 << 16  # windows that are looked at one by one


def pool_count(
    size: int, kernel: int, stride: int, dilation: int, before: int, after: int, ceil: bool
) -> int:
    """Return the number of windows along an axis. With `ceil` the last one may reach behind the padding.

    It is there only if it begins in front of the padding behind.

    >>> [pool_count(5, 2, 2, 1, 0, 0, ceil) for ceil in (False, True)]
    [2, 3]
    """
    room = size + before + after - (kernel - 1) * dilation - 1
    if not ceil:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def _counts(
    size: Sizes, kernel: Sizes, stride: Sizes, pad: Sizes, dilation: Sizes, ceil: bool
) -> Sizes:
    axes = zip(size, kernel, stride, dilation, pad[::2], pad[1::2], strict=True)
    return tuple(pool_count(n, k, s, d, low, high, ceil) for n, k, s, d, low, high in axes)


def _meets(size: int, count: int, kernel: int, stride: int, before: int, dilation: int) -> bool:
    """Whether each of the windows has an element."""
    last = (count - 1) * stride - before
    if -(-before // dilation) >= kernel or last >= size:
        return False
    if size >= dilation:  # whichever of these places comes first after the border is inside
        return True
    outside = range(min(count, before // stride + 1))  # windows that begin in front of the image
    return len(outside) <= MOST and all((i * stride - before) % dilation < size for i in outside)


def _infer_pool(
    x: TensorType,
    *,
    kernel: Sizes,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
    ceil: bool = False,
    **_: Any,
) -> TensorType:
    n = len(x.shape) - 2
    stride, dilation = each_axis(stride, n, 1), each_axis(dilation, n, 1)
    pad = each_axis(pad, 2 * n, 0)
    require_window(x, kernel, stride, pad, dilation)
    counts = _counts(x.shape[1:-1], kernel, stride, pad, dilation, ceil)
    require("C3", min(counts) > 0, f"kernel {kernel} exceeds the padded input {x.shape}")
    axes = zip(x.shape[1:-1], counts, kernel, stride, pad[::2], dilation, strict=True)
    met = all(_meets(*axis) for axis in axes)
    require("C4", met, f"pad {pad}: a window of {kernel} lies in the padding alone")
    return x.like((x.shape[0], *counts, x.shape[-1]))


def pool_windows(
    x: Array, kernel: Sizes, stride: Sizes, pad: Sizes, dilation: Sizes, ceil: bool
) -> tuple[Sizes, Iterator[tuple[Sizes, tuple[slice, ...], tuple[slice, ...]]]]:
    """Return the shape of the pooled `x`, and place by place what `taps` says of it."""
    n, size = x.ndim - 2, x.shape[1:-1]
    stride, dilation = each_axis(stride, n, 1), each_axis(dilation, n, 1)
    pad = each_axis(pad, 2 * n, 0)
    counts = _counts(size, kernel, stride, pad, dilation, ceil)
    return (x.shape[0], *counts, x.shape[-1]), taps(size, counts, kernel, stride, pad, dilation)


def places_met(
    x: Array, kernel: Sizes, stride: Sizes, pad: Sizes, dilation: Sizes, ceil: bool, padded: bool
) -> Array:
    """Return how many places of each window are in the image, or, with `padded`, in it or its padding: (1, ..., 1)."""
    n = x.ndim - 2
    stride, dilation = each_axis(stride, n, 1), each_axis(dilation, n, 1)
    pad = each_axis(pad, 2 * n, 0)
    total = np.ones((1,) * x.ndim)
    for a, (size, k, s, d) in enumerate(zip(x.shape[1:-1], kernel, stride, dilation, strict=True)):
        before, after = pad[2 * a], pad[2 * a + 1]
        starts = np.arange(pool_count(size, k, s, d, before, after, ceil)) * s - before
        low, high = (-before, size + after) if padded else (0, size)
        first = np.maximum(0, -((starts - low) // d))
        stop = np.minimum(k, -(-(high - starts) // d))
        line = np.maximum(stop - first, 0).astype(np.float64)
        total = total * line.reshape((-1,) + (1,) * (n - a))
    return total


def pool_sums(
    x: Array, kernel: Sizes, stride: Sizes, pad: Sizes, dilation: Sizes, ceil: bool
) -> Array:
    """Return the sum of what each window has in the image."""
    shape, places = pool_windows(x, kernel, stride, pad, dilation, ceil)
    y = np.zeros(shape, x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for _, windows, elements in places:
            y[:, *windows] += x[:, *elements]
    return y


@op(infer=_infer_pool)
def avg_pool(
    x: F32,
    *,
    kernel: Sizes,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
    ceil: bool = False,
    include_pad: bool = False,
) -> F32:
    r"""Average each window over its elements inside of the image: `avg_pool2d` for any number of axes.

    $$y_{nic} = \frac{1}{m_i} \sum_{u \in W_i} x_{nuc}$$

    where $W_i$ holds the u = i s + k e - before that exist, and m is their number; with `include_pad` places in the
    padding count too, those behind it do not.

    Inputs: `x` (N, *S, C).
    Attributes: `kernel`; `stride` s and `dilation` e, one an axis (none: 1); `pad` (before, after) axis by axis (none:
    0); `ceil`: a window that begins in front of the padding behind need not end there; `include_pad`.
    Constraints: (C1) `x` and the attributes have the same number of axes of space, at least one. (C2) Kernel, stride
    and dilation are positive, pad is not negative. (C3) There is a window. (C4) Each window has an element.

    >>> x = np.float32([1, 2, 6]).reshape(1, 3, 1)
    >>> [avg_pool(x, kernel=(2,), stride=(2,), pad=(0, 1), include_pad=p).ravel().tolist() for p in (False, True)]
    [[1.5, 6.0], [1.5, 3.0]]
    """
    window = (kernel, stride, pad, dilation, ceil)
    sums = pool_sums(x.astype(np.float64), *window)
    with np.errstate(over="ignore"):
        return (sums / places_met(x, *window, include_pad)).astype(x.dtype)


def _infer_max_pool(
    x: TensorType, *, column_major: bool = False, **window: Any
) -> tuple[TensorType, TensorType]:
    y = _infer_pool(x, **window)
    return y, y.like(y.shape, np.int64)


@op(infer=_infer_max_pool, dtypes=("f32", "s8", "u8"))
def max_pool(
    x: Array,
    *,
    kernel: Sizes,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
    ceil: bool = False,
    column_major: bool = False,
) -> tuple[Array, S64]:
    """Take the largest element of each window, and its place in the image.

    That is the first one among equals in row-major order; a NaN is larger than all. The place is its number in the
    image's row-major order of space, or, with `column_major`, with the first axis running fastest.

    Inputs: `x` (N, *S, C).
    Attributes: those of `avg_pool`, but for `include_pad`; `column_major`.
    Constraints: (C1) to (C4) of `avg_pool`.

    >>> y, place = max_pool(np.float32([1, 7, 7, -6]).reshape(1, 2, 2, 1), kernel=(2, 2))
    >>> y.ravel().tolist(), place.ravel().tolist()
    ([7.0], [1])
    """
    shape, places = pool_windows(x, kernel, stride, pad, dilation, ceil)
    numbers = np.arange(int(np.prod(x.shape[1:-1]))).reshape(x.shape[1:-1])[None, ..., None]
    y, place = np.zeros(shape, x.dtype), np.full(shape, -1)
    for _, windows, elements in places:
        here, old, where = x[:, *elements], y[:, *windows], place[:, *windows]
        better = (here > old) | ((here != here) & (old == old)) | (where < 0)
        y[:, *windows] = np.where(better, here, old)
        place[:, *windows] = np.where(better, numbers[:, *elements], where)
    if column_major:
        by_axis = np.unravel_index(np.maximum(place, 0), x.shape[1:-1])
        place = np.asarray(np.ravel_multi_index(by_axis, x.shape[1:-1], order="F"), np.int64)
    return y, place


def _infer_lp_pool(x: TensorType, *, p: int = 2, **window: Any) -> TensorType:
    y = _infer_pool(x, **window)
    require("C5", p > 0, f"p is {p}")
    return y


@op(infer=_infer_lp_pool)
def lp_pool(
    x: F32,
    *,
    kernel: Sizes,
    stride: Sizes = (),
    pad: Sizes = (),
    dilation: Sizes = (),
    ceil: bool = False,
    p: int = 2,
) -> F32:
    r"""Take the p-norm of what each window has in the image.

    $$y_{nic} = \Big(\sum_{u \in W_i} |x_{nuc}|^p\Big)^{1/p}$$

    Inputs: `x` (N, *S, C).
    Attributes: those of `avg_pool`, but for `include_pad`; `p`, a whole number.
    Constraints: (C1) to (C4) of `avg_pool`. (C5) `p` is positive.

    >>> lp_pool(np.float32([3, -4]).reshape(1, 2, 1), kernel=(2,)).ravel().tolist()
    [5.0]
    """
    window = (kernel, stride, pad, dilation, ceil)
    size = np.abs(x.astype(np.float64))
    shape, places = pool_windows(x, *window)
    most = np.zeros(shape)
    for _, windows, elements in places:
        most[:, *windows] = np.maximum(most[:, *windows], size[:, *elements])
    # What is powered is at most 1, so that nothing overflows; where all is 0, or not finite, the sum says it.
    usual = (most > 0) & np.isfinite(most)
    scale = np.where(usual, most, 1.0)
    y, places = np.zeros(shape), pool_windows(x, *window)[1]
    with np.errstate(over="ignore", under="ignore"):
        for _, windows, elements in places:
            y[:, *windows] += (size[:, *elements] / scale[:, *windows]) ** p
        return (y ** (1 / p) * scale).astype(x.dtype)
