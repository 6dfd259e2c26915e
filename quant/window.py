"""Quantized rules of surrounding tensors and of moving blocks: what is put there stands for zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Array, TensorType
from ..refimpl.block import space_to_batch_nd
from ..refimpl.window import pad
from .rule import INT8, Quantized


@INT8.of((pad, "s8"), (pad, "u8"), (pad, "s16"), (pad, "s8-nnacl"))
def pad_int8(
    x: Quantized,
    paddings: Quantized,
    value: Quantized | None = None,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
) -> Array:
    """Pad with `value` as it is stored, or with the zero point of the result (TFLite's `pad.cc`)."""
    zero = np.array(Quantized(x.value, out[0].quant).zero_point, x.value.dtype)
    return pad(x.value, paddings.value, zero if value is None else value.value)


@INT8.of(*((space_to_batch_nd, fmt) for fmt in ("s8", "u8", "s16", "s8-nnacl")))
def space_to_batch_nd_int8(
    x: Quantized,
    block: Quantized,
    paddings: Quantized,
    *,
    out: tuple[TensorType, ...],
    dialect: str = "tflite",
    **_: Any,
) -> Array:
    """Pad with the zero point of the result, then move the blocks (TFLite's `space_to_batch_nd.cc`)."""
    rank, m = x.value.ndim, block.value.size
    edges = np.zeros((rank, 2), np.int64)
    edges[1 : m + 1] = paddings.value
    padded = pad_int8(x, Quantized(edges), out=out)
    return space_to_batch_nd(padded, block.value, np.zeros((m, 2), np.int64))
