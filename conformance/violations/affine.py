"""Broken constraints of quantization by tensors of scales, and of products of bytes."""

from __future__ import annotations

import numpy as np

from ...refimpl.affine import dequantize_linear, quantize_linear
from ...refimpl.integer_products import conv_integer, matmul_integer
from .examples import breaks, f32, s32

BYTES = np.ones((2, 3), np.uint8)
ZERO = np.zeros(3, np.uint8)

breaks(
    quantize_linear,
    valid={"x": f32(2, 3), "scale": f32(3), "zero_point": ZERO},
    C1={"axis": 2},
    C2={"scale": f32(2)},
    C3={"zero_point": np.zeros(2, np.uint8)},
    C4={"scale": np.ones(3)},
    C5={"to": "s32"},
)
breaks(
    dequantize_linear,
    valid={"x": BYTES, "scale": f32(3), "zero_point": ZERO},
    C1={"block": -1},
    C2={"scale": f32(2, 3)},
    C3={"zero_point": np.zeros(2, np.uint8)},
    C4={"to": "f64"},
    C5={"zero_point": np.zeros(3, np.int8)},
)
breaks(
    matmul_integer,
    valid={"x": np.ones((1, 2, 3), np.int8), "y": np.ones((1, 3, 2), np.uint8)},
    C1={"x": s32([[1, 2, 3]])},
    C2={"x": np.ones((2, 2), np.int8)},
    C3={"x": np.ones((2, 2, 3), np.int8), "y": np.ones((3, 3, 2), np.uint8)},
    C4={"x_zero": np.zeros(2, np.int8)},
)
breaks(
    conv_integer,
    valid={"x": np.ones((1, 4, 2), np.uint8), "w": np.ones((2, 3, 1), np.int8)},
    C1={"stride": (1, 1)},
    C2={"stride": (0,)},
    C3={"w": np.ones((2, 5, 1), np.int8)},
    C4={"w": np.ones((3, 3, 1), np.int8)},
    C5={"x": f32(1, 4, 2)},
    C6={"w_zero": np.zeros(3, np.int8)},
)
