"""The networks of train/models, and whole networks as ONNX models."""

import collections

import numpy as np
import pytest

import litegold as lg
from litegold.conformance.check import check
from litegold.conformance.engines.onnxruntime import OnnxRuntime
from litegold.conformance.inputs import random_feeds
from litegold.conformance.layers import judge_layers
from litegold.formats.onnx import write_graph
from litegold.ir import Graph, Node, TensorType, UnsupportedError
from litegold.refimpl.conv import conv2d
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.shape import reshape, transpose
from litegold.runtime.interpreter import interpret
from litegold.train.models.table import MODELS

onnx = pytest.importorskip("onnx")

# Small enough for the reference to be quick; all their layers are there.
SMALL = {
    "mobilenet_v1": {"size": 64, "classes": 10},
    "mobilenet_v2": {"size": 64, "classes": 10},
    "efficientnet_lite0": {"size": 64, "classes": 10},
    "resnet18": {"size": 64, "classes": 10},
    "resnet50": {"size": 64, "classes": 10},
    "squeezenet1_1": {"size": 63, "classes": 10},
    "vgg_small": {"size": 16},
    "transformer4": {"tokens": 6, "features": 32, "layers": 2},
    "lstm2": {"frames": 5, "features": 12, "cells": 16},
}
# Millions of multiplications with weights, as the papers count them (SqueezeNet's has none; VGG-small's is ours).
MILLIONS = {
    "mobilenet_v1": 569,
    "mobilenet_v2": 301,
    "efficientnet_lite0": 385,
    "resnet18": 1814,
    "resnet50": 4089,
    "squeezenet1_1": 349,
    "vgg_small": 608,
}


@pytest.fixture(scope="module")
def engine():
    with OnnxRuntime(timeout=60) as child:
        yield child


def small(name):
    return MODELS[name](**SMALL[name])


def multiplications(graph):
    """Count those of convolutions and fully connected layers."""
    total = 0
    for node in graph.nodes:
        if node.op.__name__ in ("conv2d", "depthwise_conv2d", "fully_connected"):
            filters = graph.tensors[node.inputs[1]].shape
            each = np.prod(filters[:3]) if node.op.__name__[0] == "d" else np.prod(filters[1:])
            total += int(each) * graph.tensors[node.outputs[0]].size
    return total


def test_all_networks_are_tested():
    assert set(MODELS) == SMALL.keys()


@pytest.mark.parametrize("name", MILLIONS)
def test_networks_have_their_published_size(name):
    assert round(multiplications(MODELS[name]()) / 1e6) == MILLIONS[name]


@pytest.mark.parametrize("name", MODELS)
def test_activations_keep_their_size(name):
    graph = small(name)
    tensors = interpret(graph, random_feeds(graph, 0))
    for node in graph.nodes[:-2]:
        assert 0.05 < np.std(tensors[node.outputs[0]]) < 10, node


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_makes_the_weights(name):
    one, same, other = (MODELS[name](seed, **SMALL[name]).constants for seed in (0, 0, 1))
    assert all(np.array_equal(one[n], same[n]) for n in one)
    assert any(not np.array_equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_of_the_model_is_right(engine, name):
    graph = small(name)
    model = write_graph(graph, every=True)
    onnx.checker.check_model(onnx.load_from_string(model.data), full_check=True)
    feeds = random_feeds(graph, 1)
    seen = model.results(engine.run(model.data, model.feeds(feeds)))
    layers = list(judge_layers(graph, {**seen, **feeds}))
    assert [layer.verdict.reason for layer in layers if not layer.verdict.ok] == []
    assert len(layers) >= len(graph.nodes)


@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
@pytest.mark.parametrize("name", MODELS)
def test_models_give_their_outputs_whole(engine, name, first):
    graph = small(name)
    feeds, model = random_feeds(graph, 1), write_graph(graph, channels_first=first)
    got = model.results(engine.run(model.data, model.feeds(feeds), fuse=True))
    want = interpret(graph, feeds)
    for output in graph.outputs:
        assert got[output].shape == want[output].shape
        assert np.argmax(got[output]) == np.argmax(want[output])


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"lstm2", "transformer4"}))
def test_nothing_is_reordered_between_layers(name):
    file = onnx.load_from_string(write_graph(small(name), channels_first=True).data)
    codes = collections.Counter(node.op_type for node in file.graph.node)
    assert not codes.keys() & {"Transpose", "Gather", "Identity"}
    stored = {t.name: t for t in file.graph.initializer}
    filters = [stored[n.input[1]].dims for n in file.graph.node if n.op_type == "Conv"]
    assert len(filters) == codes["Conv"]


