"""A tensor list is its tensors stacked (ADR 0019): a loop on one, in the operators that say it."""

import numpy as np
import pytest

from litegold.ir import Graph, Node, RunError
from litegold.refimpl.binary import add
from litegold.refimpl.control import while_loop
from litegold.refimpl.fill import fill
from litegold.refimpl.gather import gather
from litegold.refimpl.logic import less
from litegold.refimpl.scatter import scatter_nd_update
from litegold.refimpl.shape import reshape
from litegold.runtime import Session
from litegold.runtime.interpreter import interpret

FRAMES = np.random.default_rng(0).integers(-5, 5, (4, 2, 3)).astype(np.float32)
CONSTANTS = {
    "sizes": np.int32([4, 2, 3]),
    "zero": np.float32(0),
    "first": np.int32(0),
    "most": np.int32(4),
    "one": np.int32(1),
    "place": np.int32([1, 1]),
    "element": np.int32([1, 2, 3]),
}


def running_sums():
    """The loop: get a frame, add it to the state, put the sum into the list of results."""
    nodes = (
        Node(gather, ("frames", "i"), ("frame",), {"axis": 0}),
        Node(add, ("state", "frame"), ("sum",)),
        Node(reshape, ("i", "place"), ("row",)),
        Node(reshape, ("sum", "element"), ("item",)),
        Node(scatter_nd_update, ("list", "row", "item"), ("next",)),
        Node(add, ("i", "one"), ("count",)),
    )
    taken = ("i", "state", "list", "frames", "one", "place", "element")
    body = Graph(nodes, taken, ("count", "sum", "next"), {})
    ask = Graph(
        (Node(less, ("i", "most"), ("going",)),), ("i", "state", "list", "most"), ("going",), {}
    )
    loop = {"condition": ask, "body": body, "carried": 3, "split": 1}
    inputs = ("first", "start", "reserved", "most", "frames", "one", "place", "element")
    outer = (
        Node(fill, ("sizes", "zero"), ("reserved",)),
        Node(while_loop, inputs, ("i", "last", "results"), loop),
    )
    return Graph(outer, ("frames", "start"), ("results", "last"), {}, CONSTANTS)


def test_a_loop_fills_a_list():
    feeds = {"frames": FRAMES, "start": np.zeros((2, 3), np.float32)}
    want = np.cumsum(FRAMES, axis=0)
    graph = running_sums()
    for found in (interpret(graph, feeds), Session(graph).run(feeds)):
        np.testing.assert_array_equal(found["results"], want)
        np.testing.assert_array_equal(found["last"], want[-1])


@pytest.mark.parametrize("place", [-1, 4])
def test_a_place_outside_of_the_list_is_an_error(place):
    nodes = (Node(gather, ("list", "i"), ("item",), {"axis": 0}),)
    graph = Graph(nodes, ("list", "i"), ("item",), {})
    feeds = {"list": FRAMES, "i": np.int32(place)}
    with pytest.raises(RunError, match=str(place)):
        interpret(graph, feeds)
    with pytest.raises(RunError, match="gather"):
        Session(graph).run(feeds)
