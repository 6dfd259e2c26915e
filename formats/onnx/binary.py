"""Arithmetic on two tensors."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...ir import Op, UnsupportedError
from ...refimpl import binary as ours
from ...refimpl import bitwise
from ...refimpl.cast import cast
from ...refimpl.logic import not_equal, select
from .source import ONNX, OnnxSource, same
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
}
for _code, _op in _ALIKE.items():

    def _arithmetic(source: OnnxSource, op: Op[..., Any] = _op) -> str:
        return source.add(op, source.input(0), _right(source))

    ONNX.of(_code)(_arithmetic)


def _right(source: OnnxSource) -> str:
    """Return the right side; before version 7 its axes may stand for those from `axis` on."""
    x, y = source.input(0), source.input(1)
    if source.version >= 7 or "axis" not in source.attributes:
        return y
    behind = source.rank(x) - source.attribute("axis", 0) % source.rank(x) - source.rank(y)
    return source.reshaped(y, (*source.shape(y), *[1] * behind))


@ONNX.of("Pow")
def pow_of(source: OnnxSource) -> str:
    """The result has the type of the base; an integer to a power that is none is computed in float64, and cut."""
    x, y = source.input(0), _right(source)
    one, two = source.type(x), source.type(y)
    if one.dtype == two.dtype:
        return source.add(ours.pow, x, y)
    if one.dtype.kind == "f" or two.dtype.kind != "f":
        return source.add(ours.pow, x, source.add(cast, y, to=one.format))
    base, exponent = (source.add(cast, n, to="f64") for n in (x, y))
    return source.add(cast, source.add(ours.pow, base, exponent), to=one.format)


ONNX.of("Div")(lambda source: source.add(ours.div, source.input(0), _right(source)))


@ONNX.of("Sum", "Mean", "Max", "Min")
def several_of(source: OnnxSource) -> str:
    """One after the other; a mean is the sum through their number."""
    types = [source.type(n) for n in source.given]
    source.require(bool(types), "no input")
    if source.code in ("Max", "Min"):
        op = ours.maximum if source.code == "Max" else ours.minimum
        return functools.reduce(lambda x, y: extreme(source, op, x, y), source.given)
    if all(t == types[0] for t in types) and types[0].format in ours.add_n.dtypes:
        total = source.add(ours.add_n, *source.given)
    else:
        total = functools.reduce(lambda x, y: source.add(ours.add, x, y), source.given)
    if source.code == "Sum":
        return total
    return source.add(ours.div, total, source.scalar(len(types), total))


def extreme(source: OnnxSource, op: Op[..., Any], x: str, y: str) -> str:
    """Return the larger or smaller of both, and NaN where one is: ours hand on that of the second operand alone."""
    if source.type(x).dtype.kind != "f" or _no_nan(source, x):
        return source.add(op, x, y)
    if _no_nan(source, y):
        return source.add(op, y, x)
    nan = source.add(not_equal, x, x)
    return source.add(select, nan, x, source.add(op, x, y))


def _no_nan(source: OnnxSource, x: str) -> bool:
    value = source.known(x)
    return value is not None and not np.isnan(value).any()


@ONNX.of("Mod")
def mod_of(source: OnnxSource) -> str:
    """Of integers with the sign of y; with `fmod` with that of x."""
    x, y = source.input(0), source.input(1)
    cut = source.attribute("fmod", 0) and source.type(x).format in ours.fmod.dtypes
    return source.add(ours.fmod if cut else ours.floor_mod, x, y)


BITWISE: dict[str, Op[..., Any]] = {
    "BitwiseAnd": bitwise.bitwise_and,
    "BitwiseNot": bitwise.bitwise_not,
    "BitwiseOr": bitwise.bitwise_or,
    "BitwiseXor": bitwise.bitwise_xor,
}
for _code, _bitwise in BITWISE.items():
    same(_code, _bitwise)
    alike(_code, _bitwise)


@ONNX.of("BitShift")
def bit_shift_of(source: OnnxSource) -> str:
    """To the left or to the right."""
    direction = source.attribute("direction", "").lower()
    return source.add(bitwise.bit_shift, source.input(0), source.input(1), direction=direction)


@ONNX_WRITER.of(bitwise.bit_shift)
def write_bit_shift(site: OnnxSite) -> str:
    """Write BitShift; ONNX leaves open what is left of as many places as there are bits."""
    places, bits = site.type(1).value, 8 * site.type().dtype.itemsize
    if places is None or np.any(places >= bits):
        raise UnsupportedError("ONNX leaves open what a shift by all bits, or more, leaves")
    return site.emit("BitShift", *site.inputs, direction=site.attribute("direction").upper())


@ONNX_WRITER.of(ours.fmod)
def write_fmod(site: OnnxSite) -> str:
    """Write Mod with the sign of x."""
    return site.emit("Mod", *site.inputs, fmod=1)
