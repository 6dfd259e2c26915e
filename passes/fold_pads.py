"""Let convolutions pad for themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ir import Array, Graph, Node
from ..refimpl.conv import conv2d, depthwise_conv2d
from ..refimpl.window import pad
from .dataflow import kept, readers_of, type_of, with_nodes


def fold_pads(graph: Graph) -> Graph:
    """Return the graph with the edges of `pad` nodes in the `pad` attribute of the convolutions that read them.

    That is so where the edges are rows and columns of what stands for zero, and the weights are known and finite:
    then they add nothing to a sum, and no bit changes. A `pad` that nothing else reads goes.
    """
    readers, changed = readers_of(graph), dict[int, Node | None]()
    place = {id(node): i for i, node in enumerate(graph.nodes)}
    for i, node in enumerate(graph.nodes):
        if node.op is not pad:
            continue
        edges = _edges(graph, node)
        after = readers.get(node.outputs[0], [])
        if edges is None or node.outputs[0] in kept(graph) or not after:
            continue
        merged = [_padded(graph, reader, node, edges) for reader in after]
        if all(m is not None for m in merged):
            changed[i] = None
            changed.update((place[id(r)], m) for r, m in zip(after, merged, strict=True))
    return with_nodes(graph, changed)


def _edges(graph: Graph, node: Node) -> tuple[int, int, int, int] | None:
    """Return (top, bottom, left, right) of zeros that a `pad` node puts around images."""
    x, paddings = node.inputs[0], graph.constants.get(node.inputs[1] or "")
    assert x is not None
    source, result = type_of(graph, x), type_of(graph, node.outputs[0])
    if paddings is None or paddings.shape != (4, 2) or source is None or result is None:
        return None
    if (source.format, source.quant) != (result.format, result.quant):
        return None
    if source.format not in ("f32", "f16") and (source.quant is None or source.quant.per_channel):
        return None
    zero = 0 if source.quant is None else source.quant.zero_point[0]
    value = _value(graph, node, zero)
    if value != zero or paddings[[0, 3]].any() or (paddings < 0).any():
        return None
    (top, bottom), (left, right) = paddings[1].tolist(), paddings[2].tolist()
    return top, bottom, left, right


def _value(graph: Graph, node: Node, zero: int) -> float | None:
    """Return what a `pad` node puts around its input; None where it is not known, or a negative zero."""
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return zero
    value: Array | None = graph.constants.get(node.inputs[2])
    if value is None or value.size != 1 or (value == 0 and np.signbit(value).any()):
        return None
    return float(value.ravel()[0])


def _padded(
    graph: Graph, node: Node, before: Node, edges: tuple[int, int, int, int]
) -> Node | None:
    """Return a convolution that reads what `before` pads and pads it itself."""
    padded = before.outputs[0]
    w = graph.constants.get(node.inputs[1] or "") if len(node.inputs) > 1 else None
    if node.op not in (conv2d, depthwise_conv2d) or node.inputs[0] != padded or w is None:
        return None
    if padded in node.inputs[1:] or w.ndim != 4 or not np.isfinite(w).all():
        return None
    attributes = {**node.op.attributes, **node.attributes}
    total = tuple(a + b for a, b in zip(attributes["pad"], edges, strict=True))
    (ky, kx), (dy, dx) = w.shape[1:3], attributes["dilation"]
    rows, columns = (ky - 1) * dy, (kx - 1) * dx
    if max(total[:2]) > rows or max(total[2:]) > columns:
        return None  # whole windows of padding
    return replace(
        node,
        inputs=(before.inputs[0], *node.inputs[1:]),
        attributes={**node.attributes, "pad": total},
    )