def flattened(*, scores):
    """Return a network that flattens 3x2 pixels of 4 channels, and maybe multiplies what comes out."""
    rng = np.random.default_rng(0)
    constants = {
        "w": rng.integers(-9, 9, (4, 2, 2, 3)).astype("f"),
        "to": np.int32([2, 24]),
        "m": rng.integers(-9, 9, (5, 24)).astype("f"),
    }
    nodes = [
        Node(conv2d, ("x", "w"), ("c",), name="conv"),
        Node(reshape, ("c", "to"), ("flat",), name="flat"),
    ]
    if scores:
        nodes.append(Node(fully_connected, ("flat", "m"), ("s",), name="scores"))
    shapes = {"x": (2, 4, 3, 3), "c": (2, 3, 2, 4), "flat": (2, 24), "s": (2, 5)}
    tensors = {n: TensorType(s) for n, s in shapes.items()}
    tensors |= {n: TensorType.of(v).without_value() for n, v in constants.items()}
    return Graph(
        tuple(nodes), ("x",), ("s",) if scores else ("flat",), tensors, constants, name="flattened"
    )


@pytest.mark.parametrize("scores", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_a_flattened_tensor_has_its_columns_in_our_order(engine, scores, first):
    graph = flattened(scores=scores)
    model = write_graph(graph, channels_first=first)
    feeds = {"x": np.random.default_rng(1).integers(-9, 9, (2, 4, 3, 3)).astype("f")}  # exact sums
    got = model.results(engine.run(model.data, model.feeds(feeds)))
    want = interpret(graph, feeds)
    assert all(np.array_equal(got[n], want[n]) for n in graph.outputs)
    assert (b"Transpose" in model.data) == (not first)  # of x, where it comes in


def test_what_is_not_channels_last_is_reordered(engine):
    perm = np.int32([2, 1, 3, 0])
    x = TensorType((2, 3, 4, 5))
    tensors = {"x": x, "y": TensorType((4, 3, 5, 2)), "perm": TensorType.of(perm).without_value()}
    graph = Graph(
        (Node(transpose, ("x", "perm"), ("y",)),), ("x",), ("y",), tensors, {"perm": perm}
    )
    feeds = random_feeds(graph, 0)
    for first in (True, False):
        model = write_graph(graph, channels_first=first)
        got = model.results(engine.run(model.data, model.feeds(feeds)))
        assert np.array_equal(got["y"], feeds["x"].transpose(perm))


def test_save_writes_what_onnxruntime_takes(engine, tmp_path):
    graph = small("mobilenet_v2")
    lg.save(graph, tmp_path / "net.onnx")
    feeds = random_feeds(graph, 0)
    got = engine.run((tmp_path / "net.onnx").read_bytes(), feeds)
    assert np.argmax(got["probabilities"]) == np.argmax(interpret(graph, feeds)["probabilities"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v2", "transformer4"])
def test_the_plan_is_right_at_full_size(name):
    """Where convolutions are large enough for every algorithm, and write beside each other."""
    report = check(MODELS[name](), runs=1)
    assert report.ok, [row for row in report.rows if not row.ok]


def test_what_onnx_cannot_say_names_the_node():
    perm, x = np.int32([0]), TensorType((2,))
    cell = Node(transpose, ("x", "p"), ("y",), name="turn")
    graph = Graph((cell,), ("x", "p"), ("y",), {"x": x, "p": TensorType.of(perm), "y": x})
    with pytest.raises(UnsupportedError, match="turn"):
        write_graph(graph)
