"""Envelopes of the convolutions over any number of axes, computed as sums of products in any order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.conv import conv2d_sums
from ...refimpl.conv_nd import Sizes, conv, conv_transpose, conv_transpose_sums, each_axis
from ..tables import ENVELOPE
from .matmul import magnitude, sum_of_products, with_bias

F64 = NDArray[np.float64]


def _window(x: Array, stride: Sizes, pad: Sizes, dilation: Sizes) -> dict[str, Sizes]:
    n = x.ndim - 2
    return {
        "stride": each_axis(stride, n, 1),
        "pad": each_axis(pad, 2 * n, 0),
        "dilation": each_axis(dilation, n, 1),
    }


@ENVELOPE.of(conv)
def conv_envelope(x: Array, w: Array, b: Array | None = None, **window: Any) -> F64:
    """A sum of K D products and the bias; padding adds nothing."""
    absolute = conv2d_sums(magnitude(x), magnitude(w), **_window(x, **window))
    return sum_of_products(with_bias(absolute, b), math.prod(w.shape[1:]) + 1)


@ENVELOPE.of(conv_transpose)
def conv_transpose_envelope(
    x: Array, w: Array, shape: Array, b: Array | None = None, **window: Any
) -> F64:
    """A sum of at most K D products and the bias."""
    size = tuple(int(v) for v in shape[1:-1])
    absolute = conv_transpose_sums(magnitude(x), magnitude(w), size, **_window(x, **window))
    return sum_of_products(with_bias(absolute, b), math.prod(w.shape[1:]) + 1)
