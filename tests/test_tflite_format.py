"""TFLite files: what is read, what is refused and how, and that what is written reads back."""

import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from litegold import formats
from litegold.formats import tflite
from litegold.formats.tflite.reader import missing_op
from litegold.formats.tflite.table import TYPE_OF_FORMAT
from litegold.ir import (
    FORMATS,
    ConstraintError,
    FormatError,
    Graph,
    InputError,
    Node,
    QuantParams,
    State,
    TensorType,
    UnsupportedError,
)
from litegold.refimpl.activation import relu
from litegold.refimpl.conv import conv2d
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.shape import reshape

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LITEGOLD_DATA", ROOT.parent / "shared"))
FILES = {f"{p.parent.name}/{p.stem}": p for p in (SHARED / "models" / "tflite").glob("*/*.tflite")}
REFUSED = {"tflm/person_detect", "mslite_ops/deconv"}
with_models = pytest.mark.skipif(not FILES, reason="no shared models (LITEGOLD_DATA)")

F32, S8 = FORMATS["f32"], FORMATS["s8"]


def graph_of(types, constants=None, nodes=(), inputs=(), outputs=(), **more):
    """Return a graph; constants enter the tensors by themselves."""
    constants = constants or {}
    tensors = types | {
        n: TensorType.of(v).without_value() for n, v in constants.items() if n not in types
    }
    return Graph(tuple(nodes), tuple(inputs), tuple(outputs), tensors, constants, **more)


def classifier(channels=3):
    """Return a float32 network of three nodes with distinct sizes everywhere."""
    draw = np.random.default_rng(7)
    types = {
        "image": TensorType((1, 7, 6, 2)),
        "features": TensorType((1, 4, 3, channels)),
        "flat": TensorType((1, 12 * channels)),
        "scores": TensorType((1, 5)),
    }
    constants = {
        "filters": draw.normal(size=(channels, 3, 3, 2)).astype("f"),
        "bias": draw.normal(size=channels).astype("f"),
        "shape": np.array([1, 12 * channels], np.int32),
        "weights": draw.normal(size=(5, 12 * channels)).astype("f"),
        "offsets": draw.normal(size=5).astype("f"),
    }
    convolution = {"stride": (2, 2), "pad": (1, 1, 0, 1), "dilation": (1, 1), "activation": "relu6"}
    nodes = (
        Node(conv2d, ("image", "filters", "bias"), ("features",), convolution, "0 CONV_2D"),
        Node(reshape, ("features", "shape"), ("flat",), {}, "1 RESHAPE"),
        Node(
            fully_connected,
            ("flat", "weights", "offsets"),
            ("scores",),
            {"activation": "none", "keep_dims": False},
            "2 FULLY_CONNECTED",
        ),
    )
    return graph_of(types, constants, nodes, ["image"], ["scores"], name="classifier")


def quantized_classifier():
    """Return an int8 convolution with a scale for each filter."""
    draw = np.random.default_rng(8)
    scales = (0.25, 0.5, 0.125)
    types = {
        "image": TensorType((1, 7, 6, 2), S8, QuantParams((0.5,), (3,))),
        "filters": TensorType((3, 3, 3, 2), S8, QuantParams(scales, (0, 0, 0), 0)),
        "bias": TensorType(
            (3,), FORMATS["s32"], QuantParams(tuple(s / 2 for s in scales), (0,) * 3, 0)
        ),
        "features": TensorType((1, 4, 3, 3), S8, QuantParams((0.75,), (-7,))),
    }
    constants = {
        "filters": draw.integers(-127, 128, (3, 3, 3, 2), np.int8),
        "bias": draw.integers(-999, 999, 3, np.int32),
    }
    convolution = {"stride": (2, 2), "pad": (1, 1, 0, 1), "dilation": (1, 1), "activation": "relu"}
    node = Node(conv2d, ("image", "filters", "bias"), ("features",), convolution, "0 CONV_2D")
    return graph_of(types, constants, [node], ["image"], ["features"], name="quantized")


def assert_same(a, b):
    assert [(n.op, n.inputs, n.outputs, dict(n.attributes)) for n in a.nodes] == [
        (n.op, n.inputs, n.outputs, dict(n.attributes)) for n in b.nodes
    ]
    assert (a.inputs, a.outputs, a.dynamic) == (b.inputs, b.outputs, b.dynamic)
    assert dict(a.tensors) == dict(b.tensors)
    assert set(a.constants) == set(b.constants)
    for name, value in a.constants.items():
        assert value.dtype == b.constants[name].dtype
        assert value.tobytes() == b.constants[name].tobytes(), name
    assert [(s.tensor, s.successor) for s in a.states] == [
        (s.tensor, s.successor) for s in b.states
    ]
    assert a.metadata.get("signatures") == b.metadata.get("signatures")


