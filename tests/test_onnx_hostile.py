"""Hostile ONNX files: whatever is damaged or claimed, loading ends soon, in an error of ours or a graph."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from litegold import formats, load
from litegold.formats.onnx import write_graph
from litegold.formats.onnx.verify import MAX_DEPTH, MAX_MESSAGES
from litegold.ir import FormatError, InputError, LitegoldError
from litegold.train.models.table import MODELS

pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.slow  # not in make quick

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LITEGOLD_DATA", ROOT.parent / "shared"))
MODEL = SHARED / "models" / "onnx" / "onnx_models" / "mnist_model_zoo.onnx"
GIB = 1 << 30
F32, S64 = TensorProto.FLOAT, TensorProto.INT64


def report_of(path, first, last, *backends):
    """Load mutants of a file in a child process, run them on `backends`, and return its report."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "mutants.py", path, str(first), str(last), *backends],
        capture_output=True,
        text=True,
        check=False,
        timeout=5 * (last - first),
    )
    assert done.returncode == 0, f"exit {done.returncode} at seed {done.stderr[-999:]}"
    return json.loads(done.stdout)


def assert_harmless(report, seconds):
    assert report["wrong"] == []
    assert report["refused"] > 0
    assert report["slowest"] < seconds
    assert report["bytes"] < GIB


def sources(tmp_path):
    """Return the files to damage: a shared model where it is, and two of our own."""
    sizes = {
        "lstm2": {"frames": 3, "features": 4, "cells": 4},
        "transformer4": {"tokens": 4, "features": 8, "heads": 2, "layers": 1},
    }
    for name, options in sizes.items():
        (tmp_path / f"{name}.onnx").write_bytes(write_graph(MODELS[name](**options)).data)
    (tmp_path / "control.onnx").write_bytes(control().SerializeToString())
    return [*sorted(tmp_path.glob("*.onnx")), *([MODEL] if MODEL.exists() else [])]


def control():
    """Return a model with a loop, a choice, a scan, a function and a shape that only a run gives."""
    value, node = helper.make_tensor_value_info, helper.make_node

    def body(nodes, inputs, outputs):
        kinds = {"i": (S64, []), "go": (TensorProto.BOOL, [])}
        given = [value(n, *kinds.get(n, (F32, [2]))) for n in inputs]
        return helper.make_graph(nodes, "body", given, [value(n, F32, None) for n in outputs])

    loop = body(
        [
            node("Identity", ["go"], ["again"]),
            node("Add", ["s", "x"], ["t"]),
            node("Mul", ["t", "t"], ["row"]),
        ],
        ["i", "go", "s"],
        ["again", "t", "row"],
    )
    slices = body([node("Add", ["a", "b"], ["c"])], ["a", "b"], ["c", "c"])
    one, other = (body([node(op, ["x"], ["z"])], [], ["z"]) for op in ("Relu", "Neg"))
    nodes = [
        node("Loop", ["three", "", "x"], ["last", "rows"], body=loop),
        node("If", ["flag"], ["chosen"], then_branch=one, else_branch=other),
        node("Scan", ["chosen", "rows"], ["sum", "sums"], body=slices, num_scan_inputs=1),
        node("twice", ["sums"], ["y"], domain="own"),
        node("Tile", ["y", "times"], ["tiles"]),
    ]
    inputs = [value("x", F32, [2]), value("flag", TensorProto.BOOL, [])]
    inputs.append(value("times", S64, [2]))
    constants = [numpy_helper.from_array(np.array(3), "three")]
    outputs = [value(n, F32, None) for n in ("last", "tiles")]
    graph = helper.make_graph(nodes, "control", inputs, outputs, constants)
    sets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    inner = [node("Add", ["v", "v"], ["w"])]
    function = helper.make_function("own", "twice", ["v"], ["w"], inner, sets[:1])
    return helper.make_model(graph, opset_imports=sets, functions=[function], ir_version=8)


