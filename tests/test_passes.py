"""Passes change no bit of what a network means, and the plan of what they leave is inside the envelopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from litegold.conformance.check import check
from litegold.conformance.layers import judge_layers
from litegold.conformance.strategies.chains import chains
from litegold.face import Network
from litegold.ir import Array, Graph, Node, RunError, TensorType
from litegold.passes import rewrite
from litegold.passes.chain import read_chain
from litegold.passes.fold_constants import fold_constants
from litegold.refimpl.activation import relu, tanh
from litegold.refimpl.binary import add, div, mul, sub
from litegold.refimpl.conv import conv2d
from litegold.refimpl.fused import fused
from litegold.refimpl.join import concat
from litegold.refimpl.window import pad
from litegold.runtime import Session, interpret
from litegold.runtime.session import folding

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
Made = tuple[Graph, dict[str, Array]]


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(chains())
def test_passes_change_no_bit_of_the_reference(made: Made) -> None:
    graph, feeds = made
    before, after = interpret(graph, feeds), rewrite(graph, folding(graph))
    values = interpret(after, feeds)
    assert set(graph.outputs) <= values.keys() and len(after.nodes) <= len(graph.nodes)
    for name, value in values.items():
        if name in before:
            assert value.tobytes() == before[name].tobytes(), name
    assert rewrite(after, folding(after)).nodes == after.nodes


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(chains())
def test_plans_of_chains_stay_inside_the_envelope(made: Made) -> None:
    graph, feeds = made
    runs = []
    for threads in (1, 2):
        watched = Session(graph, threads, reuse=False, split_from=0)
        seen = watched.run_all(feeds)
        layers = judge_layers(watched.planned, seen, watched.algorithms(feeds))
        wrong = [x for x in layers if not x.verdict]
        assert not wrong, f"{wrong[0].node}: {wrong[0].verdict.reason}"
        usual = Session(graph, threads, split_from=0).run(feeds)
        assert all(usual[n].tobytes() == seen[n].tobytes() for n in graph.outputs)
        runs.append(usual)
    assert all(runs[0][n].tobytes() == runs[1][n].tobytes() for n in graph.outputs)


def network(*nodes: Node, size: int = 6, channels: int = 16, **constants: Array) -> Graph:
    """Nodes on images `x`, of which the last gives the output."""
    tensors = {"x": TensorType((1, size, size, channels))}
    tensors |= {n: TensorType.of(v).without_value() for n, v in constants.items()}
    for node in nodes:
        known = {n: TensorType.of(v) for n, v in constants.items()}
        types = tuple({**tensors, **known}[n] for n in node.inputs)
        (out,) = node.op.output_types(types, {**node.op.attributes, **node.attributes})
        tensors[node.outputs[0]] = out
    return Graph(nodes, ("x",), nodes[-1].outputs, tensors, constants)


RNG = np.random.default_rng(5)
W3, W1 = (RNG.standard_normal((16, k, k, 16)).astype(np.float32) for k in (3, 1))
C = RNG.standard_normal(16).astype(np.float32)
SAME = {"pad": (1, 1, 1, 1)}


def test_a_residual_block_is_two_nodes() -> None:
    graph = network(
        Node(conv2d, ("x", "w3"), ("a",), SAME, "first"),
        Node(mul, ("a", "c"), ("b",)),
        Node(add, ("c", "b"), ("d",)),
        Node(relu, ("d",), ("e",)),
        Node(conv2d, ("e", "w3"), ("f",), SAME, "second"),
        Node(add, ("x", "f"), ("g",)),
        Node(relu, ("g",), ("y",)),
        w3=W3,
        c=C,
    )
    made = rewrite(graph)
    assert [n.op for n in made.nodes] == [fused, fused]
    first, second = (read_chain(n.attributes["body"], graph.constants) for n in made.nodes)
    assert first and second
    assert [(n.op, other) for n, other in first.factors] == [(mul, "c"), (add, "c")]
    assert (first.residual, second.residual) == (None, "x")
    assert first.activation == second.activation == "relu"


def test_the_later_of_two_products_takes_the_other_in() -> None:
    graph = network(
        Node(conv2d, ("x", "w1"), ("short",)),
        Node(conv2d, ("x", "w3"), ("a",), SAME),
        Node(add, ("short", "a"), ("y",)),
        w1=W1,
        w3=W3,
    )
    plain, joined = rewrite(graph).nodes
    assert plain.outputs == ("short",) and joined.attributes["body"].nodes[0].inputs[1] == "w3"


@pytest.mark.parametrize(
    ("after", "outputs"),
    [
        ((Node(relu, ("a",), ("y",)), Node(tanh, ("a",), ("z",))), ("y", "z")),  # read twice
        ((Node(relu, ("a",), ("y",)),), ("a", "y")),  # an output itself
        ((Node(tanh, ("a",), ("y",)),), ("y",)),  # no clamp
        ((Node(mul, ("a", "a"), ("y",)),), ("y",)),  # no constant
        ((Node(sub, ("x", "a"), ("y",)),), ("y",)),  # from another tensor
    ],
)
def test_what_is_seen_from_elsewhere_stays(after: tuple[Node, ...], outputs: tuple[str]) -> None:
    graph = network(Node(conv2d, ("x", "w3"), ("a",), SAME), *after, w3=W3)
    graph = replace(graph, outputs=outputs)
    assert rewrite(graph).nodes == graph.nodes


def padded(value: float, weights: Array, edges: list[list[int]]) -> Graph:
    return network(
        Node(pad, ("x", "edges", "value"), ("a",)),
        Node(conv2d, ("a", "w"), ("y",), SAME),
        edges=np.array(edges, np.int32),
        value=np.array([value], np.float32),
        w=weights,
    )


ROUND = [[0, 0], [1, 1], [0, 1], [0, 0]]


def test_padding_moves_into_the_convolution() -> None:
    (node,) = rewrite(padded(0.0, W3, ROUND)).nodes
    assert node.inputs[0] == "x" and node.attributes["pad"] == (2, 2, 1, 2)


@pytest.mark.parametrize(
    "graph",
    [
        padded(1.0, W3, ROUND),
        padded(0.0, np.full_like(W3, np.inf), ROUND),
        padded(0.0, W3, [[0, 0], [4, 0], [0, 0], [0, 0]]),
    ],
    ids=["not zero", "weights that make NaN of zeros", "whole windows of padding"],
)
def test_padding_that_adds_something_stays(graph: Graph) -> None:
    assert rewrite(graph).nodes == graph.nodes


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e-40, 3e38])
def test_numbers_that_cannot_be_folded_are_not(bad: float) -> None:
    """The chain is run node by node, and gives what it gave before."""
    graph = network(
        Node(conv2d, ("x", "w1"), ("a",)),
        Node(mul, ("a", "c"), ("y",)),
        w1=W1,
        c=np.full(16, bad, np.float32),
    )
    x = {"x": RNG.standard_normal((1, 6, 6, 16)).astype(np.float32)}
    session = Session(graph)
    assert [n.op for n in session.planned.nodes] == [fused]
    (joined,), (plain,) = session.run(x).values(), Session(graph, fuse=False).run(x).values()
    assert joined.tobytes() == plain.tobytes()
    assert [s.step.kernel.__name__ for s in session.plan(x).steps][-1] == "f32_mul"


def test_scales_cost_no_kernel_call() -> None:
    graph = network(
        Node(conv2d, ("x", "w1"), ("a",)),
        Node(mul, ("a", "c"), ("b",)),
        Node(sub, ("b", "c"), ("y",)),
        w1=W1,
        c=C,
    )
    plan = Session(graph).plan_for({"x": graph.tensors["x"]})
    assert [s.step.kernel.__name__ for s in plan.steps] == ["f32_product"]


def test_constants_are_folded_but_not_what_fails() -> None:
    graph = network(
        Node(mul, ("c", "c"), ("squares",)),
        Node(div, ("c", "zeros"), ("nothing",)),
        Node(add, ("x", "squares"), ("y",)),
        c=C,
        zeros=np.zeros(16, np.float32),
    )

    def run(node: Node, types: object, args: Sequence[Array | None]) -> tuple[Array, ...]:
        if node.op is div:
            raise RunError("the divisor is zero")
        return (node.op(*args),)

    made = fold_constants(graph, run)
    assert [n.outputs for n in made.nodes] == [("nothing",), ("y",)]
    np.testing.assert_array_equal(made.constants["squares"], C * C)
    assert "squares" not in graph.constants


def test_a_network_is_left_as_it_was() -> None:
    graph = padded(0.0, W3, ROUND)
    net = Network(graph)
    net.run({"x": np.ones((1, 6, 6, 16), np.float32)})
    assert net.graph is graph and len(graph.nodes) == 2
    assert check(graph, runs=1).ok and check(graph, runs=1, fuse=False).ok
    assert len(check(graph, runs=1, fuse=False).rows) == 2


def test_convolutions_write_beside_each_other() -> None:
    graph = network(
        Node(conv2d, ("x", "w1"), ("a",), {"activation": "relu"}),
        Node(conv2d, ("x", "w3"), ("b",), SAME),
        Node(concat, ("a", "x", "b"), ("y",), {"axis": 3}),
        w1=W1,
        w3=W3,
    )
    session = Session(graph)
    (node,) = session.planned.nodes
    assert node.inputs == ("x", "w1", "w3")
    plan = session.plan_for({"x": graph.tensors["x"]})
    kernels = [s.step.kernel.__name__ for s in plan.steps]
    assert len(kernels) == 3 and kernels.index("u32_copy_elements") == 1
    assert plan.types["y"].shape == (1, 6, 6, 48) and check(graph, runs=1).ok
