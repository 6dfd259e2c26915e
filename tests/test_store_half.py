"""float32 networks stored in float16: what becomes of them, and that plans run them within the bounds."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from litegold.conformance.check import check
from litegold.conformance.layers import judge_layers
from litegold.conformance.strategies.chains import chains
from litegold.ir import FORMATS, Graph, Node, TensorType
from litegold.passes import rewrite
from litegold.passes.store_half import store_half
from litegold.refimpl.activation import relu
from litegold.refimpl.binary import add, mul
from litegold.refimpl.cast import cast
from litegold.refimpl.conv import conv2d, depthwise_conv2d
from litegold.refimpl.fused import fused
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.shape import shape
from litegold.refimpl.softmax import softmax
from litegold.runtime import Session, interpret
from litegold.runtime.session import folding

F16 = FORMATS["f16"]


def network(scale=1.0):
    """Return two convolutions, a residual, a layer of numbers that are not floats, and a softmax."""
    rng = np.random.default_rng(0)

    def drawn(*sizes):
        return (rng.standard_normal(sizes) / np.sqrt(sizes[-1])).astype(np.float32)

    constants = {
        "w1": drawn(8, 1, 1, 6), "b1": drawn(8) * np.float32(scale), "w2": drawn(1, 3, 3, 8),
        "w3": drawn(5, 7 * 7 * 8),
    }  # fmt: skip
    nodes = (
        Node(conv2d, ("x", "w1", "b1"), ("a",), {"activation": "relu6"}),
        Node(depthwise_conv2d, ("a", "w2"), ("b",), {"pad": (1, 1, 1, 1)}),
        Node(add, ("a", "b"), ("c",)),
        Node(shape, ("c",), ("sizes",), {"to": "s32"}),
        Node(relu, ("c",), ("d",)),
        Node(fully_connected, ("d", "w3"), ("e",)),
        Node(softmax, ("e",), ("y",)),
    )
    wide = {n: TensorType((1, 7, 7, 8)) for n in "abcd"}
    tensors = {
        **wide, "x": TensorType((1, 7, 7, 6)), "e": TensorType((1, 5)), "y": TensorType((1, 5)),
        "sizes": TensorType((4,), FORMATS["s32"]),
        **{n: TensorType.of(v).without_value() for n, v in constants.items()},
    }  # fmt: skip
    named = tuple(Node(n.op, n.inputs, n.outputs, n.attributes, n.outputs[0]) for n in nodes)
    return Graph(named, ("x",), ("y", "sizes", "c"), tensors, constants)


def feeds(graph):
    return {"x": np.random.default_rng(1).standard_normal((1, 7, 7, 6)).astype(np.float32)}


def test_arithmetic_is_on_halves_and_the_ends_are_not():
    graph = store_half(network())
    assert [n.op.__name__ for n in graph.nodes] == [
        "cast", "conv2d", "depthwise_conv2d", "add", "shape", "relu", "fully_connected", "softmax",
        "cast", "cast",
    ]  # fmt: skip
    assert {v.dtype for v in graph.constants.values()} == {F16}
    assert [graph.tensors[n].format for n in (*graph.inputs, *graph.outputs)] == [
        "f32", "f32", "s32", "f32",
    ]  # fmt: skip
    values = interpret(graph, feeds(graph))
    want = interpret(network(), feeds(graph))
    assert np.abs(values["y"] - want["y"]).max() < 2.0**-8


@pytest.mark.parametrize("threads", [1, 2])
def test_plans_run_it_within_the_bounds(threads):
    graph = store_half(network())
    session = Session(graph, threads, reuse=False, split_from=0)
    seen = session.run_all(feeds(graph))
    layers = list(judge_layers(session.planned, seen, session.algorithms(feeds(graph))))
    assert len(layers) == len(session.planned.nodes)
    assert not [layer for layer in layers if not layer.verdict]


def test_check_takes_it():
    assert check(store_half(network()), feeds(None)).ok


def test_a_constant_that_no_half_holds_keeps_its_node_in_float32():
    graph = store_half(network(scale=1e6))
    first = next(n for n in graph.nodes if n.op is conv2d)
    assert first.inputs == ("x", "w1", "b1")
    assert graph.constants["b1"].dtype == np.float32
    assert np.isfinite(interpret(graph, feeds(graph))["y"]).all()


def test_what_reads_a_constant_in_both_formats_finds_both():
    w = np.float32([1, 2, 3])
    nodes = (
        Node(mul, ("x", "w"), ("a",), {}, "a"),
        Node(cast, ("w",), ("i",), {"to": "s32"}, "i"),
        Node(mul, ("a", "a"), ("y",), {}, "y"),
    )
    tensors = {n: TensorType((3,)) for n in "xwayz"} | {"i": TensorType((3,), FORMATS["s32"])}
    graph = store_half(Graph(nodes, ("x",), ("y", "i"), tensors, {"w": w}))
    values = interpret(graph, {"x": np.float32([1, 1, 0.1])})
    assert values["i"].tolist() == [1, 2, 3]
    third = np.float16(np.float16(0.1) * np.float16(3))
    assert values["y"].tolist() == [1.0, 4.0, float(np.float16(third * third))]


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(chains())
def test_passes_join_chains_of_halves(made):
    """As those of float32: no bit of the reference changes, and plans stay inside of the bounds."""
    graph, given_feeds = store_half(made[0]), made[1]
    before, after = interpret(graph, given_feeds), rewrite(graph, folding(graph))
    for name, value in interpret(after, given_feeds).items():
        assert name not in before or value.tobytes() == before[name].tobytes(), name
    runs = []
    for threads in (1, 2):
        session = Session(graph, threads, reuse=False, split_from=0)
        seen = session.run_all(given_feeds)
        wrong = [x for x in judge_layers(session.planned, seen) if not x.verdict]
        assert not wrong, f"{wrong[0].node}: {wrong[0].verdict.reason}"
        runs.append(seen)
    assert all(runs[0][n].tobytes() == runs[1][n].tobytes() for n in graph.outputs)


def test_a_residual_joins_its_convolution():
    rng = np.random.default_rng(2)
    w = rng.standard_normal((24, 1, 1, 24)).astype(np.float32)
    nodes = (
        Node(conv2d, ("x", "w"), ("a",), {}, "first"),
        Node(conv2d, ("a", "w"), ("b",), {}, "second"),
        Node(add, ("b", "a"), ("c",), {}, "sum"),
        Node(relu, ("c",), ("y",), {}, "end"),
    )
    tensors = {n: TensorType((1, 9, 5, 24)) for n in "xabcy"}
    tensors["w"] = TensorType.of(w).without_value()
    graph = store_half(Graph(nodes, ("x",), ("y",), tensors, {"w": w}))
    session = Session(graph, reuse=False)
    x = {"x": rng.standard_normal((1, 9, 5, 24)).astype(np.float32)}
    steps = [s.step.kernel.__name__ for s in session.plan(x).steps]
    assert steps == ["half_narrow", "half_product", "half_product", "half_widen"]
    assert session.planned.nodes[2].op is fused
    seen = session.run_all(x)
    assert all(layer.verdict for layer in judge_layers(session.planned, seen))
