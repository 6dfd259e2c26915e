"""Quantization: into stored numbers and back, and products of them that are rescaled in float arithmetic.

`QLinearMatMul` and `QLinearConv` are integer products, their sums as float32 times a factor, and a quantization by 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...ir import FORMAT_OF, FORMATS, FormatError, UnsupportedError
from ...refimpl.affine import dequantize_linear, quantize_linear
from ...refimpl.binary import add, div, maximum, minimum, mul, sub
from ...refimpl.cast import cast
from ...refimpl.integer_products import conv_integer, matmul_integer
from ...refimpl.reduce import reduce_max, reduce_min
from ...refimpl.shape import expand_dims, squeeze
from ...refimpl.unary import round as round_op
from .source import ONNX, OnnxSource
from .space import (
    axes_of,
    channels_first,
    channels_last,
    each_axis,
    in_channels_first,
    onnx_pads,
    padding_of,
    sizes_of,
)
from .table import ONNX_WRITER, OnnxSite
from .tensors import dtype_of


def _scalar(source: OnnxSource, name: str) -> str:
    """Give a tensor of one element no axes."""
    return source.reshaped(name, ()) if math.prod(source.shape(name)) == 1 else name


def _layout(source: OnnxSource, x: str, scale: str) -> dict[str, int]:
    """Return the attributes that say what each scale is for."""
    if source.rank(scale) == 0:
        return {}
    axis, block = source.attribute("axis", 1), source.attribute("block_size", 0)
    if source.rank(scale) > 1 and not block:
        raise FormatError(f"scales {source.type(scale).shape} without a block_size")
    if block < 0:
        raise FormatError(f"attribute block_size is {block}")
    blocked = block and source.rank(scale) == source.rank(x)
    return {"axis": axis, "block": block} if blocked else {"axis": axis}


def _form(number: int, default: str) -> str:
    return FORMAT_OF[dtype_of(number, "an attribute of a type")] if number else default


def _given(source: OnnxSource, position: int, blocked: bool) -> str | None:
    name = source.optional(position)
    return name if name is None or blocked else _scalar(source, name)


@ONNX.of("QuantizeLinear")
def quantize_linear_of(source: OnnxSource) -> str:
    """The type of the zero point, an attribute, or uint8 is that of the result; the scale's is that of the quotient."""
    x, blocked = source.input(0), bool(source.attribute("block_size", 0))
    scale, zero = _given(source, 1, blocked), _given(source, 2, blocked)
    if scale is None:
        raise FormatError("input 1 is absent")
    to = _form(source.attribute("output_dtype", 0), "u8")
    to = to if zero is None else source.type(zero).format
    form = source.type(scale).format
    precision = _form(source.attribute("precision", 0), "f32" if form == "f8e8m0" else form)
    source.require(form != "s32", "QuantizeLinear by whole numbers")
    layout = _layout(source, x, scale)
    saturate = bool(source.attribute("saturate", 1))
    attributes = {**layout, "to": to, "saturate": saturate, "precision": precision}
    return source.add(quantize_linear, x, scale, zero, **attributes)


@ONNX.of("DequantizeLinear")
def dequantize_linear_of(source: OnnxSource) -> str:
    """The result is of the scale's type, or of that in an attribute."""
    x, blocked = source.input(0), bool(source.attribute("block_size", 0))
    scale, zero = _given(source, 1, blocked), _given(source, 2, blocked)
    if scale is None:
        raise FormatError("input 1 is absent")
    to = _form(source.attribute("output_dtype", 0), source.type(scale).format)
    return source.add(dequantize_linear, x, scale, zero, to=to, **_layout(source, x, scale))


@ONNX.of("DynamicQuantizeLinear")
def dynamic_quantize_linear_of(source: OnnxSource) -> Sequence[str]:
    """To uint8, by the range of the numbers, which has 0 in it; each step is one of the operator's definition."""
    x = source.input(0)
    nothing, most = source.scalar(0.0, x), source.scalar(255.0, x)
    axes = source.whole(range(source.rank(x)))
    low = source.add(minimum, source.add(reduce_min, x, axes), nothing)
    high = source.add(maximum, source.add(reduce_max, x, axes), nothing)
    scale = source.add(div, source.add(sub, high, low), most)
    zero = source.add(sub, nothing, source.add(div, low, scale))
    zero = source.add(minimum, source.add(maximum, zero, nothing), most)
    zero = source.add(cast, source.add(round_op, zero), to="u8")
    return source.add(quantize_linear, x, scale, zero, to="u8"), scale, zero