def test_control_flow_runs_undamaged():
    net = load(control().SerializeToString())
    x = np.array([1, -2], "f")
    for flag in (True, False):
        for backend in ("jit", "reference"):
            found = net.run(x, np.array(flag), np.array([2, 1]), backend=backend)
            rows = np.stack([(x * n) ** 2 for n in (2, 3, 4)])
            sums = (np.maximum(x, 0) if flag else -x) + np.cumsum(rows, 0)
            assert found["last"].tolist() == (4 * x).tolist()
            assert found["tiles"].tolist() == np.tile(2 * sums, (2, 1)).tolist()


def test_functions_that_call_themselves_are_refused():
    model = control()
    model.functions[0].node.add(op_type="twice", domain="own", input=["w"], output=["u"])
    assert "deep" in refused(model)


def test_functions_that_grow_are_refused():
    model = control()
    del model.functions[0].node[:]
    for depth in range(10):
        function = model.functions.add(name=f"f{depth}", domain="own", input=["v"], output=["w"])
        for i in range(9):
            ends = {"input": ["v"], "output": ["w" if i == 8 else f"u{i}"]}
            if depth:
                function.node.add(op_type=f"f{depth - 1}", domain="own", **ends)
            else:
                function.node.add(op_type="Neg", **ends)
    model.functions[0].node.add(op_type="f9", domain="own", input=["v"], output=["w"])
    assert "nodes" in refused(model)


def test_mutants_are_harmless(tmp_path):
    for path in sources(tmp_path):
        seconds = 60 if path.stem == "control" else 5  # a loop may have 2^14 rounds
        assert_harmless(report_of(path, 0, 100, "reference"), seconds)


def test_mutants_are_harmless_as_plans(tmp_path):
    for path in sources(tmp_path):
        assert_harmless(report_of(path, 0, 40, "jit"), 60)


@pytest.mark.long
def test_ten_thousand_mutants_are_harmless(tmp_path):
    for path in sources(tmp_path):
        assert_harmless(report_of(path, 100, 3500, "reference", "jit"), 60)


def small(*nodes, constants=(), shape=(2, 3), outputs=("y",)):
    """Return the message of a model over one input `x`."""
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Relu", ["x"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", F32, shape)],
        [helper.make_tensor_value_info(n, F32, None) for n in outputs],
        list(constants),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def refused(data):
    """Return the message of the error that loading raises."""
    with pytest.raises(LitegoldError) as caught:
        formats.load(data if isinstance(data, bytes) else data.SerializeToString())
    return str(caught.value)


def test_every_truncation_is_refused():
    data = small().SerializeToString()
    for end in range(len(data) - len("\x00")):
        try:
            graph = formats.load(data[:end])
        except FormatError:
            continue
        except LitegoldError as error:  # the operator set is said last
            assert "operator set" in str(error)
            continue
        assert len(graph.nodes) == 1


def test_many_messages_are_refused_before_they_are_made():
    empty = b"\x0a\x00" * (MAX_MESSAGES + 1)  # nodes without content
    size = len(empty)
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])
    assert "messages" in refused(b"\x08\x08\x3a" + length + empty)


def test_deep_messages_are_refused():
    body = b""
    for _ in range(MAX_DEPTH):
        graph = b"\x0a" + _sized(b"\x2a" + _sized(b"\x32" + _sized(body)))
        body = graph
    assert "inside of another" in refused(b"\x08\x08\x3a" + _sized(body))


def _sized(body):
    size, out = len(body), bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes([*out, size]) + body


@pytest.mark.parametrize(
    ("dims", "reason"),
    [((1 << 40,), "takes more than"), ((-1,), "dims"), ((1,) * 9, "dims"), ((5,), "bytes, but")],
)
def test_sizes_of_stored_tensors_are_checked(dims, reason):
    tensor = TensorProto(name="c", data_type=F32, dims=dims, raw_data=b"\0" * 8)
    assert reason in refused(small(constants=[tensor]))


def test_lists_must_have_as_many_elements_as_the_shape_says():
    tensor = TensorProto(name="c", data_type=F32, dims=[3], float_data=[1, 2])
    assert "2 elements" in refused(small(constants=[tensor]))


