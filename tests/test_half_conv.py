"""Convolutions and pools of halves: the bits of the float32 kernels on the widened image, rounded once."""

import functools

import numpy as np
import pytest

from litegold.conformance.case import Case
from litegold.conformance.check import check
from litegold.ir import Graph, Node, TensorType
from litegold.jit_kernels import winograd
from litegold.jit_kernels.lowering import CPU, Lowering
from litegold.jit_kernels.winograd_transforms import F
from litegold.passes import rewrite
from litegold.passes.store_half import store_half
from litegold.refimpl.binary import add
from litegold.refimpl.conv import conv2d
from litegold.refimpl.join import concat
from litegold.refimpl.pool import avg_pool2d, max_pool2d
from litegold.runtime import Session


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float16)


def results(case, threads):
    session = Session(case.graph(), threads, split_from=0)
    kernels = {p.step.kernel.__name__ for p in session.plan(case.feeds()).steps}
    (y,) = session.run(case.feeds()).values()
    return y, kernels


def widened(case):
    wide = tuple(None if a is None else a.astype(np.float32) for a in case.args)
    return Case(case.op, wide, case.attributes, constant=case.constant)


def assert_rounded(case, kernel):
    """The result on halves is that of float32, rounded; threads change nothing."""
    want, _ = results(widened(case), 1)
    for threads in (1, 2):
        got, kernels = results(case, threads)
        assert kernel in kernels
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(got.view("u2"), want.astype(np.float16).view("u2"))


def convolution(x, w, seed=0, **attributes):
    args = (drawn(seed, *x), drawn(seed + 1, *w), drawn(seed + 2, w[0]))
    return Case(conv2d, args, attributes, constant=frozenset({1, 2}))


@pytest.mark.parametrize("m", F)
@pytest.mark.parametrize(("channels", "filters"), [(16, 32), (5, 19), (32, 48)])
def test_winograd(m, channels, filters, monkeypatch):
    way = Lowering(functools.partial(winograd.lower_winograd, m), winograd.takes)
    for form in ("f32", "f16"):
        monkeypatch.setitem(CPU._table, (conv2d, form), (way, *CPU[conv2d, form]))
    case = convolution(
        (2, 13, 17, channels), (filters, 3, 3, channels), pad=(1, 1, 0, 1), activation="relu"
    )
    case.args[0][1, 4, 5, 0] = 60000  # overflows where it is transformed in halves
    assert_rounded(case, "f16_winograd")


@pytest.mark.parametrize(
    ("x", "w", "attributes"),
    [
        ((2, 14, 30, 6), (40, 3, 5, 6), {"stride": (2, 1), "pad": (1, 1, 2, 0)}),
        (
            (1, 9, 40, 3),
            (17, 7, 7, 3),
            {"stride": (2, 2), "pad": (3, 2, 3, 3), "activation": "relu"},
        ),
        ((1, 20, 32, 8), (12, 2, 3, 4), {"dilation": (2, 3), "activation": "relu6"}),
        ((1, 6, 40, 128), (96, 1, 1, 128), {"stride": (2, 2)}),
    ],
)
def test_windows_in_lines(x, w, attributes):
    assert_rounded(convolution(x, w, **attributes), "half_lines")


@pytest.mark.parametrize("op", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize("channels", [3, 40])
def test_pools(op, channels):
    attributes = {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 0, 1, 1), "activation": "relu6"}
    kernel = {max_pool2d: "f16_max_pool", avg_pool2d: "f16_avg_pool"}[op]
    assert_rounded(Case(op, (drawn(0, 2, 9, 11, channels),), attributes), kernel)


def branches():
    """Return convolutions side by side, one of them with a sum behind it, and a last one over both."""
    shapes = {"w1": (24, 1, 1, 8), "w2": (40, 3, 3, 8), "w3": (8, 3, 3, 64), "w4": (24, 5, 5, 8)}
    constants = {
        n: (drawn(i, *s) / 8).astype(np.float32) for i, (n, s) in enumerate(shapes.items())
    }
    wide = {"pad": (1, 1, 1, 1), "activation": "relu"}
    nodes = (
        Node(conv2d, ("x", "w1"), ("a",), {"activation": "relu"}, name="a"),
        Node(conv2d, ("x", "w2"), ("b",), wide, name="b"),
        Node(concat, ("a", "b"), ("c",), {"axis": -1}, name="c"),
        Node(conv2d, ("c", "w3"), ("d",), {"pad": (1, 1, 1, 1)}, name="d"),
        Node(add, ("d", "x"), ("e",), name="e"),
        Node(conv2d, ("e", "w4"), ("y",), {"pad": (2, 2, 2, 2), "stride": (2, 2)}, name="y"),
    )
    sizes = {"x": 8, "a": 24, "b": 40, "c": 64, "d": 8, "e": 8}
    tensors = {n: TensorType((1, 20, 20, c)) for n, c in sizes.items()}
    tensors |= {"y": TensorType((1, 10, 10, 24))}
    tensors |= {n: TensorType.of(v).without_value() for n, v in constants.items()}
    return Graph(nodes, ("x",), ("y",), tensors, constants)


def test_parts_of_a_concatenation_are_written_where_they_belong():
    graph = store_half(branches())
    feeds = {"x": drawn(9, 1, 20, 20, 8).astype(np.float32)}
    found = []
    for threads in (1, 2):
        session = Session(graph, threads, split_from=0)
        kernels = [p.step.kernel.__name__ for p in session.plan(feeds).steps]
        assert not any("copy" in name for name in kernels), kernels
        found.append(session.run(feeds)["y"])
    assert found[0].tobytes() == found[1].tobytes()
    assert check(graph, runs=2).ok
    assert len(rewrite(graph).nodes) < len(graph.nodes)
