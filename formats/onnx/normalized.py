"""Normalisations read: by our operators where they are the same, by steps where a result is wanted that these keep."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...ir import FormatError
from ...refimpl.binary import add, div, mul, sub
from ...refimpl.cast import cast
from ...refimpl.logic import equal, select
from ...refimpl.norm import layer_norm, local_response_normalization, rms_norm
from ...refimpl.reduce import mean, reduce_sum_abs, reduce_sum_square
from ...refimpl.unary import rsqrt, sqrt
from ...refimpl.window import broadcast_to
from .source import ONNX, OnnxSource


def _axis(source: OnnxSource, x: str, default: int = -1) -> int:
    axis, rank = source.attribute("axis", default), source.rank(x)
    if not -rank <= axis < rank:
        raise FormatError(f"axis {axis} of {rank} axes")
    return axis % rank


def _axes(source: OnnxSource, x: str, axis: int) -> str:
    return source.whole([*range(axis, source.rank(x))])


def _widened(source: OnnxSource, x: str) -> str:
    """Return x in float32, in which statistics are kept."""
    wide = source.type(x).format == "f16" and source.attribute("stash_type", 1) == 1
    return source.add(cast, x, to="f32") if wide else x


def _of_row(source: OnnxSource, given: str, shape: tuple[int, ...]) -> str:
    """Return a scale or a bias in the shape of a normalized row."""
    same = source.type(given).shape == shape
    return given if same else source.add(broadcast_to, given, source.whole(shape))


def _fits(source: OnnxSource, given: str, shape: tuple[int, ...]) -> bool:
    """Whether a scale or a bias is the same for all rows."""
    sizes = source.type(given).shape
    behind = shape[len(shape) - len(sizes) :]
    return len(sizes) <= len(shape) and all(a in (1, b) for a, b in zip(sizes, behind, strict=True))


def _constant_row(source: OnnxSource, x: str, shape: tuple[int, ...], value: float) -> str:
    return source.constant(np.full(shape, value, source.type(x).dtype))


@ONNX.of("LayerNormalization")
def layer_normalization_of(source: OnnxSource) -> tuple[str, ...]:
    """Mean and inverse deviation are found again, where they are wanted."""
    x, scale, bias = source.input(0), source.input(1), source.optional(2)
    axis, epsilon = _axis(source, x), source.attribute("epsilon", 1e-5)
    shape = tuple(source.size(x, a) for a in range(axis, source.rank(x)))
    given = [n for n in (scale, bias) if n is not None]
    if all(_fits(source, n, shape) for n in given):
        rows = [_of_row(source, n, shape) for n in given]
        y = source.add(layer_norm, x, *rows, axis=axis, epsilon=epsilon)
    else:
        ones = _constant_row(source, x, shape, 1)
        y = source.add(mul, source.add(layer_norm, x, ones, axis=axis, epsilon=epsilon), scale)
        y = y if bias is None else source.add(add, y, bias)
    if not any(source.outputs[1:]):
        return (y,)
    wide, axes = _widened(source, x), _axes(source, x, axis)
    middle = source.add(mean, wide, axes, keep_dims=True)
    d = source.add(sub, wide, middle)
    spread = source.add(mean, source.add(mul, d, d), axes, keep_dims=True)
    total = source.add(add, spread, source.scalar(epsilon, spread))
    return y, middle, source.add(rsqrt, total)


@ONNX.of("RMSNormalization")
def rms_normalization_of(source: OnnxSource) -> str:
    """A scale that differs from row to row is a product of its own."""
    x, scale = source.input(0), source.input(1)
    axis, epsilon = _axis(source, x), source.attribute("epsilon", 1e-5)
    shape = tuple(source.size(x, a) for a in range(axis, source.rank(x)))
    if source.type(scale).dtype != source.type(x).dtype:
        x = source.add(cast, x, to=source.type(scale).format)
    if _fits(source, scale, shape):
        return source.add(rms_norm, x, _of_row(source, scale, shape), axis=axis, epsilon=epsilon)
    ones = _constant_row(source, x, shape, 1)
    return source.add(mul, source.add(rms_norm, x, ones, axis=axis, epsilon=epsilon), scale)


@ONNX.of("GroupNormalization")
def group_normalization_of(source: OnnxSource) -> str:
    """Groups are rows; factors belong to channels since version 21, to groups before."""
    x, factor, offset = source.given[:3]
    groups, (batch, channels, *space) = source.attribute("num_groups"), source.shape(x)
    if groups < 1 or channels % groups:
        raise FormatError(f"{groups} groups of {channels} channels")
    row = (channels // groups, math.prod(space))
    ones = _constant_row(source, x, row, 1)
    rows = source.reshaped(x, (batch, groups, *row))
    y = source.add(layer_norm, rows, ones, axis=2, epsilon=source.attribute("epsilon", 1e-5))
    each = (groups, channels // groups, 1) if source.version >= 21 else (groups, 1, 1)
    factor, offset = (source.reshaped(n, each) for n in (factor, offset))
    y = source.add(add, source.add(mul, y, factor), offset)
    return source.reshaped(y, (batch, channels, *space))


@ONNX.of("MeanVarianceNormalization")
def mean_variance_normalization_of(source: OnnxSource) -> str:
    """Differences to the mean over their root mean square and what ONNX adds to that, 10**-9."""
    x = source.input(0)
    axes = source.attributes.get("axes", (0, 2, 3))
    along = source.whole(axes)
    d = source.add(sub, x, source.add(mean, x, along, keep_dims=True))
    spread = source.add(mean, source.add(mul, d, d), along, keep_dims=True)
    deviation = source.add(sqrt, spread)
    return source.add(div, d, source.add(add, deviation, source.scalar(1e-9, x)))


@ONNX.of("LpNormalization")
def lp_normalization_of(source: OnnxSource) -> str:
    """Over the sum of magnitudes or the root of the sum of squares; zeros stay zeros."""
    x, order = source.input(0), source.attribute("p", 2)
    if order not in (1, 2):
        raise FormatError(f"p={order}")
    along = source.whole([_axis(source, x)])
    op = reduce_sum_abs if order == 1 else reduce_sum_square
    length = source.add(op, x, along, keep_dims=True)
    length = length if order == 1 else source.add(sqrt, length)
    zero, one = source.scalar(0, x), source.scalar(1, x)
    length = source.add(select, source.add(equal, length, zero), one, length)
    return source.add(div, x, length)


@ONNX.of("LRN")
def lrn_of(source: OnnxSource) -> str:
    """The channels are second; alpha is shared out among the window."""
    x, size = source.input(0), source.attribute("size")
    if source.rank(x) < 2 or size < 1:
        raise FormatError(f"size {size}, {source.rank(x)} axes")
    order = [a for a in range(source.rank(x)) if a != 1] + [1]
    y = source.add(
        local_response_normalization,
        source.transposed(x, order),
        radius=(size - 1) // 2,
        after=size // 2,
        bias=source.attribute("bias", 1.0),
        alpha=source.attribute("alpha", 1e-4) / size,
        beta=source.attribute("beta", 0.75),
    )
    return source.transposed(y, _inverse(order))


def _inverse(order: Sequence[int]) -> list[int]:
    return [order.index(a) for a in range(len(order))]
