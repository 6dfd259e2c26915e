"""Products in half arithmetic, in a named order: reference, exact oracle and kernels have the same bits."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litegold.conformance.exact import native_half as exact
from litegold.conformance.judge import judge, node_bounds
from litegold.conformance.tables import CASES
from litegold.ir import Graph, Node, TensorType
from litegold.passes.store_half import store_half
from litegold.refimpl.activation import activate
from litegold.refimpl.conv import conv2d
from litegold.refimpl.half import bits_of
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.native_half import ORDERS, ordered_products
from litegold.runtime import Session, interpret
from litegold.runtime.interpreter import evaluate

pytestmark = pytest.mark.slow  # not in make quick

SLOW = [*HealthCheck]
OPERATORS = (conv2d, fully_connected)


def graph_of(case, dialect):
    graph = case.graph()
    return replace(graph, nodes=(replace(graph.nodes[0], dialect=dialect),))


def reference(case, dialect):
    return evaluate(graph_of(case, dialect).nodes[0], case.types, case.out, case.args)[0]


def by_oracle(case, parts):
    """Return the result by exact multiply-adds, as a float16 array; groups one by one."""
    x, w, b = (*case.args, None)[:3]
    attributes = {**case.op.attributes, **case.attributes}
    bias = [0] * len(w) if b is None else bits_of(b).tolist()
    (out,) = case.out
    if case.op is fully_connected:
        rows = bits_of(x).reshape(-1, w.shape[1]).tolist()
        found = [exact.dense(rows, bits_of(w).tolist(), bias, parts)]
    else:
        o, p, q, d = w.shape
        groups = x.shape[3] // d
        n = o // groups
        found = []
        for g in range(groups):
            part = x[..., g * d : (g + 1) * d]
            image = dict(zip(np.ndindex(part.shape), bits_of(part).ravel().tolist(), strict=True))
            rows = exact.windows(
                image, part.shape, (p, q), out.shape[1:3], attributes["stride"],
                (attributes["pad"][0], attributes["pad"][2]), attributes["dilation"],
            )  # fmt: skip
            lines = bits_of(w[g * n : (g + 1) * n]).reshape(n, -1).tolist()
            found.append(exact.dense(rows, lines, bias[g * n : (g + 1) * n], parts))
    columns = [
        np.array(f, np.uint16).view(np.float16).reshape(-1, len(w) // len(found)) for f in found
    ]
    return activate(np.concatenate(columns, axis=1).reshape(out.shape), attributes["activation"])


@pytest.mark.parametrize("dialect", ORDERS)
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_reference_and_oracle_have_the_same_bits(op, dialect, data):
    case = data.draw(CASES[op, "f16"])
    verdict = judge(reference(case, dialect), by_oracle(case, ORDERS[dialect].parts))
    assert verdict, f"{verdict.reason}\n{case}"


def check_kernels(case, dialect):
    graph = graph_of(case, dialect)
    want = reference(case, dialect)
    bounds = node_bounds(graph.nodes[0], case.types, case.args, (want,))
    assert not bounds[0].any()
    for constants in (
        graph.constants,
        {},
    ):  # weights that are packed with the plan, or when it runs
        given_graph = replace(
            graph, constants=constants, inputs=tuple(n for n in graph.nodes[0].inputs if n and n not in constants)
        )  # fmt: skip
        feeds = {
            n: dict(zip(graph.nodes[0].inputs, case.args, strict=True))[n]
            for n in given_graph.inputs
        }
        for threads in (1, 2):
            got = Session(given_graph, threads, fold=False, split_from=0).run(feeds)
            verdict = judge(got[graph.outputs[0]], want)
            assert verdict, f"{verdict.reason}\n{case}"


@pytest.mark.parametrize("dialect", ORDERS)
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_kernels_and_reference_have_the_same_bits(op, dialect, data):
    check_kernels(data.draw(CASES[op, "f16"]), dialect)


@pytest.mark.parametrize("isa", ["any", "avx2", "avx512"])
def test_kernels_on_lesser_processors(isa):
    """The multiply-add is emulated there."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", __file__, "-k", "kernels_and_reference"]
    environment = {**os.environ, "LITEGOLD_ISA": isa}
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_orders_differ_and_neither_is_the_sum_in_float32():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float16) for shape in ((3, 100), (5, 100)))
    chain, lanes = (ordered_products(a, b, None, order) for order in ORDERS.values())
    wide = (a.astype(np.float32) @ b.astype(np.float32).T).astype(np.float16)
    assert (chain != lanes).any() and (chain != wide).any() and (lanes != wide).any()


def test_a_network_takes_the_dialect():
    w = np.random.default_rng(1).standard_normal((4, 3, 3, 2)).astype(np.float32)
    tensors = {"x": TensorType((1, 5, 5, 2)), "y": TensorType((1, 3, 3, 4))}
    graph = Graph((Node(conv2d, ("x", "w"), ("y",)),), ("x",), ("y",), tensors, {"w": w})
    half = store_half(graph, "half")
    assert [n.dialect for n in half.nodes if n.op is conv2d] == ["half"]
    x = {"x": np.random.default_rng(2).standard_normal((1, 5, 5, 2)).astype(np.float32)}
    want, got = interpret(half, x)["y"], Session(half).run(x)["y"]
    assert np.array_equal(want, got)
    assert not np.array_equal(want, interpret(store_half(graph), x)["y"])
