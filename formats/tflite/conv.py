"""Convolutions in TFLite: padding is SAME or VALID there, and numbers here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import FORMATS, FormatError, Node, QuantParams, TensorType, UnsupportedError
from ...refimpl.conv import Pad, Pair, conv2d, conv2d_transpose, depthwise_conv2d
from .table import TFLITE, TFLITE_WRITER, TfliteOp, TfliteRecord, activation_name, activation_of


def _same(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """TensorFlow's SAME: ceil(size / stride) windows; the odd zero goes last."""
    total = (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size
    return max(total, 0) // 2, max(total, 0) - max(total, 0) // 2


def same_pad(
    shape: tuple[int, ...], kernel: tuple[int, ...], stride: Pair, dilation: Pair = (1, 1)
) -> Pad:
    """Return the numbers of SAME padding of an image (N, H, W, C).

    >>> same_pad((1, 7, 8, 3), (3, 3), (2, 2))
    (1, 1, 0, 1)
    """
    rows = _same(shape[1], kernel[0], stride[0], dilation[0])
    return rows + _same(shape[2], kernel[1], stride[1], dilation[1])


def stride_of(options: Mapping[str, Any]) -> Pair:
    """Return (rows, columns) of the stride."""
    return options["stride_h"], options["stride_w"]


def dilation_of(options: Mapping[str, Any]) -> Pair:
    """Return (rows, columns) of the dilation."""
    return options["dilation_h_factor"], options["dilation_w_factor"]


def pad_of(
    source: TfliteOp,
    position: int,
    kernel: Sequence[int],
    dilation: Pair = (1, 1),
    image: TensorType | None = None,
) -> Pad:
    """Return the padding in numbers of input `position`, or of another `image`.

    SAME with a stride depends on the size, which must therefore be settled by the file.
    """
    options, image = source.options, image or source.type(position)
    stride = stride_of(options)
    if len(image.shape) != 4 or len(kernel) < 2:
        raise FormatError(f"an image of shape {image.shape} and a kernel {kernel} are not 4-D")
    if min(*kernel, *stride, *dilation) < 1:
        raise FormatError(f"kernel {kernel}, stride {stride} and dilation {dilation} are positive")
    if options["padding"] == "VALID":
        return (0, 0, 0, 0)
    for axis in source.workspace.open_axes.get(source.input(position), ()):
        if axis in (1, 2) and stride[axis - 1] > 1:
            raise UnsupportedError(f"SAME padding, stride {stride}, of an image of any size")
    return same_pad(image.shape, tuple(kernel), stride, dilation)


def padding_name(
    pad: Pad, shape: tuple[int, ...], kernel: Sequence[int], stride: Pair, dilation: Pair = (1, 1)
) -> str:
    """Return TFLite's name of the padding, or raise where it has none."""
    if not any(pad):
        return "VALID"
    if pad == same_pad(shape, tuple(kernel), stride, dilation):
        return "SAME"
    raise UnsupportedError(f"padding {pad} of {shape} is neither SAME nor VALID")


def _window_options(
    node: Node, image: TensorType, kernel: Sequence[int], dilated: bool = True
) -> dict[str, Any]:
    """Return stride, padding, activation and dilation of a node as TFLite's options."""
    values = {**node.op.attributes, **node.attributes}
    stride, dilation = values["stride"], values.get("dilation", (1, 1))
    options = {
        "stride_h": stride[0],
        "stride_w": stride[1],
        "padding": padding_name(values["pad"], image.shape, kernel, stride, dilation),
        "fused_activation_function": activation_name(values["activation"]),
    }
    if dilated:
        options |= {"dilation_h_factor": dilation[0], "dilation_w_factor": dilation[1]}
    return options


def input_at(node: Node, position: int) -> str | None:
    """Return the name of an input, None where it is absent."""
    return node.inputs[position] if position < len(node.inputs) else None


def type_at(node: Node, types: Mapping[str, TensorType], position: int) -> TensorType:
    """Return the type of an input that is there."""
    name = node.inputs[position]
    assert name is not None
    return types[name]


def _with_bias(
    node: Node, types: Mapping[str, TensorType], channels: int
) -> tuple[tuple[str | None, ...], dict[str, TensorType]]:
    """Return x, w, b and, as these operators of TFLite want a bias, a zero one where the node has none."""
    x, w = type_at(node, types, 0), type_at(node, types, 1)
    if input_at(node, 2) is not None:
        return tuple(node.inputs[:3]), {}
    if x.quant is None or w.quant is None:
        bias = TensorType.of(np.zeros(channels, np.float32))
    else:
        scale = np.float32(x.quant.scale[0]) * np.array(w.quant.scale, np.float32)
        quant = QuantParams(tuple(scale.tolist()), (0,) * len(scale), 0)
        bias = TensorType.of(np.zeros(channels, np.int32), quant)
    name = f"{node.outputs[0]}/bias"
    return (*node.inputs[:2], name), {name: bias}


@TFLITE.of("CONV_2D")
def conv_2d(source: TfliteOp) -> Node:
    """Filters are OHWI, as here."""
    w, options = source.type(1), source.options
    dilation = dilation_of(options)
    return source.node(
        conv2d,
        stride=stride_of(options),
        pad=pad_of(source, 0, w.shape[1:3], dilation),
        dilation=dilation,
        activation=activation_of(options["fused_activation_function"]),
    )


@TFLITE_WRITER.of(conv2d)
def write_conv2d(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Version 5 knows hybrid filters by channel, 3 int8, 2 dilation; readers take any."""
    x, w = type_at(node, types, 0), type_at(node, types, 1)
    inputs, constants = _with_bias(node, types, w.shape[0])
    options = _window_options(node, x, w.shape[1:3])
    return TfliteRecord("CONV_2D", inputs, options, _version(x, w), constants)


def _version(x: TensorType, w: TensorType) -> int:
    if w.dtype == FORMATS["s8"]:
        return 5 if x.dtype == FORMATS["f32"] else 3
    return 2


@TFLITE.of("DEPTHWISE_CONV_2D")
def depthwise_conv_2d(source: TfliteOp) -> Node:
    """The channel multiplier follows from the shapes; LiteRT does not read the option either."""
    x, w, options = source.type(0), source.type(1), source.options
    dilation = dilation_of(options)
    pad = pad_of(source, 0, w.shape[1:3], dilation)
    return source.node(
        depthwise_conv2d,
        stride=stride_of(options),
        pad=pad,
        dilation=dilation,
        multiplier=w.shape[-1] // max(x.shape[-1], 1),
        activation=activation_of(options["fused_activation_function"]),
    )


@TFLITE_WRITER.of(depthwise_conv2d)
def write_depthwise_conv2d(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """As `write_conv2d`; the channels are the last axis of the filter."""
    x, w = type_at(node, types, 0), type_at(node, types, 1)
    inputs, constants = _with_bias(node, types, w.shape[3])
    options = _window_options(node, x, w.shape[1:3])
    options["depth_multiplier"] = node.attributes.get("multiplier", 1)
    return TfliteRecord("DEPTHWISE_CONV_2D", inputs, options, _version(x, w), constants)


@TFLITE.of("TRANSPOSE_CONV")
def transpose_conv(source: TfliteOp) -> Node:
    """TFLite's inputs are the output's shape, filter, image and perhaps a bias; SAME is that of the output."""
    shape, w = source.type(0), source.type(1)
    image = source.types[source.outputs[0]]
    if shape.value is not None:
        image = image.like(tuple(shape.value.ravel().tolist()))
    inputs = [source.inputs[2], source.inputs[1], source.inputs[0], *source.inputs[3:]]
    return source.node(
        conv2d_transpose,
        inputs,
        stride=stride_of(source.options),
        pad=pad_of(source, 2, w.shape[1:3], image=image),
        activation=activation_of(source.options["fused_activation_function"]),
    )


@TFLITE_WRITER.of(conv2d_transpose)
def write_conv2d_transpose(node: Node, types: Mapping[str, TensorType]) -> TfliteRecord:
    """Reorder the inputs; a bias is optional from version 3 on."""
    w, shape = type_at(node, types, 1), type_at(node, types, 2)
    image = TensorType(tuple(int(v) for v in shape.known()))
    options = _window_options(node, image, w.shape[1:3], dilated=False)
    inputs = (node.inputs[2], node.inputs[1], node.inputs[0], *node.inputs[3:])
    return TfliteRecord("TRANSPOSE_CONV", inputs, options, 3)
