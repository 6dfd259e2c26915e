"""The cases of the roofline: networks of a single node, in the shapes that real networks have.

What is built here goes through the plan like any network, so it does not matter which kernel runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from litegold.ir import FORMATS, Array, Graph, Node, Op, QuantParams, TensorType
from litegold.refimpl.binary import add
from litegold.refimpl.conv import conv2d, depthwise_conv2d
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.pool import max_pool2d
from litegold.refimpl.softmax import softmax


@dataclass(frozen=True)
class Case:
    """A network of one node, and the multiplications with an addition that its definition has.

    `winograd` forces F(m, 3), or plain sums where it is 0; None leaves the choice to the plan.
    """

    name: str
    form: str
    graph: Graph
    products: int
    winograd: int | None = None

    @property
    def bytes(self) -> int:
        """Bytes of what goes in and out, each counted once: weights, inputs, outputs."""
        return sum(t.nbytes for t in self.graph.tensors.values())


def _type(shape: tuple[int, ...], form: str, scale: float) -> TensorType:
    quant = QuantParams((float(np.float32(scale)),), (0,)) if form == "s8" else None
    return TensorType(shape, FORMATS[form], quant)


def _weights(rng: np.random.Generator, shape: tuple[int, ...], form: str) -> Array:
    if form == "s8":
        return rng.integers(-127, 127, shape, np.int8, endpoint=True)
    return (rng.standard_normal(shape) * 0.05).astype(FORMATS[form])


def weighted(
    name: str,
    op: Op[..., Any],
    form: str,
    x: tuple[int, ...],
    w: tuple[int, ...],
    each: int,
    **attributes: Any,
) -> Case:
    """Return a node with weights and a bias; every output is a sum of `each` products."""
    rng = np.random.default_rng(0)
    channels = w[3] if op is depthwise_conv2d else w[0]
    tensors = {"x": _type(x, form, 0.02), "w": _type(w, form, 0.001), "y": _type((), form, 0.05)}
    out = op.output_types((tensors["x"], tensors["w"]), {**op.attributes, **attributes})
    tensors["y"] = _type(out[0].shape, form, 0.05)
    constants = {"w": _weights(rng, w, form)}
    if form == "s8":
        tensors["b"] = TensorType((channels,), FORMATS["s32"], QuantParams((2e-5,), (0,)))
        constants["b"] = np.zeros(channels, np.int32)
    else:
        tensors["b"] = TensorType((channels,), FORMATS[form])
        constants["b"] = _weights(rng, (channels,), form)
    node = Node(op, ("x", "w", "b"), ("y",), {"activation": "relu", **attributes}, name=name)
    graph = Graph((node,), ("x",), ("y",), tensors, constants, name=name)
    return Case(name, form, graph, each * tensors["y"].size)


def gemm(m: int, k: int, n: int, form: str) -> Case:
    """Return a product of matrices, (m, k) and (k, n)."""
    return weighted(f"GEMM {m}x{k}x{n}", fully_connected, form, (m, k), (n, k), k)


def conv(size: int, channels: int, filters: int, kernel: int, stride: int, form: str) -> Case:
    """Return a convolution that pads by half a window."""
    spelled = f"{channels} -> {filters}" if channels != filters else str(channels)
    name = f"conv {kernel}x{kernel}/{stride} {size}^2 x {spelled}"
    shapes = (1, size, size, channels), (filters, kernel, kernel, channels)
    pad, stride2 = (kernel // 2,) * 4, (stride, stride)
    each = kernel * kernel * channels
    return weighted(name, conv2d, form, *shapes, each, pad=pad, stride=stride2)


def way(size: int, channels: int, m: int) -> Case:
    """Return a 3x3 convolution by F(m, 3), or by plain sums where `m` is 0."""
    case = conv(size, channels, channels, 3, 1, "f32")
    return replace(case, name=f"{case.name}, {f'F({m}, 3)' if m else PLAIN}", winograd=m)


def depthwise(size: int, channels: int, kernel: int, stride: int, form: str) -> Case:
    """Return a depthwise convolution that pads by half a window."""
    name = f"depthwise {kernel}x{kernel}/{stride} {size}^2 x {channels}"
    shapes = (1, size, size, channels), (1, kernel, kernel, channels)
    pad, stride2 = (kernel // 2,) * 4, (stride, stride)
    return weighted(name, depthwise_conv2d, form, *shapes, kernel**2, pad=pad, stride=stride2)


def plain(
    name: str, op: Op[..., Any], count: int, shape: tuple[int, ...], **attributes: Any
) -> Case:
    """Return a float32 node without weights, of `count` inputs."""
    names = tuple("xz"[:count])
    tensors = {n: TensorType(shape) for n in names}
    given = tuple(tensors[n] for n in names)
    tensors["y"] = op.output_types(given, {**op.attributes, **attributes})[0]
    graph = Graph(
        (Node(op, names, ("y",), attributes, name=name),), names, ("y",), tensors, name=name
    )
    return Case(name, "f32", graph, 0)


Build = Callable[[], Case]
WAYS: Final = (0, 2, 4, 6)
PLAIN: Final = "plain sums"


def _cases() -> dict[str, list[Build]]:
    """Return the cases by part."""
    parts: dict[str, list[Build]] = {"gemm": [], "conv1x1": [], "conv3x3": [], "depthwise": []}
    for form in ("f32", "s8", "f16"):
        cubes = [(n, n, n) for n in (256, 384, 512, 768, 1024)]
        parts["gemm"] += [partial(gemm, *mkn, form) for mkn in (*cubes, (256, 1024, 512))]
        narrow = ((56, 64), (28, 128), (14, 256), (7, 512))
        parts["conv1x1"] += [partial(conv, s, c, c, 1, 1, form) for s, c in narrow]
        wide = ((112, 16, 96), (56, 144, 24), (14, 96, 576), (7, 960, 160))
        parts["conv1x1"] += [partial(conv, s, c, f, 1, 1, form) for s, c, f in wide]
        parts["conv3x3"] += [partial(conv, s, c, c, 3, 1, form) for s, c in narrow]
        parts["conv3x3"] += [partial(conv, 56, 64, 128, 3, 2, form)]
        parts["conv3x3"] += [
            partial(conv, 224, 3, 32, 3, 2, form),
            partial(conv, 224, 3, 64, 7, 2, form),
        ]
        windows = (
            (112, 96, 3, 2),
            (112, 32, 3, 1),
            (56, 144, 3, 1),
            (14, 576, 3, 1),
            (28, 240, 5, 1),
        )
        parts["depthwise"] += [partial(depthwise, *w, form) for w in windows]
    pool = {"kernel": (3, 3), "stride": (2, 2), "pad": (0, 1, 0, 1)}
    parts["winograd"] = [
        partial(way, s, c, m) for s, c in ((56, 64), (28, 128), (14, 256), (7, 512)) for m in WAYS
    ]
    parts["elementwise"] = [
        partial(plain, "max pool 3x3/2 112^2 x 64", max_pool2d, 1, (1, 112, 112, 64), **pool),
        partial(plain, "add 56^2 x 64", add, 2, (1, 56, 56, 64), activation="relu"),
        partial(plain, "softmax 512 x 512", softmax, 1, (512, 512)),
    ]
    return parts


PARTS = _cases()
