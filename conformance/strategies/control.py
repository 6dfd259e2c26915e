"""Cases of control flow: small networks over small whole numbers, whose sums no order of additions rounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...ir import Array, Graph, Node
from ...refimpl.activation import relu
from ...refimpl.binary import add, maximum, mul, sub
from ...refimpl.control import if_else, loop, pass_through, scan, while_loop
from ...refimpl.logic import less
from ...refimpl.unary import neg
from ..case import HostCase
from ..tables import HOST_CASES
from .draw import seeds, shapes

BINARY = (add, sub, mul, maximum)
UNARY = (neg, relu)


@st.composite
def numbers(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """Whole numbers from -3 to 3 as float32."""
    rng = np.random.default_rng(draw(seeds()))
    return rng.integers(-3, 4, shape).astype(np.float32)


@st.composite
def chain(
    draw: st.DrawFn, names: tuple[str, ...], result: str, *, grows: bool = False
) -> tuple[Node, ...]:
    """Nodes that make `result` of some of `names`; without `grows` it stays bounded however often they are run."""
    left = draw(st.sampled_from(names))
    right = draw(st.sampled_from(names))
    op = draw(st.sampled_from(BINARY if grows else (maximum,)))
    nodes = [Node(op, (left, right), (f"{result}.0",))]
    nodes.append(Node(draw(st.sampled_from(UNARY)), (f"{result}.0",), (result,)))
    return tuple(nodes)


@st.composite
def pass_through_cases(draw: st.DrawFn) -> HostCase:
    """A tensor, a sequence of tensors or texts."""
    value: Any = draw(numbers(draw(shapes(max_dims=2))))
    kind = draw(st.sampled_from(("tensor", "sequence", "texts")))
    if kind == "sequence":
        value = [value, *(draw(numbers((n,))) for n in range(draw(st.integers(0, 2))))]
    elif kind == "texts":
        value = value.astype(str).astype(object)
    return HostCase(pass_through, (value,))


@st.composite
def if_else_cases(draw: st.DrawFn) -> HostCase:
    """Branches that may give results of different shapes."""
    counts = [draw(st.integers(1, 2)) for _ in range(2)]
    bodies, args = [], list[Any]()
    for count in counts:
        names = tuple(f"v{i}" for i in range(count))
        shape = draw(shapes(max_dims=2, max_size=4))
        args += [draw(numbers(shape)) for _ in names]
        nodes = draw(chain(names, "y", grows=True))
        bodies.append(Graph(nodes, names, ("y", names[0]), {}))
    condition = np.full(draw(st.sampled_from([(), (1,)])), draw(st.booleans()))
    attributes = {"then": bodies[0], "otherwise": bodies[1], "split": counts[0]}
    return HostCase(if_else, (condition, *args), attributes, 2)


@st.composite
def loop_cases(draw: st.DrawFn) -> HostCase:
    """A counter, a carried tensor and stacked ones; ends by the limit, the condition, or both."""
    shape = draw(shapes(max_dims=2, max_size=4))
    rounds = draw(st.integers(1, 5))
    state, outside, step = (draw(numbers(shape)) for _ in range(3))
    nodes = (
        *draw(chain(("state", "outside"), "next")),
        Node(add, ("i", "one"), ("count",)),
        Node(less, ("count", "most"), ("going",)),
        Node(add, ("next", "step"), ("row",)),
    )
    inputs = ("i", "go", "state", "outside", "step", "one", "most")
    body = Graph(nodes, inputs, ("going", "next", "row", "i"), {})
    limited = draw(st.booleans())
    trips = np.asarray(draw(st.integers(1, 6)), np.int64) if limited else None
    condition = np.asarray(True) if draw(st.booleans()) else None
    one, most = np.asarray(1, np.int64), np.asarray(rounds, np.int64)
    args = (trips, condition, state, outside, step, one, most)
    return HostCase(loop, args, {"body": body, "carried": 1}, 3)


@st.composite
def while_loop_cases(draw: st.DrawFn) -> HostCase:
    """Count up to a limit, and carry a tensor along."""
    shape = draw(shapes(max_dims=2, max_size=4))
    ask = Graph((Node(less, ("i", "most"), ("going",)),), ("i", "state", "most"), ("going",), {})
    nodes = (*draw(chain(("state", "outside"), "next")), Node(add, ("i", "one"), ("count",)))
    body = Graph(nodes, ("i", "state", "outside", "one"), ("count", "next"), {})
    first, most, one = (np.asarray(n, np.int32) for n in (0, draw(st.integers(0, 5)), 1))
    args = (first, draw(numbers(shape)), most, draw(numbers(shape)), one)
    attributes = {"condition": ask, "body": body, "carried": 2, "split": 1}
    return HostCase(while_loop, args, attributes, 2)


@st.composite
def scan_cases(draw: st.DrawFn) -> HostCase:
    """Two tensors sliced along drawn axes, from either end; one result stacked along a drawn axis."""
    shape = draw(shapes(min_dims=1, max_dims=2, max_size=4))
    slices, rank = draw(st.integers(1, 4)), len(shape)
    axes = tuple(draw(st.integers(-rank - 1, rank)) for _ in range(2))
    given = []
    for axis in axes:
        sizes = list(shape)
        sizes.insert(axis % (rank + 1), slices)
        given.append(draw(numbers(tuple(sizes))))
    nodes = (
        *draw(chain(("state", "a", "b", "outside"), "next")),
        *draw(chain(("state", "a"), "row", grows=True)),
    )
    body = Graph(nodes, ("state", "a", "b", "outside"), ("next", "row", "b"), {})
    attributes = {
        "body": body,
        "carried": 1,
        "scanned": 2,
        "axes": axes,
        "backward": tuple(draw(st.booleans()) for _ in range(2)),
        "out_axes": tuple(draw(st.integers(-rank - 1, rank)) for _ in range(2)),
        "out_backward": tuple(draw(st.booleans()) for _ in range(2)),
    }
    args = [draw(numbers(shape)), *given]
    if draw(st.booleans()):
        count = draw(st.integers(1, 3))
        args = [np.stack([np.roll(a, i) for i in range(count)]) for a in args]
        attributes["batched"] = True
    return HostCase(scan, (*args, draw(numbers(shape))), attributes, 3)


HOST_CASES.of(pass_through)(pass_through_cases())
HOST_CASES.of(if_else)(if_else_cases())
HOST_CASES.of(loop)(loop_cases())
HOST_CASES.of(while_loop)(while_loop_cases())
HOST_CASES.of(scan)(scan_cases())
