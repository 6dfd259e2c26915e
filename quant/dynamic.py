"""Quantization of float32 activations while a hybrid operator runs (float32 inputs, 8-bit weights).

The ranges are those of each slice along the first axis. Every step is the float32 or float64 operation that TFLite's
portable_tensor_utils.cc does there, so that the integers are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ir import QuantParams
from .fixedpoint import round_half_away

F32 = NDArray[np.float32]
S8 = NDArray[np.int8]
S32 = NDArray[np.int32]


def quantize_symmetric(x: F32) -> tuple[S8, F32]:
    """Return (q, scale) with q * scale near x, q in [-127, 127], and one scale for each x[n].

    >>> [v.tolist() for v in quantize_symmetric(np.float32([[127, -63.4], [0, 0]]))]
    [[[127, -63], [0, 0]], [1.0, 1.0]]
    """
    rows = x.reshape(len(x), -1)
    spread: F32 = np.abs(rows).max(axis=1, initial=0)
    some = np.where(spread == 0, np.float32(127), spread)
    scale = np.asarray(some / np.float32(127), np.float32)
    inverse = np.float32(127) / some
    q = np.clip(round_half_away(rows * inverse[:, None]), -127, 127)
    return q.astype(np.int8).reshape(x.shape), scale


def quantize_asymmetric(x: F32) -> tuple[S8, F32, S32]:
    """Return (q, scale, zero point) with (q - zero point) * scale near x, for each x[n] by itself.

    >>> [v.tolist() for v in quantize_asymmetric(np.float32([[0, 255], [0, 0]]))]
    [[[-128, 127], [0, 0]], [1.0, 1.0], [-128, 0]]
    """
    rows = x.reshape(len(x), -1)
    low = rows.min(axis=1, initial=0).astype(np.float64)
    high = rows.max(axis=1, initial=0).astype(np.float64)
    flat = low == high
    step = np.where(flat, 1.0, (high - low) / 255.0)
    from_low, from_high = -128.0 - low / step, 127.0 - high / step
    nearer_low = 128.0 + np.abs(low / step) < 127.0 + np.abs(high / step)
    zero = np.clip(round_half_away(np.where(nearer_low, from_low, from_high)), -128, 127)
    zero_point = np.where(flat, 0, zero).astype(np.int32)
    scale = step.astype(np.float32)
    inverse = np.float32(1) / scale
    scaled = zero_point.astype(np.float32)[:, None] + rows * inverse[:, None]
    q = np.where(flat[:, None], 0, np.clip(round_half_away(scaled), -128, 127))
    return q.astype(np.int8).reshape(x.shape), scale, zero_point


def differing_scales(w: QuantParams) -> bool:
    """Whether the slices of the weights have scales of their own."""
    return any(scale != w.scale[0] for scale in w.scale)
