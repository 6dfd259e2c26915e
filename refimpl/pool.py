"""Pooling: each window of an NHWC image becomes one element, channel by channel; padding is never counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import Array, TensorType, op, require
from .activation import activate, require_activation
from .conv import Pad, Pair, taps, window_count, window_shape

F32 = NDArray[np.float32]


def _infer_pool(
    x: TensorType,
    *,
    kernel: Pair = (2, 2),
    stride: Pair = (2, 2),
    pad: Pad = (0, 0, 0, 0),
    activation: str = "none",
) -> TensorType:
    rows, columns = window_shape(x, kernel, stride, pad)
    met = max(pad[:2]) < kernel[0] and max(pad[2:]) < kernel[1]
    require("C4", met, f"pad {pad}: a window of {kernel} lies in the padding alone")
    require_activation("C5", activation)
    return x.like((x.shape[0], rows, columns, x.shape[3]))


def pool_shape(x: Array, kernel: Pair, stride: Pair, pad: Pad) -> tuple[int, int, int, int]:
    """Return the shape of the pooled `x`."""
    rows = window_count(x.shape[1], kernel[0], stride[0], 1, *pad[:2])
    columns = window_count(x.shape[2], kernel[1], stride[1], 1, *pad[2:])
    return x.shape[0], rows, columns, x.shape[3]


@np.errstate(over="ignore", invalid="ignore")
def window_sums(x: Array, kernel: Pair, stride: Pair, pad: Pad) -> tuple[Array, Array]:
    """Return the sum of each window, in the type of `x`, and its number of elements (1, I, J, 1)."""
    y = np.zeros(pool_shape(x, kernel, stride, pad), x.dtype)
    count = np.zeros((1, *y.shape[1:3], 1), np.int64)
    for _, windows, elements in taps(x.shape[1:3], y.shape[1:3], kernel, stride, pad):
        y[:, *windows] += x[:, *elements]
        count[:, *windows] += 1
    return y, count


def window_maxima(x: Array, kernel: Pair, stride: Pair, pad: Pad) -> Array:
    """Return the largest element of each window."""
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    y = np.full(pool_shape(x, kernel, stride, pad), least, x.dtype)
    for _, windows, elements in taps(x.shape[1:3], y.shape[1:3], kernel, stride, pad):
        y[:, *windows] = np.maximum(y[:, *windows], x[:, *elements])
    return y


@op(infer=_infer_pool)
def avg_pool2d(
    x: F32,
    *,
    kernel: Pair = (2, 2),
    stride: Pair = (2, 2),
    pad: Pad = (0, 0, 0, 0),
    activation: str = "none",
) -> F32:
    r"""Average each window over its elements inside of the image, and clamp.

    $$y_{nijc} = \mathrm{act}\Big(\frac{1}{|W_{ij}|} \sum_{(u,v) \in W_{ij}} x_{nuvc}\Big)$$

    where $W_{ij}$ holds the u = i s + p - top, v = j t + q - left that exist.

    Inputs: `x` (N, H, W, C).
    Attributes: `kernel` (P, Q); `stride` (s, t); `pad` (top, bottom, left, right); `activation`.
    Constraints: (C1) `x` is 4-D. (C2) Kernel and stride are positive, pad is not negative. (C3) The kernel
    fits into the padded input. (C4) Pad is less than the kernel, so that no window is empty. (C5) The activation
    is none, relu, relu_n1_to_1 or relu6.

    >>> avg_pool2d(np.float32([[[[1], [2], [6]]]]), kernel=(1, 2), stride=(1, 2), pad=(0, 0, 0, 1)).ravel().tolist()
    [1.5, 6.0]
    """
    y, count = window_sums(x.astype(np.float64), kernel, stride, pad)
    with np.errstate(over="ignore"):
        return activate((y / count).astype(x.dtype), activation)


@op(infer=_infer_pool)
def max_pool2d(
    x: F32,
    *,
    kernel: Pair = (2, 2),
    stride: Pair = (2, 2),
    pad: Pad = (0, 0, 0, 0),
    activation: str = "none",
) -> F32:
    r"""Take the largest element of each window, and clamp. A NaN in the window gives NaN.

    $$y_{nijc} = \mathrm{act}\Big(\max_{(u,v) \in W_{ij}} x_{nuvc}\Big)$$

    Inputs: `x` (N, H, W, C).
    Attributes: `kernel` (P, Q); `stride` (s, t); `pad` (top, bottom, left, right); `activation`.
    Constraints: (C1) to (C5) of `avg_pool2d`.

    >>> max_pool2d(np.float32([[[[1], [2], [-6]]]]), kernel=(1, 2), stride=(1, 2), pad=(0, 0, 0, 1)).ravel().tolist()
    [2.0, -6.0]
    """
    return activate(window_maxima(x, kernel, stride, pad), activation)
