"""ONNX's operators on indices as files say them, up to eight axes, beside onnxruntime: indices stored, and fed."""

import numpy as np
import pytest

from litegold.conformance.engines.onnxruntime import OnnxRuntime
from litegold.formats import load
from litegold.runtime.interpreter import interpret
from litegold.runtime.session import Session

pytest.importorskip("onnx")
from onnx import helper, numpy_helper

pytestmark = pytest.mark.slow  # not in make quick

WIDE = (2, 1, 3, 2, 1, 2, 3, 2)  # eight axes


@pytest.fixture(scope="module")
def engine():
    with OnnxRuntime(timeout=30) as child:
        yield child


def model(code, inputs, outputs, fed, opset, attributes):
    """Return the file of one node; the inputs at positions `fed` are fed, the others stored."""
    names = [f"x{i}" if a is not None else "" for i, a in enumerate(inputs)]
    node = helper.make_node(code, names, [f"y{i}" for i in range(outputs)], **attributes)

    def declared(name, array):
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        return helper.make_tensor_value_info(name, kind, array.shape)

    graph = helper.make_graph(
        [node],
        "made",
        [declared(f"x{i}", inputs[i]) for i in fed],
        [helper.make_tensor_value_info(f"y{i}", 1, None) for i in range(outputs)],
        [
            numpy_helper.from_array(a, f"x{i}")
            for i, a in enumerate(inputs)
            if i not in fed and a is not None
        ],
    )
    for output in graph.output:
        output.type.Clear()
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return made.SerializeToString()


def drawn(shape, dtype=np.float32, low=-9, high=10, seed=0):
    return np.asarray(np.random.default_rng(seed).integers(low, high, shape), dtype)


def places(sizes, count, seed=1):
    """Return different positions in these sizes, half of them from the end."""
    rng = np.random.default_rng(seed)
    flat = rng.permutation(int(np.prod(sizes)))[: int(np.prod(count))]
    rows = np.stack(np.unravel_index(flat, sizes), -1).reshape(*count, len(sizes))
    return np.where(rng.random(rows.shape) < 0.5, rows, rows - np.array(sizes)).astype(np.int64)


def along(size, shape, seed=2):
    return drawn(shape, np.int64, -size, size, seed)


def s64(*values):
    return np.array(values, np.int64)