# Reading.


@with_models
@pytest.mark.parametrize("name", sorted(set(FILES) - REFUSED))
def test_every_shared_model_loads(name):
    graph = formats.load(FILES[name])
    assert graph.outputs
    assert "unsupported" not in graph.metadata or name == "tflm/audio_preprocessor_int8"
    assert set(graph.origin) <= set(graph.tensors)


@with_models
def test_a_quantized_dimension_beyond_the_rank_is_refused_by_name():
    with pytest.raises(
        FormatError, match=r"tensor 33 '.*Conv2D_bias': field quantized_dimension is 3"
    ):
        formats.load(FILES["tflm/person_detect"])


@with_models
def test_missing_operators_are_all_named():
    graph = formats.load(FILES["tflm/audio_preprocessor_int8"])
    signal = [code for code in graph.metadata["unsupported"] if code.startswith("Signal")]
    assert len(signal) == len(graph.metadata["unsupported"]) == 9
    node = next(n for n in graph.nodes if n.op.__name__ == "SignalWindow")
    with pytest.raises(UnsupportedError, match="SignalWindow"):
        node.op(np.zeros(3, "f"))


@with_models
def test_an_inconsistent_output_shape_is_a_labelled_error():
    with pytest.raises(ConstraintError, match=r"^\(.+\) node 0 TRANSPOSE_CONV"):
        formats.load(FILES["mslite_ops/deconv"])


@with_models
def test_open_batch_axes_are_known():
    graph = formats.load(FILES["tflite_support/dilated_conv"])
    assert graph.dynamic["input_1"] == (0, 1, 2)
    assert graph.tensors["input_1"].shape == (1, 1, 1, 3)


@with_models
def test_labels_come_with_the_model():
    labels = formats.load(FILES["coral/mobilenet_v2_1.0_224_quant"]).metadata["labels"]
    assert len(labels) == 1001
    assert labels[0] == "background"


@with_models
def test_variables_are_states():
    graph = formats.load(FILES["tflm/keyword_scrambled"])
    assert len(graph.states) == 7
    assert all(s.successor != s.tensor for s in graph.states)
    produced = {name for node in graph.nodes for name in node.outputs}
    assert {s.successor for s in graph.states} <= produced
    assert all(graph.origin[s.successor] == graph.origin[s.tensor] for s in graph.states)


@with_models
def test_an_input_with_data_is_a_constant():
    graph = formats.load(FILES["mslite_ops/batch_to_space_nd"])
    assert graph.inputs == ()
    assert len(graph.constants) == 3


@with_models
@pytest.mark.parametrize("name", sorted(set(FILES) - REFUSED - {"tflm/audio_preprocessor_int8"}))
def test_shared_models_survive_writing(name):
    graph = formats.load(FILES[name])
    assert_same(formats.load(tflite.write(graph)), graph)


# Writing.


@pytest.mark.parametrize("make", [classifier, quantized_classifier])
def test_what_is_written_reads_back(make):
    assert_same(formats.load(tflite.write(make())), make())


def test_every_element_type_is_written():
    known = {name: dtype for name, dtype in FORMATS.items() if name in TYPE_OF_FORMAT}
    assert known.keys() >= {"f32", "f16", "f64", "s8", "u8", "s16", "s32", "s64", "bool"}
    constants = {name: np.arange(6).reshape(2, 3).astype(dtype) for name, dtype in known.items()}
    constants["empty"], constants["scalar"] = np.empty((0, 4), "f"), np.array(7, np.int64)
    graph = graph_of({}, constants, outputs=constants)
    assert_same(formats.load(tflite.write(graph)), graph)


def test_open_axes_are_written():
    types = {"x": TensorType((1, 3, 1))}
    graph = graph_of(types, inputs=["x"], outputs=["x"], dynamic={"x": (0, 2)})
    assert formats.load(tflite.write(graph)).dynamic == {"x": (0, 2)}


def test_signatures_are_written():
    signatures = {"serve": {"inputs": {"a": "x"}, "outputs": {"b": "x"}}}
    graph = graph_of(
        {"x": TensorType((2,))}, inputs=["x"], outputs=["x"], metadata={"signatures": signatures}
    )
    assert formats.load(tflite.write(graph)).metadata["signatures"] == signatures


