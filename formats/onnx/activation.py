"""Activation functions that stand alone."""

from __future__ import annotations

import numpy as np

from ...ir import UnsupportedError
from ...refimpl.activation import (
    gelu,
    hard_swish,
    leaky_relu,
    logistic,
    prelu,
    relu,
    relu6,
    relu_n1_to_1,
    tanh,
)
from .table import ONNX_WRITER, OnnxSite, alike

alike("PRelu", prelu)
alike("Sigmoid", logistic)
alike("Tanh", tanh)


@ONNX_WRITER.of(leaky_relu)
def write_leaky_relu(site: OnnxSite) -> str:
    """Write LeakyRelu, which keeps a zero, where ours is alpha times that."""
    alpha = np.float32(site.attribute("alpha"))
    if np.signbit(alpha) or not np.isfinite(alpha):
        raise UnsupportedError(f"LeakyRelu does not multiply zeros by alpha = {alpha}")
    return site.emit("LeakyRelu", site.input(0), alpha=float(alpha))


@ONNX_WRITER.of(relu, relu6, relu_n1_to_1)
def write_clamp(site: OnnxSite) -> str:
    """Write a clamp: the operators are named as the fused activations are."""
    return site.clamped(site.input(0), site.node.op.__name__)


@ONNX_WRITER.of(hard_swish)
def write_hard_swish(site: OnnxSite) -> str:
    """Write x relu6(x + 3) / 6 step by step.

    ONNX's HardSwish adds 0.5 to x / 6, a rounded number: next to -3 little of it is left.
    """
    x, six = site.input(0), site.constant(6, "f")
    shifted = site.emit("Add", x, site.constant(3, "f"))
    clamped = site.emit("Clip", shifted, site.constant(0, "f"), six)
    return site.emit("Div", site.emit("Mul", x, clamped), six)


@ONNX_WRITER.of(gelu)
def write_gelu(site: OnnxSite) -> str:
    """Write Gelu by its name."""
    approximate = "tanh" if site.attribute("approximate") else "none"
    return site.emit("Gelu", site.input(0), approximate=approximate)
