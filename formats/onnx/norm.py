"""Normalisations, step by step: those of ONNX are defined otherwise."""

from __future__ import annotations

from ...refimpl.norm import LEAST_NORM, l2_normalization, layer_norm, local_response_normalization
from .source import ONNX, OnnxSource
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
    """Add up shifted squares: the window has an even number of channels, for which LRN has no word."""
    x, radius, (*_, channels) = site.input(0), site.attribute("radius"), site.type().shape
    bias, alpha, beta = (site.constant(site.attribute(n), "f") for n in ("bias", "alpha", "beta"))
    reach = min(radius, channels)
    sides = [0, 0, 0, reach, 0, 0, 0, reach]
    padded = site.emit("Pad", site.emit("Mul", x, x), site.whole(sides))
    last = site.whole([-1])
    shifted = [
        site.emit("Slice", padded, site.whole([k]), site.whole([k + channels]), last)
        for k in range(2 * reach)
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


@ONNX.of("LayerNormalization")
def layer_normalization_of(source: OnnxSource) -> str:
    """Its axis counts from either side; mean and deviation are not to be had."""
    x, axis, epsilon = (
        source.input(0),
        source.attribute("axis", -1),
        source.attribute("epsilon", 1e-5),
    )
    return source.add(
        layer_norm, x, source.input(1), source.optional(2), axis=axis, epsilon=epsilon
    )