X = drawn((3, 4, 5))
TIES = drawn((4, 6), low=0, high=4)
SPARSE = drawn((3, 4), low=-1, high=2)
CHOSEN = np.array([True, False, True])
# name: code, inputs, outputs, version of the operator set, attributes
NODES = {
    "gather": ("Gather", (X, along(4, (2, 3))), 1, 13, {"axis": 1}),
    "gather by s32": ("Gather", (X, along(5, (2,)).astype(np.int32)), 1, 13, {"axis": -1}),
    "gather one": ("Gather", (X, np.array(-1)), 1, 13, {"axis": 0}),
    "gather, 8 axes": ("Gather", (drawn(WIDE), along(3, (2,))), 1, 13, {"axis": 6}),
    "elements": ("GatherElements", (X, along(4, (3, 7, 5))), 1, 13, {"axis": 1}),
    "elements, less": ("GatherElements", (X, along(5, (2, 3, 9))), 1, 13, {"axis": -1}),
    "elements, 8 axes": ("GatherElements", (drawn(WIDE), along(3, WIDE)), 1, 13, {"axis": 2}),
    "gather nd": ("GatherND", (X, places((3, 4), (2, 3))), 1, 13, {}),
    "gather nd, whole": ("GatherND", (X, places((3, 4, 5), (7,))), 1, 13, {}),
    "gather nd, batches": (
        "GatherND",
        (X, places((4,), (3, 1))[..., :1]),
        1,
        13,
        {"batch_dims": 1},
    ),
    "gather nd, 8 axes": ("GatherND", (drawn(WIDE), places(WIDE, (6,))), 1, 13, {}),
    "scatter nd": ("ScatterND", (X, places((3, 4), (5,)), drawn((5, 5))), 1, 18, {}),
    "scatter nd, add": (
        *("ScatterND", (X, places((3, 4), (2, 2)), drawn((2, 2, 5))), 1, 18),
        {"reduction": "add"},
    ),
    "scatter nd, 8 axes": ("ScatterND", (drawn(WIDE), places(WIDE, (9,)), drawn(9)), 1, 18, {}),
    "scatter": ("Scatter", (X, along(4, (3, 1, 5)), drawn((3, 1, 5))), 1, 9, {"axis": 1}),
    "scatter elements": (
        *("ScatterElements", (X, along(5, (2, 4, 1)), drawn((2, 4, 1))), 1, 18),
        {"axis": 2},
    ),
    **{
        f"scatter elements, {how}": (
            *("ScatterElements", (X, along(5, (3, 4, 7)), drawn((3, 4, 7))), 1, 18),
            {"axis": 2, "reduction": how},
        )
        for how in ("add", "mul", "min", "max")
    },
    "one hot": ("OneHot", (along(6, (2, 3)), s64(6), np.float32([0.5, 2])), 1, 11, {}),
    "one hot of reals": (
        *("OneHot", (drawn((3,), low=0), np.float32([6]), np.float32([-1, 1])), 1, 11),
        {"axis": 0},
    ),
    "nonzero": ("NonZero", (SPARSE,), 1, 13, {}),
    "nonzero of integers": ("NonZero", (SPARSE.astype(np.int64),), 1, 13, {}),
    "compress": ("Compress", (X, CHOSEN), 1, 11, {"axis": -1}),
    "compress all": ("Compress", (X, drawn(60, np.int8, 0, 2) > 0), 1, 11, {}),
    "unique": ("Unique", (TIES,), 4, 11, {}),
    "unique in order": ("Unique", (TIES,), 4, 11, {"sorted": 0}),
    "unique rows": ("Unique", (TIES[[0, 2, 0, 1]],), 4, 11, {"axis": 0}),
    "unique columns": ("Unique", (drawn((2, 5, 3), low=0, high=2),), 4, 11, {"axis": -2}),
    "top k": ("TopK", (TIES, s64(3)), 2, 11, {}),
    "top k, least": ("TopK", (TIES, s64(4)), 2, 11, {"axis": 0, "largest": 0}),
    "top k of integers": ("TopK", (TIES.astype(np.int64), s64(2)), 2, 11, {"largest": 0}),
    "split": ("Split", (X, s64(2, 0, 3)), 3, 13, {"axis": 2}),
    "split unevenly": ("Split", (X,), 3, 18, {"axis": 1, "num_outputs": 3}),
    "slice backwards": (
        *("Slice", (X, s64(-1, 9), s64(-99, 1), s64(2, 1), s64(-2, -1)), 1, 13),
        {},
    ),
    "slice, 8 axes": ("Slice", (drawn(WIDE), s64(1, 0), s64(3, 2), s64(6, -1)), 1, 13, {}),
    "tile": ("Tile", (X, s64(2, 1, 3)), 1, 13, {}),
    "expand": ("Expand", (X[:, :1], s64(2, 1, 4, 1)), 1, 13, {}),
    "size": ("Size", (X,), 1, 13, {}),
    "shape": ("Shape", (X,), 1, 15, {"start": -2, "end": 3}),
}
NODES["reverse sequence"] = (
    *("ReverseSequence", (X, s64(1, 3, 2, 3)), 1, 10),
    {"time_axis": 0, "batch_axis": 1},
)


@pytest.mark.parametrize("whole", [False, True], ids=["stored", "fed"])
@pytest.mark.parametrize("name", NODES)
def test_onnxruntime_agrees(engine, name, whole):
    code, inputs, outputs, opset, attributes = NODES[name]
    fed = [i for i, a in enumerate(inputs) if a is not None and (whole or i == 0)]
    made = model(code, inputs, outputs, fed, opset, attributes)
    feeds = {f"x{i}": inputs[i] for i in fed}
    theirs = engine.run(made, feeds)
    graph = load(made)
    for ours in (interpret(graph, feeds), Session(graph).run(feeds)):
        for i in range(outputs):
            want, got = theirs[f"y{i}"], ours[f"y{i}"]
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            np.testing.assert_array_equal(got, want)
