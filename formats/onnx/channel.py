"""Batch and instance normalization, whose channels stand second there, and factors of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ...ir import FormatError
from ...refimpl.binary import add, mul, sub
from ...refimpl.channel import batch_norm, instance_norm, scale
from ...refimpl.conv import conv2d, conv2d_transpose, depthwise_conv2d
from ...refimpl.conv_nd import conv, conv_transpose
from ...refimpl.matmul import fully_connected, matmul
from ...refimpl.reduce import mean
from ...refimpl.shape import reshape, transpose
from .source import ONNX, OnnxSource
from .table import ONNX_WRITER, OnnxSite

# What takes a factor and a summand of its results into its weights.
SUMS: Final = (
    *(conv2d, depthwise_conv2d, conv2d_transpose, conv, conv_transpose),
    *(fully_connected, matmul),
)


def _second(site: OnnxSite) -> tuple[str, list[int], tuple[int, ...]]:
    """Return x with the channels second, the order of the axes that this took, and the sizes in that order."""
    x, shape = site.input(0), site.type().shape
    axis = site.attribute("axis") % len(shape)
    order = [a for a in range(len(shape)) if a != axis]
    order.insert(1, axis)
    moved = x if order == sorted(order) else site.transposed(x, order)
    return moved, order, tuple(shape[a] for a in order)


def _back(site: OnnxSite, y: str, order: Sequence[int]) -> str:
    return y if list(order) == sorted(order) else site.transposed(y, np.argsort(order).tolist())


@ONNX_WRITER.of(batch_norm)
def write_batch_norm(site: OnnxSite) -> str:
    """Write BatchNormalization, with ones and zeros for what is absent; a vector is its own batch."""
    x, order, sizes = _second(site)
    channels, dtype = site.type(1).shape, site.type().dtype
    factor = site.input(3) or site.constant(np.ones(channels), dtype)
    offset = site.input(4) or site.constant(np.zeros(channels), dtype)
    if len(sizes) == 1:
        x, order = site.reshaped(x, (1, *sizes)), [0]
    given = (factor, offset, site.input(1), site.input(2))
    y = site.emit("BatchNormalization", x, *given, epsilon=float(site.attribute("epsilon")))
    return site.reshaped(y, sizes) if len(sizes) == 1 else _back(site, y, order)


@ONNX_WRITER.of(instance_norm)
def write_instance_norm(site: OnnxSite) -> str:
    """Write InstanceNormalization; what has no axes of space gets one of size 1."""
    x, order, sizes = _second(site)
    x = x if len(sizes) > 2 else site.reshaped(x, (*sizes, 1))
    epsilon = float(site.attribute("epsilon"))
    y = site.emit("InstanceNormalization", x, site.input(1), site.input(2), epsilon=epsilon)
    return _back(site, y if len(sizes) > 2 else site.reshaped(y, sizes), order)


@ONNX_WRITER.of(scale)
def write_scale(site: OnnxSite) -> str:
    """Write a product and a sum over factors with ones behind."""
    rank, axis = len(site.type().shape), site.attribute("axis")
    shape = site.type(1).shape
    shape = (*shape, *[1] * (rank - axis % rank - len(shape)))
    y = site.emit("Mul", site.input(0), site.reshaped(site.input(1), shape))
    y = site.emit("Add", y, site.reshaped(site.input(2), shape)) if site.input(2) else y
    return site.clamped(y, site.attribute("activation"))


@ONNX.of("BatchNormalization")
def batch_normalization_of(source: OnnxSource) -> str | tuple[str, ...]:
    """Our operator; behind a sum of products, which takes them in, a factor and a summand for each channel."""
    x, names = source.input(0), source.given[1:5]
    source.require(source.attribute("spatial", 1) == 1, "spatial=0")
    if source.rank(x) < 2 or len({source.type(n).shape for n in names}) != 1:
        raise FormatError("scale, bias, mean and variance differ in size")
    epsilon = source.attribute("epsilon", 1e-5)
    if _trains(source):
        return _in_training(source, x, names, epsilon)
    values = [source.known(n) for n in names]
    if any(v is None for v in values) or not _is_sum(source, x):
        factor, offset, middle, spread = names
        return source.add(batch_norm, x, middle, spread, factor, offset, axis=1, epsilon=epsilon)
    return _folded(source, x, [np.asarray(v, np.float64).ravel() for v in values], epsilon)


def _trains(source: OnnxSource) -> bool:
    """Whether statistics are those of the batch: said by an attribute, or by results that only training has."""
    if source.version >= 14:
        return bool(source.attribute("training_mode", 0))
    if source.version < 7:
        return not source.attribute("is_test", 0)
    return len([n for n in source.outputs if n]) > 1


def _is_sum(source: OnnxSource, x: str) -> bool:
    """Whether a convolution or a matrix product has made `x`, transposed or not."""
    made = source.recent(x)
    while made is not None and made.op in (transpose, reshape, add) and made.inputs[0]:
        if made.op is add and source.known(made.inputs[1]) is None:
            return False
        made = source.recent(made.inputs[0])
    return made is not None and made.op in SUMS


def _folded(source: OnnxSource, x: str, values: list[np.ndarray], epsilon: float) -> str:
    """Multiply and add what is found in float64."""
    factor, offset, middle, spread = values
    with np.errstate(all="ignore"):
        factor = factor / np.sqrt(spread + epsilon)
        offset = offset - middle * factor
    shape, dtype = (-1, *[1] * (source.rank(x) - 2)), source.type(x).dtype
    a, b = (source.constant(v.astype(dtype).reshape(1, *shape)) for v in (factor, offset))
    return source.add(add, source.add(mul, x, a), b)


def _in_training(
    source: OnnxSource, x: str, names: Sequence[str], epsilon: float
) -> tuple[str, ...]:
    """Normalize by the statistics of the batch, of which the running ones take their part; before 14, all are given."""
    factor, offset, *running = names
    rank, momentum = source.rank(x), source.attribute("momentum", 0.9)
    axes = source.whole([a for a in range(rank) if a != 1])
    middle = source.add(mean, x, axes)
    kept = source.add(mean, x, axes, keep_dims=True)
    difference = source.add(sub, x, kept)
    spread = source.add(mean, source.add(mul, difference, difference), axes)
    y = source.add(batch_norm, x, middle, spread, factor, offset, axis=1, epsilon=epsilon)
    old, new = (source.scalar(v, middle) for v in (momentum, 1 - momentum))
    after = [
        source.add(add, source.add(mul, before, old), source.add(mul, now, new))
        for before, now in zip(running, (middle, spread), strict=True)
    ]
    return y, *after, middle, spread


@ONNX.of("InstanceNormalization")
def instance_normalization_of(source: OnnxSource) -> str:
    """The same, with the channels second."""
    x, factor, offset = source.given[:3]
    epsilon = source.attribute("epsilon", 1e-5)
    return source.add(instance_norm, x, factor, offset, axis=1, epsilon=epsilon)
