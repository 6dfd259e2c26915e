"""Operators as files of several operator sets say them, beside onnxruntime; and sizes that files leave open."""

import numpy as np
import pytest

from litegold.conformance.check import check
from litegold.conformance.engines.onnxruntime import OnnxRuntime
from litegold.conformance.judge import judge
from litegold.conformance.tables import ENVELOPE
from litegold.formats import load
from litegold.ir import FormatError, InputError, LitegoldError, UnsupportedError
from litegold.refimpl.softmax import softmax
from litegold.runtime.bound import Bound
from litegold.runtime.interpreter import interpret
from litegold.runtime.session import Session

pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper

F32, S64 = TensorProto.FLOAT, TensorProto.INT64


@pytest.fixture(scope="module")
def engine():
    with OnnxRuntime(timeout=30) as child:
        yield child


def model(nodes, shapes, *, opset, constants=None, outputs=("y",), kind=F32):
    """Return the file of some nodes over inputs of these shapes."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(n, kind, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info(n, F32, None) for n in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
    )
    for output in graph.output:
        output.type.Clear()
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return made.SerializeToString()


def drawn(shapes):
    """Return whole numbers, whose sums and products are exact."""
    rng = np.random.default_rng(0)
    return {n: rng.integers(-4, 5, s).astype(np.float32) for n, s in shapes.items()}


def int64(*values):
    return np.array(values, np.int64)


X = {"x": (2, 3, 4, 5)}
PLACES = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
# (operator, versions of the operator set, inputs after x, attributes)
ALIKE = {
    "clip by attributes": ("Clip", (7, 10), (), {"min": 0.0, "max": 6.0}),
    "clip by inputs": ("Clip", (11, 13, 21), (np.float32(-1), np.float32(3)), {}),
    "clip on one side": ("Clip", (11, 21), ("", np.float32(1)), {}),
    "slice by attributes": (
        "Slice",
        (7, 9),
        (),
        {"axes": [1, -1], "starts": [1, -3], "ends": [9, -1]},
    ),
    "slice by inputs": (
        "Slice",
        (10, 13, 21),
        (int64(-1, 1), int64(-99, 2), int64(3, 0), int64(-2, 1)),
        {},
    ),
    "pad by attributes": ("Pad", (7, 10), (), {"pads": [0, 1, 0, 2, 0, 0, 1, 0], "value": 1.5}),
    "pad by inputs": ("Pad", (11, 13, 21), (int64(0, 1, 0, 2, 0, 0, 1, 0), np.float32(2)), {}),
    "pad some axes": ("Pad", (18, 21), (int64(1, 2), "", int64(-1)), {}),
    "pad by less than nothing": ("Pad", (13,), (int64(0, 0, -1, 0, 0, 0, 1, -2),), {}),
    "unsqueeze by attributes": ("Unsqueeze", (7, 11), (), {"axes": [0, 3]}),
    "unsqueeze by inputs": ("Unsqueeze", (13, 21), (int64(-1, 1),), {}),
    "reduce by attributes": ("ReduceSum", (7, 11), (), {"axes": [1, -1], "keepdims": 0}),
    "reduce by inputs": ("ReduceSum", (13, 21), (int64(2),), {}),
    "reduce all": ("ReduceMax", (7, 13, 18), (), {}),
    "reduce none": ("ReduceSum", (13,), (), {"noop_with_empty_axes": 1}),
    "mean by attributes": ("ReduceMean", (13,), (), {"axes": [2, 3]}),
    "squares": ("ReduceSumSquare", (13,), (), {"axes": [1]}),
    "largest place": ("ArgMax", (7, 13), (), {"axis": 1}),
    "split": ("Split", (7,), (), {"axis": 2, "split": [1, 3]}),
    "split evenly": ("Split", (13,), (), {"axis": 2}),
    "split into parts": ("Split", (18,), (), {"axis": 3, "num_outputs": 2}),
    "flatten": ("Flatten", (7, 13), (), {"axis": 2}),
    "flatten from the end": ("Flatten", (13,), (), {"axis": -1}),
    "nothing dropped out": ("Dropout", (7, 12), (), {}),
    "sum of all": ("Sum", (8, 13), (np.ones((1, 4, 1), "f"), np.ones(5, "f")), {}),
    "largest of all": ("Max", (8, 13), (np.zeros((3, 1, 1), "f"), np.ones(5, "f")), {}),
    "rest": ("Mod", (13,), (np.float32(3),), {"fmod": 1}),
    "gather from the end": ("Gather", (7, 13), (int64(-1, 0),), {"axis": 2}),
    "tile": ("Tile", (7, 13), (int64(1, 2, 1, 3),), {}),
    "expand": ("Expand", (8, 13), (int64(2, 2, 1, 1, 5),), {}),
    "reshape with zeros": ("Reshape", (7, 13), (int64(0, -1, 5),), {}),
    "squeeze nothing": ("Squeeze", (11,), (), {}),
    "order by default": ("Transpose", (7, 21), (), {}),
    "maxima, some in the padding": (
        "MaxPool",
        (12,),
        (),
        {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1},
    ),
    "maxima by name": (
        "MaxPool",
        (8,),
        (),
        {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    ),
    "averages that count padding": (
        "AveragePool",
        (7, 11),
        (),
        {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1], "count_include_pad": 1},
    ),
    "mean of the pixels": ("GlobalAveragePool", (7,), (), {}),
    "largest of the pixels": ("GlobalMaxPool", (7,), (), {}),
    "grouped filters": (
        "Conv",
        (7, 11),
        (np.ones((6, 1, 2, 2), "f"),),
        {"group": 3, "auto_pad": "SAME_UPPER"},
    ),
    "dilated filters": (
        "Conv",
        (7,),
        (np.ones((2, 3, 2, 2), "f"), np.float32([1, 2])),
        {"dilations": [2, 1]},
    ),
    "filters backwards": (
        "ConvTranspose",
        (7, 11),
        (np.ones((3, 2, 3, 2), "f"),),
        {"strides": [2, 1], "pads": [1, 0, 0, 1], "output_padding": [1, 0]},
    ),
    "blocks": ("DepthToSpace", (7,), (), {"blocksize": 1}),
    "twice as large": ("Resize", (13,), ("", np.float32([1, 1, 2, 2])), PLACES),
    "twice as large, before": ("Resize", (10,), (np.float32([1, 1, 2, 2]),), {"mode": "nearest"}),
}
CASES = [(name, version) for name, (_, versions, _, _) in ALIKE.items() for version in versions]


@pytest.mark.parametrize(("name", "version"), CASES)
def test_versions_of_an_operator(engine, name, version):
    code, _, others, attributes = ALIKE[name]
    constants = {f"c{i}": v for i, v in enumerate(others) if not isinstance(v, str)}
    inputs = ["x", *("" if isinstance(v, str) else f"c{i}" for i, v in enumerate(others))]
    outputs = ["y", "z"] if code == "Split" else ["y"]
    node = helper.make_node(code, inputs, outputs, **attributes)
    data = model([node], X, opset=version, constants=constants, outputs=outputs)
    feeds = drawn(X)
    got, want = interpret(load(data), feeds), engine.run(data, feeds)
    for output in outputs:
        assert got[output].dtype == want[output].dtype
        np.testing.assert_array_equal(got[output], want[output])


@pytest.mark.parametrize(("version", "axis"), [(7, 1), (11, 2), (11, 3), (13, 1), (13, 3)])
def test_softmax_before_version_13_is_over_all_axes_from_one_on(engine, version, axis):
    data = model([helper.make_node("Softmax", ["x"], ["y"], axis=axis)], X, opset=version)
    feeds = drawn(X)
    got, want = interpret(load(data), feeds)["y"], engine.run(data, feeds)["y"]
    x = feeds["x"]
    rows = x.reshape(*x.shape[:axis], -1) if version < 13 else np.moveaxis(x, axis, -1)
    bound = ENVELOPE[softmax](rows)
    back = bound.reshape(x.shape) if version < 13 else np.moveaxis(bound, -1, axis)
    assert judge(want, got, back)


def test_version_1_adds_along_an_axis():
    node = helper.make_node("Add", ["x", "b"], ["y"], broadcast=1, axis=1)
    b = np.float32([10, 20, 30])
    graph = load(model([node], X, opset=1, constants={"b": b}))
    feeds = drawn(X)
    assert np.array_equal(interpret(graph, feeds)["y"], feeds["x"] + b[:, None, None])


@pytest.mark.parametrize("version", [0, 29, 1000])
def test_other_versions_are_refused(version):
    data = model([helper.make_node("Relu", ["x"], ["y"])], X, opset=version)
    with pytest.raises(UnsupportedError, match="1 to 28"):
        load(data)


def flattening(*, computed):
    """Return a file that multiplies flattened images, their number open; the sizes are given or computed."""
    constants = {"w": np.ones((60, 2), "f"), "minus": int64(-1), "zero": int64(0)}
    if computed:
        head = [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Gather", ["s", "zero"], ["n"]),
            helper.make_node("Concat", ["n", "minus"], ["to"], axis=0),
            helper.make_node("Reshape", ["x", "to"], ["flat"]),
        ]
    else:
        head = [helper.make_node("Flatten", ["x"], ["flat"])]
    nodes = [*head, helper.make_node("Gemm", ["flat", "w"], ["y"])]
    return model(nodes, {"x": ("batch", 3, 4, 5)}, opset=13, constants=constants)


@pytest.mark.parametrize("computed", [False, True])
def test_an_open_size_may_be_anything(engine, computed):
    data = flattening(computed=computed)
    graph = load(data)
    assert graph.dynamic == {"x": (0,), "y": (0,)}
    assert graph.tensors["x"].shape == (1, 3, 4, 5) and graph.tensors["y"].shape == (1, 2)
    session = Session(graph)
    for batch in (1, 4):
        feeds = drawn({"x": (batch, 3, 4, 5)})
        want = engine.run(data, feeds)["y"]
        assert np.array_equal(interpret(graph, feeds)["y"], want)
        assert np.array_equal(session.run(feeds)["y"], want)


def halves_of_the_rows():
    """Return a file whose Slice and Resize need the open size."""
    nodes = [
        helper.make_node("Shape", ["x"], ["all"]),
        helper.make_node("Slice", ["all", "2", "4"], ["own"]),
        helper.make_node("Mul", ["own", "twice"], ["more"]),
        helper.make_node("Slice", ["all", "0", "2"], ["first"]),
        helper.make_node("Concat", ["first", "more"], ["sizes"], axis=0),
        helper.make_node("Resize", ["x", "", "", "sizes"], ["large"], mode="linear"),
        helper.make_node("Flatten", ["large"], ["flat"]),
        helper.make_node("Slice", ["flat", "0", "end", "1", "3"], ["y"]),
    ]
    constants = {n: int64(int(n)) for n in "01234"} | {"twice": int64(2, 2), "end": int64(2**31)}
    return model(nodes, {"x": ("n", 2, "rows", "columns")}, opset=13, constants=constants)


def test_a_file_is_read_again_for_the_size_that_a_node_needs(engine):
    data = halves_of_the_rows()
    graph = load(data)
    assert graph.dynamic["x"] == (0, 2, 3) and graph.tensors["x"].shape == (1, 2, 1, 1)
    session, settled = Session(graph), Session(graph, reuse=False)
    for shape in ((1, 2, 1, 1), (3, 2, 4, 5), (1, 2, 7, 2), (3, 2, 4, 5)):
        # multiples of a quarter of whole numbers: nothing rounds
        feeds = {"x": np.arange(np.prod(shape), dtype=np.float32).reshape(shape)}
        want, every = engine.run(data, feeds)["y"], interpret(graph, feeds)
        assert np.array_equal(every["y"], want)
        assert np.array_equal(session.run(feeds)["y"], want)
        assert settled.run_all(feeds)["flat"].shape == every["flat"].shape
        assert Bound(session, feeds).outputs["y"].shape == want.shape
        assert check(graph, feeds).ok
    with pytest.raises(InputError, match="expected shape"):
        session.run(drawn({"x": (1, 3, 4, 5)}))
    with pytest.raises(InputError, match="several sizes"):
        check(graph, [drawn({"x": (1, 2, 4, 5)}), drawn({"x": (1, 2, 7, 2)})])


def test_what_cannot_be_for_a_size_is_said_when_it_comes():
    node = helper.make_node("Reshape", ["x", "to"], ["y"])
    graph = load(model([node], {"x": ("n", 4)}, opset=13, constants={"to": int64(2, 2)}))
    assert graph.dynamic == {"x": (0,)} and graph.metadata["closed"]
    assert Session(graph).run(drawn({"x": (1, 4)}))["y"].shape == (2, 2)
    with pytest.raises(LitegoldError, match="Reshape"):
        Session(graph).run(drawn({"x": (2, 4)}))


def test_initializers_may_be_listed_as_inputs():
    node = helper.make_node("Add", ["x", "b"], ["y"])
    data = model([node], {"x": (2,), "b": (2,)}, opset=7, constants={"b": np.float32([1, 2])})
    graph = load(data)
    assert graph.inputs == ("x",)


def test_nodes_may_stand_in_any_order():
    nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Neg", ["x"], ["a"])]
    graph = load(model(nodes, X, opset=13))
    assert [n.op.__name__ for n in graph.nodes] == ["neg", "relu"]


def test_a_circle_is_refused():
    nodes = [helper.make_node("Add", ["x", "y"], ["a"]), helper.make_node("Neg", ["a"], ["y"])]
    with pytest.raises(FormatError, match="circle"):
        load(model(nodes, X, opset=13))


def test_what_passes_through_keeps_its_name():
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["c"], ["z"])]
    data = model(nodes, X, opset=13, constants={"c": np.float32([1])}, outputs=("y", "z"))
    got = Session(load(data)).run(drawn(X))
    assert np.array_equal(got["y"], drawn(X)["x"]) and got["z"].tolist() == [1]
