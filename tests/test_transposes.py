"""Transpositions that move behind other nodes until they meet their opposites."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.ir import Array, Graph, Node, Op, TensorType
from litegold.passes.cancel_transposes import cancel_transposes
from litegold.refimpl.binary import add
from litegold.refimpl.reduce import sum as total
from litegold.refimpl.shape import expand_dims, squeeze, transpose
from litegold.refimpl.unary import neg
from litegold.runtime import interpret

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@st.composite
def turned(draw: st.DrawFn) -> Graph:
    """Draw a chain of nodes that move axes, insert and drop some, reduce, and compute."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    nodes, constants = [], dict[str, Array]()
    tensors = {"t0": TensorType(tuple(shape))}

    def node(op: Op[..., Any], sizes: list[int], second: Array | None = None, **said: Any) -> None:
        i = len(nodes)
        names = [f"t{i}"]
        if second is not None:
            constants[f"c{i}"] = second
            names.append(f"c{i}")
        nodes.append(Node(op, tuple(names), (f"t{i + 1}",), said))
        tensors[f"t{i + 1}"] = TensorType(tuple(sizes))

    for _ in range(draw(st.integers(2, 7))):
        kind = draw(st.sampled_from(["turn", "turn", "expand", "squeeze", "add", "sum"]))
        ones = [a for a, n in enumerate(shape) if n == 1]
        if kind == "turn":
            perm = draw(st.permutations(range(len(shape))))
            shape = [shape[a] for a in perm]
            node(transpose, shape, np.array(perm, np.int32))
        elif kind == "expand" and len(shape) < 6:
            at = draw(st.integers(-len(shape) - 1, len(shape)))
            shape = [*shape]
            shape.insert(at % (len(shape) + 1), 1)
            node(expand_dims, shape, np.array(at, np.int32))
        elif kind == "squeeze" and ones and len(shape) > 1:
            gone = draw(
                st.lists(st.sampled_from(ones), min_size=1, max_size=len(shape) - 1, unique=True)
            )
            rank, shape = len(shape), [n for a, n in enumerate(shape) if a not in gone]
            node(squeeze, shape, axes=tuple(a - rank * draw(st.booleans()) for a in gone))
        elif kind == "add":
            node(add, shape, np.arange(shape[-1], dtype=np.float32))
        elif kind == "sum" and len(shape) > 1:
            axis, keep = draw(st.integers(0, len(shape) - 1)), draw(st.booleans())
            shape = [n if a != axis else 1 for a, n in enumerate(shape) if a != axis or keep]
            node(total, shape, np.array([axis], np.int32), keep_dims=keep)
    nodes = nodes or [Node(neg, ("t0",), ("t1",))]
    tensors.setdefault("t1", tensors["t0"])
    tensors |= {n: TensorType.of(v).without_value() for n, v in constants.items()}
    return Graph(tuple(nodes), ("t0",), (f"t{len(nodes)}",), tensors, constants)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(turned(), st.integers(0, 9))
def test_transpositions_move_behind_everything_that_has_a_rule(graph: Graph, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-9, 9, graph.tensors["t0"].shape).astype(np.float32)
    after, last = cancel_transposes(graph), graph.outputs[0]
    before, now = interpret(graph, {"t0": x})[last], interpret(after, {"t0": x})[last]
    assert now.shape == before.shape and now.tobytes() == before.tobytes()
    assert [n.op for n in after.nodes].count(transpose) <= 1
