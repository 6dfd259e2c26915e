"""Arithmetic on two tensors."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...ir import Op
from ...refimpl import binary as ours
from ...refimpl.cast import cast
from ...refimpl.logic import less, select
from ...refimpl.unary import abs as absolute
from ...refimpl.unary import neg
from .source import ONNX, OnnxSource
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


_ALIKE: dict[str, Op[..., Any]] = {
    "Sub": ours.sub,
    "Mul": ours.mul,
    "Add": ours.add,
    "Pow": ours.pow,
}
for _code, _op in _ALIKE.items():

    def _arithmetic(source: OnnxSource, op: Op[..., Any] = _op) -> str:
        return source.add(op, source.input(0), _right(source))

    ONNX.of(_code)(_arithmetic)


def _right(source: OnnxSource) -> str:
    """Return the right side; before version 7 its axes may stand for those from `axis` on."""
    x, y = source.input(0), source.input(1)
    if source.version >= 7 or "axis" not in source.attributes:
        return _alike(source, x, y)
    behind = source.rank(x) - source.attribute("axis", 0) % source.rank(x) - source.rank(y)
    return source.reshaped(y, (*source.shape(y), *[1] * behind))


def _alike(source: OnnxSource, x: str, y: str) -> str:
    """Return an exponent in the type of what it is the exponent of."""
    one, two = source.type(x), source.type(y)
    differs = source.code == "Pow" and one.dtype != two.dtype
    return source.add(cast, y, to=one.format) if differs else y


@ONNX.of("Div")
def div_of(source: OnnxSource) -> str:
    """Integers are cut towards zero; ours does that for 32 bits, NumPy for constants of 64."""
    x, y = source.input(0), _right(source)
    one, two = source.known(x), source.known(y)
    if source.type(x).format == "s64" and one is not None and two is not None:
        source.require(bool(np.all(one >= 0) and np.all(two > 0)), "of negative int64, or by 0")
        return source.constant(one // two)
    return source.add(ours.div, x, y)


@ONNX.of("Sum", "Max", "Min")
def several_of(source: OnnxSource) -> str:
    """One after the other."""
    ops: dict[str, Op[..., Any]] = {"Sum": ours.add, "Max": ours.maximum, "Min": ours.minimum}
    op = ops[source.code]
    types = [source.type(n) for n in source.given]
    source.require(bool(types), "no input")
    if source.code == "Sum" and all(t == types[0] for t in types):
        return source.add(ours.add_n, *source.given)
    return functools.reduce(lambda x, y: source.add(op, x, y), source.given)


@ONNX.of("Mod")
def mod_of(source: OnnxSource) -> str:
    """Of integers with the sign of y; with `fmod`, and of floats, with that of x."""
    x, y = source.input(0), source.input(1)
    if not source.attribute("fmod", 0):
        return source.add(ours.floor_mod, x, y)
    rest = source.add(ours.floor_mod, source.add(absolute, x), source.add(absolute, y))
    negative = source.add(less, x, source.scalar(0, x))
    return source.add(select, negative, source.add(neg, rest), rest)
