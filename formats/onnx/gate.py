"""Smooth gates and pieces of lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl import gate as ours
from .source import ONNX, OnnxSource, same
from .table import ONNX_WRITER, OnnxSite, alike

# ONNX's name, our operator, and what its attributes are where the file is silent.
CODES: dict[str, tuple[Op[..., Any], dict[str, float]]] = {
    "Selu": (ours.selu, {"alpha": ours.SELU_ALPHA, "gamma": ours.SELU_GAMMA}),
    "Celu": (ours.celu, {"alpha": 1.0}),
    "HardSigmoid": (ours.hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "Shrink": (ours.shrink, {"bias": 0.0, "lambd": 0.5}),
    "Swish": (ours.swish, {"alpha": 1.0}),
    "ThresholdedRelu": (ours.thresholded_relu, {"alpha": 1.0}),
}
for _code, (_op, _defaults) in CODES.items():

    def _gate(
        source: OnnxSource, op: Op[..., Any] = _op, defaults: dict[str, float] = _defaults
    ) -> str:
        given = {name: source.attribute(name, value) for name, value in defaults.items()}
        return source.add(op, source.input(0), **given)

    ONNX.of(_code)(_gate)
    if _op is not ours.swish:
        alike(_code, _op)

same("Softplus", ours.softplus)
same("Softsign", ours.softsign)
same("Mish", ours.mish)
alike("Softplus", ours.softplus)
alike("Softsign", ours.softsign)
alike("Mish", ours.mish)


@ONNX_WRITER.of(ours.swish)
def write_swish(site: OnnxSite) -> str:
    """Write x / (1 + e**-z) step by step.

    Swish is of version 24, and the Sigmoid of onnxruntime is right to some roundings of 1 alone.
    """
    x, dtype = site.input(0), site.type().dtype
    z = site.emit("Mul", x, site.constant(-np.float32(site.attribute("alpha")), dtype))
    total = site.emit("Add", site.emit("Exp", z), site.constant(1, dtype))
    return site.emit("Div", x, total)
