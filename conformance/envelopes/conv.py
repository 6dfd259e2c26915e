"""Envelopes of the convolutions, computed as sums of products in any order, or by Winograd."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir import Array
from ...refimpl.conv import (
    Pad,
    Pair,
    conv2d,
    conv2d_sums,
    conv2d_transpose,
    conv2d_transpose_sums,
    depthwise_conv2d,
    depthwise_conv2d_sums,
)
from ..tables import ENVELOPE
from .matmul import magnitude, sum_of_products, with_bias
from .winograd import winograd_bound

F64 = NDArray[np.float64]


@ENVELOPE.of(conv2d)
def conv2d_envelope(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair,
    pad: Pad,
    dilation: Pair,
    algorithm: str = "",
    **_: Any,
) -> F64:
    """A sum of P Q D products and the bias (`sum_of_products`); padding and clamping do not enlarge an error.

    Where it is computed by Winograd's `algorithm`, single outputs still may be plain sums.
    """
    absolute = conv2d_sums(magnitude(x), magnitude(w), stride=stride, pad=pad, dilation=dilation)
    plain = sum_of_products(with_bias(absolute, b), math.prod(w.shape[1:]) + 1)
    return np.maximum(plain, winograd_bound(x, w, b, pad, algorithm)) if algorithm else plain


@ENVELOPE.of(depthwise_conv2d)
def depthwise_conv2d_envelope(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair,
    pad: Pad,
    dilation: Pair,
    **_: Any,
) -> F64:
    """A sum of P Q products and the bias."""
    absolute = depthwise_conv2d_sums(
        magnitude(x), magnitude(w), stride=stride, pad=pad, dilation=dilation
    )
    return sum_of_products(with_bias(absolute, b), math.prod(w.shape[1:3]) + 1)


@ENVELOPE.of(conv2d_transpose)
def conv2d_transpose_envelope(
    x: Array,
    w: Array,
    shape: Array,
    b: Array | None = None,
    *,
    stride: Pair,
    pad: Pad,
    **_: Any,
) -> F64:
    """A sum of at most P Q C products and the bias."""
    size = (int(shape[1]), int(shape[2]))
    absolute = conv2d_transpose_sums(magnitude(x), magnitude(w), size, stride=stride, pad=pad)
    return sum_of_products(with_bias(absolute, b), math.prod(w.shape[1:]) + 1)
