"""Chains that passes join: node by node, and with the factor moved into the weights."""

from __future__ import annotations

import numpy as np

from ...ir import Graph, Node, TensorType
from ...refimpl.binary import add as add_op
from ...refimpl.binary import mul
from ...refimpl.fused import fused
from ...refimpl.matmul import fully_connected
from ..case import Case
from ..orders import InOrder
from ..tables import ORDERED
from .drawn import F32, Drawn, Numbers, Rng, dense


def body(x: F32, w: F32, b: F32) -> Graph:
    """Return relu((x w' + b) factor + summand + residual), names in this order."""
    y = (x.shape[0], w.shape[0])
    shapes = {"x": x.shape, "w": w.shape, "b": b.shape, "factor": b.shape, "summand": b.shape}
    shapes |= {"residual": y, "product": y, "scaled": y, "shifted": y, "y": y}
    nodes = (
        Node(fully_connected, ("x", "w", "b"), ("product",), {}),
        Node(mul, ("product", "factor"), ("scaled",), {}),
        Node(add_op, ("scaled", "summand"), ("shifted",), {}),
        Node(add_op, ("shifted", "residual"), ("y",), {"activation": "relu"}),
    )
    types = {name: TensorType(shape, np.dtype(np.float32)) for name, shape in shapes.items()}
    return Graph(nodes, ("x", "w", "b", "factor", "summand", "residual"), ("y",), types)


@ORDERED.of((fused, "fully_connected"))
def of_chain(rng: Rng, rows: int, terms: int, draw: Numbers) -> Drawn:
    """A product whose channels have a factor and a summand, to which a tensor is added."""
    x, w, b = draw(rng, rows // 8 + 1, terms), draw(rng, 8, terms), draw(rng, 8)
    factor, summand, residual = draw(rng, 8), draw(rng, 8), draw(rng, len(x), 8)
    folded = bool(rng.integers(2))

    def compute(add: InOrder) -> F32:
        if not folded:
            y = (dense(add, x, w) + b) * factor + summand + residual
        else:
            y = dense(add, x, w * factor[:, None]) + (b * factor + summand) + residual
        return np.maximum(y, np.float32(0))

    case = Case(fused, (x, w, b, factor, summand, residual), {"body": body(x, w, b)})
    return Drawn(case, compute)
