"""Normalisations written step by step: most of those of ONNX are defined otherwise."""

from __future__ import annotations

from ...refimpl.norm import (
    LEAST_NORM,
    l2_normalization,
    layer_norm,
    local_response_normalization,
    rms_norm,
)
from .table import ONNX_WRITER, OnnxSite


@ONNX_WRITER.of(l2_normalization)
def write_l2_normalization(site: OnnxSite) -> str:
    """Divide by the length, where LpNormalization knows no least one."""
    x = site.input(0)
    length = site.emit("ReduceL2", x, site.whole([-1]))
    least = site.emit("Max", length, site.constant(LEAST_NORM, "f"))
    return site.clamped(site.emit("Div", x, least), site.attribute("activation"))


@ONNX_WRITER.of(local_response_normalization)
def write_lrn(site: OnnxSite) -> str:
    """Add up shifted squares: LRN has no word for most windows."""
    x, before, (*others, channels) = site.input(0), site.attribute("radius"), site.type().shape
    after = site.attribute("after") if site.attribute("after") >= 0 else before - 1
    bias, alpha, beta = (site.constant(site.attribute(n), "f") for n in ("bias", "alpha", "beta"))
    before, after = min(before, channels), min(after, channels)
    none = [0] * len(others)
    sides = site.whole([*none, before, *none, max(after, 0)])
    padded, last = site.emit("Pad", site.emit("Mul", x, x), sides), site.whole([-1])
    shifted = [
        site.emit("Slice", padded, site.whole([k]), site.whole([k + channels]), last)
        for k in range(before + after + 1)
    ]
    energy = site.emit("Sum", *shifted) if shifted else site.constant(0, "f")
    base = site.emit("Add", bias, site.emit("Mul", alpha, energy))
    return site.emit("Mul", x, site.emit("Pow", base, site.emit("Neg", beta)))


@ONNX_WRITER.of(layer_norm)
def write_layer_norm(site: OnnxSite) -> str:
    """Write LayerNormalization, the one that is defined as ours is."""
    given = [name for name in site.inputs if name]
    axis, epsilon = site.attribute("axis"), float(site.attribute("epsilon"))
    return site.emit("LayerNormalization", *given, axis=axis, epsilon=epsilon)


@ONNX_WRITER.of(rms_norm)
def write_rms_norm(site: OnnxSite) -> str:
    """Divide by the root of the mean square, for operator sets before RMSNormalization."""
    x, axis = site.input(0), site.attribute("axis")
    axes = site.whole([*range(axis, 0)] if axis < 0 else [*range(axis, len(site.type().shape))])
    square = site.emit("ReduceMean", site.emit("Mul", x, x), axes)
    epsilon = site.constant(site.attribute("epsilon"), site.type().dtype)
    root = site.emit("Sqrt", site.emit("Add", square, epsilon))
    return site.emit("Mul", site.emit("Div", x, root), site.input(1))