@pytest.mark.parametrize("shape", [(1 << 33,), (-7,), (1,) * 9, (1 << 62, 1 << 62)])
def test_sizes_of_inputs_are_checked(shape):
    assert "input 'x'" in refused(small(shape=shape))


def numbers(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


BOMBS = {
    "fill": [helper.make_node("ConstantOfShape", ["n"], ["y"])],
    "tile": [helper.make_node("Tile", ["x", "n"], ["y"])],
    "expand": [helper.make_node("Expand", ["x", "n"], ["y"])],
    "pad": [helper.make_node("Pad", ["x", "p"], ["y"])],
    "places": [helper.make_node("GatherElements", ["x", "n"], ["y"], axis=77)],
    "window": [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1 << 40, 1])],
    "slice": [helper.make_node("Slice", ["x", "n", "n", "n"], ["y"])],
    "type": [helper.make_node("Cast", ["x"], ["y"], to=999)],
    "kind": [helper.make_node("Concat", ["x", "x"], ["y"], axis="one")],
    "no input": [helper.make_node("Add", ["x"], ["y"])],
    "no operator": [helper.make_node("", ["x"], ["y"])],
    "absent input": [helper.make_node("Add", ["x", ""], ["y"])],
    "unknown input": [helper.make_node("Add", ["x", "nowhere"], ["y"])],
    "same output": [helper.make_node("Split", ["x"], ["y", "y"])],
    "input again": [helper.make_node("Relu", ["x"], ["x"])],
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_makes_no_sense_is_an_error_of_ours(name):
    constants = [numbers("n", 1 << 30, 1 << 30), numbers("p", *[1 << 30] * 4)]
    assert len(refused(small(*BOMBS[name], constants=constants))) > 10


def test_constants_that_double_end():
    """40 sums of a tensor with itself joined to itself: a terabyte, were they computed."""
    nodes = [
        helper.make_node("Concat", [f"t{i}", f"t{i}"], [f"t{i + 1}"], axis=0) for i in range(40)
    ]
    seed = numpy_helper.from_array(np.ones((1, 3), np.float32), "t0")
    assert len(refused(small(*nodes, constants=[seed], outputs=("t40",)))) > 10


def outside(location, *, offset=0, length=8):
    """Return a model whose constant lies in another file."""
    tensor = TensorProto(name="c", data_type=F32, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": str(offset), "length": str(length)}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return small(helper.make_node("Add", ["x", "c"], ["y"]), constants=[tensor], shape=(3, 2))


def test_data_beside_the_model_is_read(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "c.bin").write_bytes(b"\0" * 4 + np.float32([1, 2]).tobytes())
    path = tmp_path / "net.onnx"
    path.write_bytes(outside("data/c.bin", offset=4).SerializeToString())
    assert formats.load(path).constants["c"].tolist() == [1, 2]
    with pytest.raises(InputError, match="by its path"):
        formats.load(path.read_bytes())


@pytest.mark.parametrize(
    ("location", "options"),
    [
        ("../secret.bin", {}),
        ("/etc/hostname", {}),
        ("link.bin", {}),
        ("folder/secret.bin", {}),
        ("", {}),
        ("a\0b", {}),
        ("missing.bin", {}),
        ("here.bin", {"offset": 1 << 40}),
        ("here.bin", {"offset": -4}),
        ("here.bin", {"length": 4}),
        ("here.bin", {"length": 1 << 50}),
        (".", {}),
    ],
)
def test_data_elsewhere_is_not_read(tmp_path, location, options):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"\0" * 8)
    (folder / "here.bin").write_bytes(b"\0" * 8)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "folder").symlink_to(tmp_path, target_is_directory=True)
    path = folder / "net.onnx"
    path.write_bytes(outside(location, **options).SerializeToString())
    with pytest.raises(LitegoldError):
        formats.load(path)


def test_other_files_are_no_models():
    for data in (b"", b"\x08", b"PK\x03\x04 zip", b"\x89PNG\r\n", b"\x08" * 400, b"\x3a\x00"):
        assert len(refused(data)) > 10
