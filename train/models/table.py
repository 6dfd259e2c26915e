"""The networks by name, and what they are put together with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Array, Facet, Graph, Node, Op, TensorType
from ...refimpl.conv import conv2d, depthwise_conv2d
from ...refimpl.matmul import fully_connected
from ...refimpl.pool import max_pool2d
from ...refimpl.reduce import mean
from ...refimpl.softmax import softmax

# builder(seed) -> the network with weights drawn from that seed.
MODELS: Facet[str, Callable[..., Graph]] = Facet("network", "litegold.train.models")

RELU_GAIN = 2.0  # a ReLU keeps half of the energy; He et al., 2015
PLAIN_GAIN = 1.0


def same_pad(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after an axis for ceil(size / stride) windows; an odd zero goes last.

    TensorFlow's SAME, which both TFLite and ONNX files can say.

    >>> same_pad(224, 3, 2)
    (0, 1)
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Layers:
    """A network that grows layer by layer; every method adds one and returns the name of its result.

    Weights are normal with variance gain / fan-in, biases normal with deviation 0.05: activations keep their size.
    What batch normalization would do is taken as folded into the weights.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.random = name, np.random.default_rng(seed)
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.inputs: list[str] = []

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        """Add an input of float32."""
        self.types[name] = TensorType(shape)
        self.inputs.append(name)
        return name

    def constant(self, name: str, value: Array) -> str:
        """Add a constant."""
        self.constants[name] = value
        self.types[name] = TensorType.of(value)
        return name

    def whole(self, name: str, values: Sequence[int]) -> str:
        """Add a constant of int32."""
        return self.constant(name, np.array(values, np.int32))

    def weights(
        self, name: str, shape: tuple[int, ...], fan_in: int, gain: float = RELU_GAIN
    ) -> str:
        """Draw weights."""
        drawn = self.random.standard_normal(shape, np.float32)
        return self.constant(name, drawn * np.float32(math.sqrt(gain / fan_in)))

    def bias(self, name: str, count: int) -> str:
        """Draw a bias."""
        return self.constant(
            name, self.random.standard_normal(count, np.float32) * np.float32(0.05)
        )

    def results(
        self, op: Op[..., Any], name: str, *inputs: str | None, **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node called `name`; its results are called so too, numbered from the second on."""
        types = tuple(None if n is None else self.types[n] for n in inputs)
        out = op.output_types(types, {**op.attributes, **attributes})
        names = tuple(f"{name}.{i}" if i else name for i in range(len(out)))
        self.types |= {n: t.without_value() for n, t in zip(names, out, strict=True)}
        self.nodes.append(Node(op, inputs, names, attributes, name=name))
        return names

    def add(self, op: Op[..., Any], name: str, *inputs: str | None, **attributes: Any) -> str:
        """Add a node and return its first result."""
        return self.results(op, name, *inputs, **attributes)[0]

    def _windows(self, x: str, kernel: int, stride: int, same: bool) -> dict[str, Any]:
        rows, columns = self.types[x].shape[1:3]
        pad = (0, 0)
        pads = [same_pad(n, kernel, stride) if same else pad for n in (rows, columns)]
        return {"stride": (stride, stride), "pad": (*pads[0], *pads[1])}

    def conv(
        self,
        name: str,
        x: str,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        activation: str = "none",
        *,
        same: bool = True,
        gain: float | None = None,
    ) -> str:
        """Add a convolution with as many `filters`; not `same`: it pads nothing."""
        channels = self.types[x].shape[3]
        usual = PLAIN_GAIN if activation == "none" else RELU_GAIN
        shape, fan_in = (filters, kernel, kernel, channels), kernel * kernel * channels
        w = self.weights(f"{name}/filters", shape, fan_in, usual if gain is None else gain)
        b, windows = self.bias(f"{name}/bias", filters), self._windows(x, kernel, stride, same)
        return self.add(conv2d, name, x, w, b, activation=activation, **windows)

    def depthwise(self, name: str, x: str, kernel: int, stride: int, activation: str) -> str:
        """Add a convolution of each channel with its own filter."""
        channels = self.types[x].shape[3]
        w = self.weights(f"{name}/filters", (1, kernel, kernel, channels), kernel * kernel)
        b, windows = self.bias(f"{name}/bias", channels), self._windows(x, kernel, stride, True)
        return self.add(depthwise_conv2d, name, x, w, b, activation=activation, **windows)

    def max_pool(self, name: str, x: str, kernel: int, stride: int, *, same: bool = False) -> str:
        """Add a maximum over windows."""
        windows = self._windows(x, kernel, stride, same)
        return self.add(max_pool2d, name, x, kernel=(kernel, kernel), **windows)

    def pixel_mean(self, name: str, x: str) -> str:
        """Add the mean over all pixels, (N, C)."""
        return self.add(mean, name, x, self.whole(f"{name}/axes", (1, 2)))

    def dense(
        self, name: str, x: str, outputs: int, activation: str = "none", *, keep: bool = False
    ) -> str:
        """Add a fully connected layer; `keep` the axes before the last."""
        inputs = self.types[x].shape[-1]
        gain = PLAIN_GAIN if activation == "none" else RELU_GAIN
        w = self.weights(f"{name}/weights", (outputs, inputs), inputs, gain)
        b = self.bias(f"{name}/bias", outputs)
        return self.add(fully_connected, name, x, w, b, activation=activation, keep_dims=keep)

    def classes(self, x: str, count: int) -> Graph:
        """Add a fully connected layer and a softmax, and return the network."""
        return self.graph(self.add(softmax, "probabilities", self.dense("scores", x, count)))

    def graph(self, *outputs: str) -> Graph:
        """Return the network."""
        types = {name: type.without_value() for name, type in self.types.items()}
        return Graph(
            tuple(self.nodes), tuple(self.inputs), outputs, types, self.constants, name=self.name
        )
