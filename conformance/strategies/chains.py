"""Small networks with what passes look for: products, numbers a channel, residuals, activations, pads, constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, Graph, Node, Op, TensorType
from ...refimpl.activation import relu, relu6, relu_n1_to_1, tanh
from ...refimpl.binary import add, mul, sub
from ...refimpl.conv import conv2d, depthwise_conv2d
from ...refimpl.join import concat
from ...refimpl.matmul import fully_connected
from ...refimpl.pool import max_pool2d
from ...refimpl.shape import reshape
from ...refimpl.window import pad
from .draw import FINITE, fill_floats, seeds

CHANNELS = (1, 3, 8, 17)
LINKS = (*("factor", "residual", "activation", "conv") * 2, "depthwise", "pool", "pad", "fire")


class _Network:
    """A network in the making: its nodes, and constants whose values follow from a seed."""

    def __init__(self, shape: tuple[int, ...], seed: int, kind: str) -> None:
        self.nodes: list[Node] = []
        self.tensors = {"x": TensorType(shape)}
        self.constants: dict[str, Array] = {}
        self.seed, self.kind = seed, kind

    def constant(self, *shape: int) -> str:
        return self.known(fill_floats(shape, self.kind, self.seed + len(self.constants)))

    def known(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name], self.tensors[name] = value, TensorType.of(value).without_value()
        return name

    def node(self, op: Op[..., Any], *inputs: str | None, **attributes: Any) -> str:
        types = tuple(None if n is None else self._type(n) for n in inputs)
        (out,) = op.output_types(types, {**op.attributes, **attributes})
        name = f"t{len(self.nodes)}"
        self.nodes.append(Node(op, inputs, (name,), attributes, name))
        self.tensors[name] = out
        return name

    def _type(self, name: str) -> TensorType:
        value = self.constants.get(name)
        return self.tensors[name] if value is None else TensorType.of(value)

    def others_like(self, name: str) -> list[str]:
        """Return the other tensors of the same shape that are no constants."""
        alike = (n for n, t in self.tensors.items() if t.shape == self.tensors[name].shape)
        return [n for n in alike if n not in self.constants and n != name]


def _link(draw: st.DrawFn, net: _Network, x: str, kind: str) -> str:
    """Add what comes after `x`; return the tensor that it makes."""
    c = net.tensors[x].shape[-1]
    if kind == "factor":
        pair = (x, net.constant(*draw(st.sampled_from(((c,), (1, 1, 1, c), ())))))
        op = draw(st.sampled_from((mul, add, sub)))
        return net.node(op, *(pair if draw(st.booleans()) else pair[::-1]))
    if kind == "residual" and net.others_like(x):
        return net.node(add, *draw(st.permutations((x, draw(st.sampled_from(net.others_like(x)))))))
    if kind == "conv":
        filters, size = draw(st.sampled_from((c, *CHANNELS))), draw(st.sampled_from((1, 3)))
        bias = net.constant(filters) if draw(st.booleans()) else None
        w = net.constant(filters, size, size, c)
        return net.node(conv2d, x, w, bias, pad=(size // 2,) * 4)
    if kind == "depthwise":
        return net.node(depthwise_conv2d, x, net.constant(1, 3, 3, c), None, pad=(1,) * 4)
    if kind == "pool":
        return net.node(max_pool2d, x, kernel=(3, 3), stride=(1, 1), pad=(1,) * 4)
    if kind == "fire":
        parts = [x, *(_link(draw, net, x, "conv") for _ in range(draw(st.integers(1, 2))))]
        return net.node(concat, *draw(st.permutations(parts)), axis=draw(st.sampled_from((-1, 3))))
    if kind == "pad":
        edges = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
        padded = net.node(pad, x, net.known(edges))
        return net.node(conv2d, padded, net.constant(c, 3, 3, c), None)
    return net.node(draw(st.sampled_from((relu, relu6, relu_n1_to_1, tanh))), x)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Graph, dict[str, Array]]:
    """A network and its input. Some tensors are outputs as well, or read twice, so that not all can be joined."""
    kind, seed = draw(st.sampled_from(FINITE)), draw(seeds()) % 2**20
    sizes = [draw(st.integers(1, most)) for most in (2, 6, 6)]
    net = _Network((*sizes, draw(st.sampled_from(CHANNELS))), seed, kind)
    w = net.constant(draw(st.sampled_from(CHANNELS)), 1, 1, net.tensors["x"].shape[3])
    x = net.node(conv2d, "x", w, None)
    for link in draw(st.lists(st.sampled_from(LINKS), min_size=1, max_size=7)):
        x = _link(draw, net, x, link)
    if draw(st.booleans()):
        rows, columns = sizes[0], net.tensors[x].size // sizes[0]
        x = net.node(reshape, x, net.known(np.array([rows, columns], np.int32)))
        x = net.node(fully_connected, x, net.constant(5, columns), None)
        x = net.node(add, x, net.constant(5))
    others = [n.outputs[0] for n in net.nodes[:-1]]
    more = draw(st.lists(st.sampled_from(others), max_size=2)) if others else []
    outputs = tuple(dict.fromkeys((x, *more)))
    graph = Graph(tuple(net.nodes), ("x",), outputs, net.tensors, net.constants, name="chain")
    return graph, {"x": fill_floats(net.tensors["x"].shape, kind, seed + 2**20)}