def _product(source: OnnxSource, places: tuple[int, int, int | None, int | None]) -> str:
    """Add a product of matrices of bytes; a vector is a row or a column, as NumPy has it."""
    a, b = source.input(places[0]), source.input(places[1])
    ranks = source.rank(a), source.rank(b)
    if not all(ranks):
        raise FormatError("a scalar is no matrix")
    zeros = [None if p is None else source.optional(p) for p in places[2:]]
    shifts = [None if z is None else _lined_up(source, z, i) for i, z in enumerate(zeros)]
    a = source.add(expand_dims, a, source.whole(0)) if ranks[0] == 1 else a
    b = source.add(expand_dims, b, source.whole(1)) if ranks[1] == 1 else b
    y = source.add(matmul_integer, a, b, *shifts)
    gone = (*((-2,) if ranks[0] == 1 else ()), *((-1,) if ranks[1] == 1 else ()))
    return source.add(squeeze, y, axes=gone) if gone else y


def _lined_up(source: OnnxSource, name: str, side: int) -> str:
    """Give numbers for rows (side 0) or columns their place in a matrix."""
    name = _scalar(source, name)
    count = source.type(name).size
    return (
        source.reshaped(name, (count, 1) if side == 0 else (1, count))
        if source.rank(name) == 1
        else name
    )


@ONNX.of("MatMulInteger")
def matmul_integer_of(source: OnnxSource) -> str:
    """Zero points are one, or one a row of the left and a column of the right matrix."""
    return _product(source, (0, 1, 2, 3))


def _rescaled(source: OnnxSource, y: str, factor: str, target: int) -> str:
    """Quantize sums of products of stored numbers: float32(sum) factor, rounded, and the zero point added."""
    real = source.add(cast, y, to="f32")
    if source.type(factor).format != "f32":
        factor = source.add(cast, factor, to="f32")
    zero = _scalar(source, source.input(target))
    source.require(source.rank(zero) == 0, "results with several zero points")
    one = source.constant(np.array(1, np.float32))
    scaled = source.add(mul, real, factor)
    return source.add(quantize_linear, scaled, one, zero, to=source.type(zero).format)


def _factor(source: OnnxSource, *scales: str) -> str:
    """Return sx sw / sy, in the type of the scales."""
    return source.add(div, source.add(mul, *scales[:2]), scales[2])


@ONNX.of("QLinearMatMul")
def qlinear_matmul_of(source: OnnxSource) -> str:
    """Inputs: a, its scale and zero point, b and its own, and those of the result."""
    y = _product(source, (0, 3, 2, 5))
    scales = (_lined_up(source, source.input(1), 0), _lined_up(source, source.input(4), 1))
    return _rescaled(source, y, _factor(source, *scales, _scalar(source, source.input(6))), 7)


def _slid(source: OnnxSource, x: str, w: str, x_zero: str | None, w_zero: str | None) -> str:
    """Add a convolution of bytes, channels last."""
    axes, filters = axes_of(source, x), source.shape(w)
    if len(filters) != axes + 2:
        raise FormatError(f"filters {filters} for {axes} axes of space")
    groups, channels = source.attribute("group", 1), source.size(x, 1)
    if filters[1] * groups != channels or groups < 1:
        raise FormatError(f"filters {filters} in {groups} groups over {channels} channels")
    stride, dilation = each_axis(source, "strides", axes), each_axis(source, "dilations", axes)
    pad = padding_of(source, sizes_of(source, x), filters[2:], stride, dilation)
    zeros = [None if z is None else _scalar(source, z) for z in (x_zero, w_zero)]
    image, turned = (source.transposed(v, channels_last(axes)) for v in (x, w))
    window = {"stride": stride, "dilation": dilation, "pad": pad}
    return source.add(conv_integer, image, turned, *zeros, **window)