def test_states_are_variables():
    state = TensorType((2, 3), S8, QuantParams((0.5,), (9,)))
    graph = graph_of(
        {"x": TensorType((2,)), "s": state},
        inputs=["x"],
        outputs=["x"],
        states=(State("s", "s", np.full((2, 3), 9, np.int8)),),
    )
    (read,) = formats.load(tflite.write(graph)).states
    assert (read.tensor, read.successor) == ("s", "s")
    # int8 variables start from what stands for zero.
    assert read.initial.tolist() == [[9, 9, 9], [9, 9, 9]]


@pytest.mark.parametrize("start", [np.ones((2, 3), "f"), np.zeros((3, 2), "f")])
def test_a_state_that_starts_elsewhere_is_not_written(start):
    state = TensorType((2, 3))
    graph = graph_of({"s": state}, states=(State("s", "s", start),))
    with pytest.raises(UnsupportedError, match="start from zero"):
        tflite.write(graph)


def test_an_updated_state_is_no_output():
    state = TensorType((2, 3))
    states = (State("s", "t", np.zeros((2, 3), "f")),)
    graph = graph_of({"s": state, "t": state}, outputs=["t"], states=states)
    with pytest.raises(UnsupportedError, match="run that updates it"):
        tflite.write(graph)


def test_constants_are_aligned():
    data = tflite.write(classifier())
    for value in formats.load(data).constants.values():
        at = data.find(value.tobytes())
        assert at % 16 == 0 or value.nbytes < 16


def test_an_operator_without_a_rule_is_not_written():
    node = Node(missing_op("Nonesuch"), ("x",), ("y",), name="0 Nonesuch")
    graph = graph_of({"x": TensorType((2,)), "y": TensorType((2,))}, {}, [node], ["x"], ["y"])
    with pytest.raises(UnsupportedError, match="Nonesuch"):
        tflite.write(graph)


@pytest.mark.parametrize("make", [classifier, quantized_classifier])
def test_litert_runs_what_is_written(make):
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    graph = make()
    interpreter = interpreters.Interpreter(model_content=tflite.write(graph))
    interpreter.allocate_tensors()
    for found, name in zip(interpreter.get_output_details(), graph.outputs, strict=True):
        type = graph.tensors[name]
        assert (found["name"], tuple(found["shape"])) == (name, type.shape)
        assert found["dtype"] == type.dtype
        if type.quant:
            assert found["quantization"] == (type.quant.scale[0], type.quant.zero_point[0])
    interpreter.invoke()


# Recognition.


def test_other_content_is_no_model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    with pytest.raises(FormatError, match=r"model\.tflite.*PNG"):
        formats.load(path)
    for data in (b"", b"TFL3", b"\x00" * 8):
        with pytest.raises(FormatError, match="not a model"):
            formats.load(data)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        formats.load(tmp_path / "nowhere.tflite")
    with pytest.raises(InputError, match="directory"):
        formats.load(tmp_path)


def test_a_name_says_nothing(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(tflite.write(classifier()))
    assert_same(formats.load(path), classifier())


def test_attached_labels_are_read():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("labels.txt", "cat\ndog\n")
    data = tflite.write(classifier()) + archive.getvalue()
    assert formats.load(data).metadata["labels"] == ("cat", "dog")
    assert "labels" not in formats.load(data[:-30]).metadata


# Names.


def test_names_become_unique():
    types = {"x": TensorType((2,)), "y": TensorType((3,)), "z": TensorType((4,))}
    graph = graph_of(types, inputs=["x", "y", "z"], outputs=["x"])
    data = tflite.write(graph)
    # The writer puts the length of a string before it.
    data = data.replace(b"\x01\x00\x00\x00y\x00", b"\x01\x00\x00\x00x\x00")
    data = data.replace(b"\x01\x00\x00\x00z\x00", b"\x00\x00\x00\x00\x00\x00")
    assert formats.load(data).inputs == ("x#0", "x#1", "#2")


def test_origin_is_the_index_in_the_file():
    assert formats.load(tflite.write(classifier())).origin["scores"] == 3


def test_relu_alone_is_written():
    types = {"x": TensorType((2,)), "y": TensorType((2,))}
    graph = graph_of(types, {}, [Node(relu, ("x",), ("y",), {}, "0 RELU")], ["x"], ["y"])
    assert_same(formats.load(tflite.write(replace(graph, name="alone"))), graph)
