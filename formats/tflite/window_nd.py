"""Convolutions over three axes, padding with a tensor's own elements, and pooling of squares in TFLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...ir import FORMATS, Array, FormatError, Node, TensorType, UnsupportedError
from ...refimpl.activation import relu, relu6, relu_n1_to_1
from ...refimpl.axes import whole_numbers
from ...refimpl.binary import mul
from ...refimpl.conv_nd import conv, conv_transpose
from ...refimpl.gather import gather
from ...refimpl.pool import avg_pool2d
from ...refimpl.shape import transpose
from ...refimpl.unary import sqrt
from .conv import pad_of, stride_of
from .table import TFLITE, TfliteOp, activation_of

OURS = (4, 0, 1, 2, 3)  # filters (D, H, W, I, O) -> (O, D, H, W, I)
OURS_TRANSPOSED = (3, 0, 1, 2, 4)  # (D, H, W, O, I) -> the same
ACTIVATIONS = {"relu": relu, "relu6": relu6, "relu_n1_to_1": relu_n1_to_1}


def _filters(source: TfliteOp, position: int, order: Sequence[int]) -> tuple[str, list[Node]]:
    """Return the filters in our order of axes: turned now, if they are stored, or by a node."""
    w = source.type(position)
    if len(w.shape) != 5:
        raise FormatError(f"operator {source.name}: filters {w.shape} are not 5-D")
    if w.value is not None:
        return source.constant("filters", w.value.transpose(order)), []
    turned = source.new("filters", replace(w, shape=tuple(w.shape[a] for a in order)))
    perm = source.constant("order", np.array(order, np.int32))
    return turned, [source.node(transpose, (source.input(position), perm), (turned,))]


def _window(source: TfliteOp, image: TensorType, kernel: Sequence[int]) -> dict[str, Any]:
    """Return stride, dilation and padding over an image with three axes."""
    options = source.options
    stride, dilation = (
        tuple(options[name.format(a)] for a in "dhw")
        for name in ("stride_{}", "dilation_{}_factor")
    )
    if len(image.shape) != 5 or min(*stride, *dilation, *kernel) < 1:
        raise FormatError(f"operator {source.name}: {image.shape}, {kernel}, {stride}, {dilation}")
    pad: list[int] = []
    for n, k, s, d in zip(image.shape[1:4], kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        total = total if options["padding"] == "SAME" else 0
        pad += (total // 2, total - total // 2)
    return {"stride": stride, "dilation": dilation, "pad": tuple(pad)}


def _activated(source: TfliteOp, nodes: list[Node]) -> list[Node]:
    """Let the last node's result go through the fused activation, which our operators of three axes have not."""
    name = activation_of(source.options["fused_activation_function"])
    if name == "none":
        return nodes
    before = source.new("sum", source.types[source.outputs[0]])
    last = replace(nodes[-1], outputs=(before,))
    return [*nodes[:-1], last, source.node(ACTIVATIONS[name], (before,))]


def _require_float(source: TfliteOp, position: int) -> None:
    if source.type(position).dtype != FORMATS["f32"]:
        raise UnsupportedError(f"{source.code} of {source.type(position).format}")


@TFLITE.of("CONV_3D")
def conv_3d(source: TfliteOp) -> list[Node]:
    """Filters are (D, H, W, I, O)."""
    _require_float(source, 0)
    x = source.type(0)
    if source.options["padding"] == "SAME" and source.workspace.open_axes.get(source.input(0)):
        raise UnsupportedError("SAME padding of an image of any size")
    w, nodes = _filters(source, 1, OURS)
    window = _window(source, x, source.type(1).shape[:3])
    inputs = (source.input(0), w, source.optional(2))
    return _activated(source, [*nodes, source.node(conv, inputs, **window)])


@TFLITE.of("CONV_3D_TRANSPOSE")
def conv_3d_transpose(source: TfliteOp) -> list[Node]:
    """Inputs are the output's shape, filters (D, H, W, O, I), image and bias; SAME is that of the output."""
    _require_float(source, 2)
    shape = source.type(0)
    if shape.value is None:
        raise UnsupportedError("CONV_3D_TRANSPOSE whose shape only a run gives")
    image = source.type(2).like(tuple(whole_numbers(shape)))
    w, nodes = _filters(source, 1, OURS_TRANSPOSED)
    window = _window(source, image, source.type(1).shape[:3])
    inputs = (source.input(2), w, source.input(0), source.optional(3))
    return _activated(source, [*nodes, source.node(conv_transpose, inputs, **window)])


def mirrored(size: int, before: int, after: int, edge: int) -> Array:
    """Return the elements that an axis shows with padding; `edge` 1: the last one is not repeated.

    >>> mirrored(3, 2, 1, 1).tolist(), mirrored(3, 2, 1, 0).tolist()
    ([2, 1, 0, 1, 2, 1], [1, 0, 0, 1, 2, 2])
    """
    at = np.arange(-before, size + after)
    at = np.where(at < 0, -at - 1 + edge, at)
    return np.where(at >= size, 2 * size - 1 - edge - at, at)


@TFLITE.of("MIRROR_PAD")
def mirror_pad(source: TfliteOp) -> list[Node]:
    """Gather along each axis that grows."""
    x, sides = source.type(0), source.type(1)
    if sides.value is None:
        raise UnsupportedError("MIRROR_PAD whose amounts only a run gives")
    edge = 1 if source.options["mode"] == "REFLECT" else 0
    amounts = sides.value.reshape(-1, 2).tolist()
    if len(amounts) != len(x.shape):
        raise FormatError(f"operator {source.name}: amounts {amounts} for {x.shape}")
    nodes, shape, name = list[Node](), list(x.shape), source.input(0)
    for axis, (before, after) in enumerate(amounts):
        if not (0 <= before <= shape[axis] - edge and 0 <= after <= shape[axis] - edge):
            raise FormatError(f"operator {source.name}: amounts {amounts} for {x.shape}")
        if not before + after:
            continue
        if axis in source.workspace.open_axes.get(source.input(0), ()):
            raise UnsupportedError("MIRROR_PAD along an axis of any size")
        places = mirrored(shape[axis], before, after, edge)
        index = source.constant(f"places{axis}", places.astype(np.int32))
        shape[axis] = len(places)
        grown = source.new(f"axis{axis}", replace(x, shape=tuple(shape), value=None))
        nodes.append(source.node(gather, (name, index), (grown,), axis=axis))
        name = grown
    if not nodes:  # a copy
        index = source.constant("places", np.arange(shape[0], dtype=np.int32))
        nodes.append(source.node(gather, (name, index), axis=0))
    return [*nodes[:-1], replace(nodes[-1], outputs=source.outputs)]


@TFLITE.of("L2_POOL_2D")
def l2_pool_2d(source: TfliteOp) -> list[Node]:
    """The root of the mean of squares."""
    _require_float(source, 0)
    options, x, y = source.options, source.type(0), source.types[source.outputs[0]]
    kernel = (options["filter_height"], options["filter_width"])
    window = {"kernel": kernel, "stride": stride_of(options), "pad": pad_of(source, 0, kernel)}
    squares, means = source.new("squares", x), source.new("means", y)
    return _activated(
        source,
        [
            source.node(mul, (source.input(0), source.input(0)), (squares,)),
            source.node(avg_pool2d, (squares,), (means,), **window),
            source.node(sqrt, (means,)),
        ],
    )