@ONNX.of("ConvInteger")
def conv_integer_of(source: OnnxSource) -> str:
    """Channels are second there."""
    x, w = source.input(0), source.input(1)
    y = _slid(source, x, w, source.optional(2), source.optional(3))
    return source.transposed(y, channels_first(source.rank(x) - 2))


@ONNX.of("QLinearConv")
def qlinear_conv_of(source: OnnxSource) -> str:
    """Inputs: x, its scale and zero point, w and its own, those of the result, and a bias of int32."""
    x, w, b = source.input(0), source.input(3), source.optional(8)
    y = _slid(source, x, w, source.input(2), source.input(5))
    y = y if b is None else source.add(add, y, b)
    scales = [_scalar(source, source.input(i)) for i in (1, 4, 6)]
    y = _rescaled(source, y, _factor(source, *scales), 7)
    return source.transposed(y, channels_first(source.rank(x) - 2))


@ONNX.of("com.microsoft.QLinearAdd")
def qlinear_add_of(source: OnnxSource) -> str:
    """The sum of two real tensors; what onnxruntime's quantizer writes for Add. Inputs as in `QLinearMatMul`."""
    sides = []
    for first in (0, 3):
        scale, zero = (_scalar(source, source.input(first + i)) for i in (1, 2))
        sides.append(source.add(dequantize_linear, source.input(first), scale, zero))
    scale, zero = (_scalar(source, source.input(i)) for i in (6, 7))
    to = source.type(zero).format
    return source.add(quantize_linear, source.add(add, *sides), scale, zero, to=to)


def _attributes(site: OnnxSite) -> dict[str, int]:
    if site.type(1).shape == ():
        return {}
    block = site.attribute("block")
    return {"axis": site.attribute("axis"), **({"block_size": block} if block else {})}


@ONNX_WRITER.of(quantize_linear)
def write_quantize_linear(site: OnnxSite) -> str:
    """Both sides of the quotient are cast to its precision before, where they are not of it."""
    to, precision = site.attribute("to"), site.attribute("precision")
    x, scale = (
        site.input(i) if site.type(i).format == precision else site.cast(site.input(i), precision)
        for i in (0, 1)
    )
    zero = [site.input(2)] if site.input(2) else []
    saturate = {} if site.attribute("saturate") else {"saturate": 0}
    more = {**_attributes(site), **saturate, "output_dtype": FORMATS[to]}
    return site.emit("QuantizeLinear", x, scale, *zero, **more)


@ONNX_WRITER.of(dequantize_linear)
def write_dequantize_linear(site: OnnxSite) -> str:
    """The result is of the type of the scale, which is not rounded to another."""
    scale, to = site.input(1), site.attribute("to")
    form = site.type(1).format
    if form != to and to != "f32":
        raise UnsupportedError(f"ONNX rounds the scales, of {form}, to {to} before they are used")
    scale = scale if form == to else site.cast(scale, to)
    zero = [site.input(2)] if site.input(2) else []
    return site.emit("DequantizeLinear", site.input(0), scale, *zero, **_attributes(site))


def _zeros(site: OnnxSite, flat: bool = False) -> list[str]:
    """Return the zero points that are there; those for rows and columns are vectors there."""
    found = [site.input(2), site.input(3)]
    for i, name in enumerate(found):
        if name and flat and len(site.type(2 + i).shape) == 2:
            found[i] = site.reshaped(name, (site.type(2 + i).size,))
    while found and not found[-1]:
        found.pop()
    return found


@ONNX_WRITER.of(matmul_integer)
def write_matmul_integer(site: OnnxSite) -> str:
    """Both know the same shapes."""
    return site.emit("MatMulInteger", site.input(0), site.input(1), *_zeros(site, flat=True))


@ONNX_WRITER.of(conv_integer)
def write_conv_integer(site: OnnxSite) -> str:
    """Filters are (O, D, *K) there."""
    axes = len(site.type().shape) - 2
    w = site.transposed(site.input(1), channels_first(axes))
    return in_channels_first(
        site,
        "ConvInteger",
        w,
        *_zeros(site),
        group=site.type().shape[-1] // site.type(1).shape[-1],
        strides=list(site.attribute("stride") or (1,) * axes),
        dilations=list(site.attribute("dilation") or (1,) * axes),
        pads=onnx_pads(site.attribute("pad") or (0,) * 2 * axes),
    )
