"""Detection on quantized boxes, scores and anchors, as TFLite's and MindSpore Lite's kernels compute it."""

from __future__ import annotations

from typing import Any

from ..ir import Array, TensorType
from ..refimpl.detection import detection_postprocess
from .cast import dequantize_int8
from .rule import INT8, Quantized


@INT8.of((detection_postprocess, "s8"), (detection_postprocess, "u8"))
def detection_postprocess_int8(
    *tensors: Quantized, out: tuple[TensorType, ...], dialect: str = "tflite", **attributes: Any
) -> tuple[Array, ...]:
    """Compute on scale (x - zero_point), rounded to float32. TFLite takes u8 alone, MindSpore Lite s8 alone."""
    real = [t.value if t.quant is None else dequantize_int8(t, out=out) for t in tensors]
    return detection_postprocess(*real, **attributes)
