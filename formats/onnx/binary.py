"""Arithmetic on two tensors."""

from __future__ import annotations

import functools

from ...refimpl import binary as ours
from .table import ONNX_WRITER, OnnxSite, alike

alike("Pow", ours.pow)

CODES = {ours.add: "Add", ours.sub: "Sub", ours.mul: "Mul", ours.div: "Div"}


@ONNX_WRITER.of(*CODES)
def write_arithmetic(site: OnnxSite) -> str:
    """Write the operation, then its activation."""
    y = site.emit(CODES[site.node.op], *site.inputs)
    return site.clamped(y, site.attribute("activation"))


@ONNX_WRITER.of(ours.add_n)
def write_add_n(site: OnnxSite) -> str:
    """Write Sum; for integers, which that does not take, a chain of Add."""
    if site.type().format == "f32":
        return site.emit("Sum", *site.inputs)
    return functools.reduce(lambda x, y: site.emit("Add", x, y), site.inputs)


@ONNX_WRITER.of(ours.maximum)
def write_maximum(site: OnnxSite) -> str:
    """Write a choice: x where x > y. ONNX's Max hands NaNs on, whichever side they stand on."""
    x, y = site.inputs
    return site.chosen(site.emit("Greater", x, y), x, y)


@ONNX_WRITER.of(ours.minimum)
def write_minimum(site: OnnxSite) -> str:
    """Write a choice: x where x < y. ONNX's Min hands NaNs on, whichever side they stand on."""
    x, y = site.inputs
    return site.chosen(site.emit("Less", x, y), x, y)


@ONNX_WRITER.of(ours.squared_difference)
def write_squared_difference(site: OnnxSite) -> str:
    """Write a product."""
    d = site.emit("Sub", *site.inputs)
    return site.emit("Mul", d, d)


@ONNX_WRITER.of(ours.floor_div)
def write_floor_div(site: OnnxSite) -> str:
    """Write the float64 quotient rounded down; of integers, what is left without the remainder is divided."""
    wide = "f64" if site.type().format == "f32" else "s64"
    x, y = (site.cast(n, wide) for n in site.inputs)
    if wide == "f64":
        return site.cast(site.emit("Floor", site.emit("Div", x, y)), "f32")
    whole = site.emit("Sub", x, site.emit("Mod", x, y))
    return site.cast(site.emit("Div", whole, y), site.type().format)


@ONNX_WRITER.of(ours.floor_mod)
def write_floor_mod(site: OnnxSite) -> str:
    """Write ONNX's Mod: of integers it has the sign of y; of floats that of x, which is then mended."""
    x, y = site.inputs
    if site.type().format != "f32":
        return site.emit("Mod", x, y)
    zero = site.constant(0, "f")
    r = site.emit("Mod", x, y, fmod=1)
    turned = site.emit("Xor", site.emit("Less", y, zero), site.emit("Less", r, zero))
    wrong = site.emit("And", turned, site.emit("Not", site.emit("Equal", r, zero)))
    return site.chosen(wrong, site.emit("Add", r, y), r)
