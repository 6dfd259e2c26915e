"""Quantization of float32 activations while a hybrid operator runs (float32 inputs, 8-bit weights).

The ranges are those of each slice along the first axis. Every step is the float32 or float64 operation that TFLite
does there (neon_tensor_utils.cc, which LiteRT runs on x86 too; its portable twin subtracts the range's ends in float64
and adds the zero point before it rounds).
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
    least: F32 = rows.min(axis=1, initial=0)
    most: F32 = rows.max(axis=1, initial=0)
    low, high = least.astype(np.float64), most.astype(np.float64)
    flat = low == high
    step = np.where(flat, 1.0, (most - least).astype(np.float64) / 255.0)
    from_low, from_high = -128.0 - low / step, 127.0 - high / step
    nearer_low = 128.0 + np.abs(low / step) < 127.0 + np.abs(high / step)
    zero = np.clip(round_half_away(np.where(nearer_low, from_low, from_high)), -128, 127)
    zero_point = np.where(flat, 0, zero).astype(np.int32)
    scale = step.astype(np.float32)
    inverse = np.float32(1) / scale
    whole = round_half_away(rows * inverse[:, None]) + zero_point[:, None]
    q = np.where(flat[:, None], 0, np.clip(whole, -128, 127))
    return q.astype(np.int8).reshape(x.shape), scale, zero_point


def differing_scales(w: QuantParams) -> bool:
    """Whether the slices of the weights have scales of their own."""
    return any(scale != w.scale[0] for scale in w.scale)
