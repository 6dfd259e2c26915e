"""The interface by which ONNX's tools run us."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import litegold.onnx_backend as backend
from litegold import InputError, UnsupportedError


def model(op="Add"):
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3]) for n in "xy"]
    outputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2, 3])]
    graph = helper.make_graph([helper.make_node(op, ["x", "y"], ["z"])], "g", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


X, Y = np.arange(6, dtype="f").reshape(2, 3), np.ones((2, 3), "f")


@pytest.mark.parametrize("way", ["jit", "reference"])
def test_prepared_models_run_again(way):
    ready = backend.prepare(model(), backend=way)
    for _ in range(2):
        found = ready.run([X, Y])
        assert found.z.tolist() == found[0].tolist() == found["z"].tolist() == (X + 1).tolist()
    assert ready.run({"x": X, "y": Y}).z.tolist() == (X + 1).tolist()


def test_a_model_runs_at_once():
    assert backend.run_model(model("Mul"), [X, Y])[0].tolist() == X.tolist()


def test_a_node_runs():
    node = helper.make_node("Clip", ["x", "", "high"], ["y"])
    (y,) = backend.run_node(node, [X, np.float32(3).reshape(())], opset_version=13)
    assert y.tolist() == np.minimum(X, 3).tolist()
    node = helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)
    (y,) = backend.run_node(node, [X, np.array([1])])
    assert y.tolist() == X.sum(1).tolist()


def test_devices():
    assert backend.supports_device("CPU") and not backend.supports_device("CUDA:1")
    with pytest.raises(InputError, match="'CPU'"):
        backend.prepare(model(), "CUDA")


def test_what_is_missing_is_said():
    lacking = model("NoSuchOperator")
    assert backend.is_compatible(model()) and not backend.is_compatible(lacking)
    with pytest.raises(UnsupportedError, match="NoSuchOperator"):
        backend.prepare(lacking)


def test_wrong_numbers_of_inputs():
    with pytest.raises(InputError, match="1 inputs for x, y"):
        backend.prepare(model()).run([X])
    with pytest.raises(InputError, match="2 arrays for the inputs x"):
        backend.run_node(helper.make_node("Abs", ["x"], ["y"]), [X, Y])


def test_it_is_a_backend():
    assert issubclass(backend.LitegoldBackend, onnx.backend.base.Backend)
