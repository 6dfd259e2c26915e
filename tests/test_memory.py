"""What shares memory in a plan, and what may not."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.ir import Array, Graph, Node, State, TensorType
from litegold.refimpl.binary import mul
from litegold.refimpl.conv import conv2d
from litegold.refimpl.shape import expand_dims, reshape, squeeze, transpose
from litegold.refimpl.unary import neg, square
from litegold.runtime import Session, interpret
from litegold.runtime.bound import Bound

SAYING_AGAIN = (reshape, squeeze, expand_dims, transpose)
CALM = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@st.composite
def shapings(draw: st.DrawFn) -> tuple[Graph, dict[str, Array]]:
    """Programs of negations and of what only says a tensor again, with any tensors as outputs; some carry a state."""
    n = draw(st.sampled_from((6, 6000)))  # copied in and out, or used where the caller has it
    tensors = {"x": TensorType((1, n))}
    constants = {
        "shape": np.array([n, 1], np.int32),
        "axis": np.array(0, np.int32),
        "perm": np.array([1, 0], np.int32),
    }
    tensors |= {name: TensorType.of(v).without_value() for name, v in constants.items()}
    nodes = list[Node]()
    for i in range(draw(st.integers(1, 10))):
        x = draw(st.sampled_from([n for n in tensors if n not in constants]))
        rank = len(tensors[x].shape)
        ops = [reshape, neg, square] + [expand_dims] * (rank < 4) + [transpose] * (rank == 2)
        ops += [squeeze] * (1 in tensors[x].shape)
        op = draw(st.sampled_from(ops))
        beside = {reshape: "shape", expand_dims: "axis", transpose: "perm"}
        inputs = (x, beside[op]) if op in beside else (x,)
        types = [replace(tensors[n], value=constants.get(n)) for n in inputs]
        (out,) = op.output_types(tuple(types), dict(op.attributes))
        nodes.append(Node(op, inputs, (f"t{i}",), {}, f"t{i}"))
        tensors[f"t{i}"] = out
    made = [node.outputs[0] for node in nodes]
    outputs = tuple(draw(st.lists(st.sampled_from(made), min_size=1, max_size=4, unique=True)))
    graph = Graph(tuple(nodes), ("x",), outputs, tensors, constants)
    same = [m for m in made if tensors[m].shape == (1, n)]
    if same and draw(st.booleans()):  # what comes out goes in again
        graph = replace(
            graph, inputs=(), states=(State("x", same[-1], np.ones((1, n), np.float32)),)
        )
    return graph, dict.fromkeys(graph.inputs, np.arange(1, n + 1, dtype=np.float32)[None])


@settings(max_examples=150, deadline=None, suppress_health_check=CALM)
@given(shapings())
def test_tensors_in_one_place_hold_what_they_should(made: tuple[Graph, dict[str, Array]]) -> None:
    graph, feeds = made
    session, states = Session(graph, fold=False), {s.tensor: s.initial for s in graph.states}
    for _ in range(3):
        want, got = interpret(graph, feeds, states), session.run(feeds)
        assert {n: v.tobytes() for n, v in got.items()} == {
            n: want[n].tobytes() for n in graph.outputs
        }
        states = {s.tensor: want[s.successor] for s in graph.states}
        for a in got.values():
            a[...] = 0  # the caller's: what comes next does not see it


@pytest.mark.parametrize("n", [8, 8000])
def test_what_is_run_again_is_run_on_the_same_numbers(n: int) -> None:
    ops = (("x", square, "a"), ("a", neg, "b"), ("b", square, "c"), ("c", square, "d"))
    graph = line(*ops, outputs="d", n=n)
    x = np.full((1, n), 3, np.float32)
    bound = Bound(Session(graph), {"x": x})
    for _ in range(3):
        bound()
        assert (bound.outputs["d"] == 6561).all()


def line(*ops: tuple[str, object, str], outputs: str, n: int) -> Graph:
    nodes = [Node(op, (x, "shape") if op is reshape else (x,), (y,)) for x, op, y in ops]
    shape = {True: (n, 1), False: (1, n)}
    tensors = {"x": TensorType((1, n)), "shape": TensorType((2,), np.dtype(np.int32))}
    for node in nodes:
        turned = node.op is reshape or tensors[node.inputs[0]].shape == (n, 1)
        tensors[node.outputs[0]] = TensorType(shape[turned])
    constants = {"shape": np.array([n, 1], np.int32)}
    return Graph(tuple(nodes), ("x",), tuple(outputs), tensors, constants)


@pytest.mark.parametrize("n", [8, 8000])
@pytest.mark.parametrize(
    ("ops", "outputs", "calls"),
    [
        ([("x", neg, "a"), ("a", reshape, "b"), ("b", neg, "c")], "c", 2),
        ([("x", reshape, "a"), ("a", neg, "b")], "b", 1),
        ([("x", neg, "a"), ("a", reshape, "b")], "b", 1),  # written where it comes out
        ([("x", neg, "a"), ("a", reshape, "b"), ("a", square, "c")], "bc", 2),
        ([("x", neg, "a"), ("a", reshape, "b")], "ab", 2),  # two outputs are two arrays
        ([("x", neg, "a"), ("a", reshape, "b"), ("a", reshape, "c")], "bc", 2),
        ([("x", reshape, "a")], "a", 1),  # the caller's input is not the caller's output
    ],
)
def test_only_copies_that_somebody_sees_are_made(ops, outputs: str, calls: int, n: int) -> None:
    graph = line(*ops, outputs=outputs, n=n)
    plan = Session(graph).plan_for({"x": graph.tensors["x"]})
    assert len(plan.steps) == calls
    whole = Session(graph, reuse=False).plan_for({"x": graph.tensors["x"]})
    assert len(whole.steps) == len(ops)


def test_a_plan_for_another_shape_packs_nothing_again() -> None:
    rng = np.random.default_rng(1)
    w, scale = rng.standard_normal((32, 1, 1, 16), np.float32), rng.standard_normal(32, np.float32)
    w.flags.writeable = scale.flags.writeable = False
    graph = Graph(
        (Node(conv2d, ("x", "w", "scale"), ("a",)), Node(mul, ("a", "scale"), ("y",))),
        ("x",),
        ("y",),
        {"x": TensorType((1, 2, 2, 16)), "a": TensorType((1, 2, 2, 32)), "y": TensorType((1, 2, 2, 32)),
         "w": TensorType(w.shape), "scale": TensorType(scale.shape)},
        {"w": w, "scale": scale},
        dynamic={"x": (1, 2)},
    )  # fmt: skip
    session = Session(graph)
    small, large = (session.plan({"x": np.ones((1, n, n, 16), np.float32)}) for n in (2, 5))
    shared = {id(p.array) for p in small.packs}
    assert len(shared) >= 3 and {id(p.array) for p in large.packs} == shared
    pooled = [a for a in large.pool.values() if id(a) in shared]
    assert any(a.nbytes == w.nbytes for a in pooled)
    del small, large, pooled
    session._parts.clear()
    session._quick = None
    gc.collect()
    assert not session._store._made
