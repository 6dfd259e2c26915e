"""float32 networks made full-integer: the same bits as LiteRT, and no further off than their steps allow."""

import numpy as np
import pytest

from litegold.conformance.engines.litert import LiteRT
from litegold.conformance.inputs import random_feeds
from litegold.formats import load, tflite
from litegold.ir import Graph, InputError, Node, QuantParams, TensorType, UnsupportedError
from litegold.quant.calibration import affine, joined, observe
from litegold.quant.post_training import quantize_graph
from litegold.refimpl.activation import elu
from litegold.refimpl.conv import conv2d
from litegold.runtime.interpreter import interpret
from litegold.runtime.session import Session
from litegold.train.models.table import MODELS

SMALL = {
    "mobilenet_v2": {"size": 32, "classes": 10},
    "resnet18": {"size": 32, "classes": 10},
    "resnet50": {"size": 32, "classes": 10},
    "squeezenet1_1": {"size": 63, "classes": 10},
    "vgg_small": {"size": 8},
}


def calibrated(graph, count=2):
    feeds = [random_feeds(graph, seed) for seed in range(count)]
    return quantize_graph(graph, observe(graph, interpret, feeds))


@pytest.mark.parametrize("name", SMALL)
def test_litert_has_the_same_bits(name):
    made = calibrated(MODELS[name](**SMALL[name]))
    data = tflite.write(made)
    graph = load(data)
    (x,), (y,) = graph.inputs, graph.outputs
    batches = [random_feeds(graph, seed) for seed in (1, 2)]
    with LiteRT() as engine:
        ran = engine.run(data, [{graph.origin[x]: f[x]} for f in batches], tensors="outputs")
    session = Session(graph)
    for feeds, theirs in zip(batches, ran, strict=True):
        want = interpret(graph, feeds)[y]
        assert np.array_equal(want, theirs[graph.origin[y]])
        assert np.array_equal(want, session.run(feeds)[y])


def steps(type):
    """Return the scales of a quantized tensor, shaped so that they broadcast over it."""
    shape = [1] * len(type.shape)
    if type.quant.axis is not None:
        shape[type.quant.axis] = -1
    return np.reshape(type.quant.scale, shape)


def test_a_layer_is_off_by_half_a_step_of_what_it_reads_and_makes():
    """|y - y'| <= sum(|x| dw + |w| dx + dw dx) + db + dy, with half of each scale, while nothing saturates."""
    float_net = MODELS["vgg_small"](size=8)
    feeds = [random_feeds(float_net, seed) for seed in range(3)]
    made = quantize_graph(float_net, observe(float_net, interpret, feeds))
    node, x = made.nodes[0], feeds[1]["image"]
    zero, dx = made.tensors["image"].quant.zero_point[0], steps(made.tensors["image"])
    stored = np.clip(np.rint(x / dx) + zero, -128, 127).astype(np.int8)
    got = interpret(made, {"image": stored})[node.outputs[0]].astype(np.float64)
    type = made.tensors[node.outputs[0]]
    got = (got - type.quant.zero_point[0]) * steps(type)
    want = interpret(float_net, feeds[1])[node.outputs[0]]
    dw, db = (steps(made.tensors[n]) / 2 for n in node.inputs[1:])
    w = float_net.constants[node.inputs[1]]
    plain = {k: v for k, v in node.attributes.items() if k != "activation"}
    size, ones = np.abs(x).astype("f"), np.ones_like(x)
    each = np.broadcast_to(dw, w.shape).astype("f")
    bound = conv2d(size, each, **plain).astype("d") + conv2d(ones, np.abs(w), **plain) * dx / 2
    bound += conv2d(ones, each, **plain) * dx / 2 + db.reshape(-1)
    bound += 1.5 * steps(
        type
    )  # half a step, one of the rounding multiplier, and what a clamped end lacks
    assert np.all(np.abs(got - want) <= bound * (1 + 2.0**-20))


def test_weights_use_all_steps_and_biases_have_the_scale_of_products():
    made = calibrated(MODELS["resnet18"](size=32, classes=10))
    for node in made.nodes:
        if node.op is conv2d:
            x, w, b = (made.tensors[n] for n in node.inputs)
            stored = made.constants[node.inputs[1]]
            assert (np.abs(stored).max(axis=(1, 2, 3)) == 127).all()
            products = np.float32(w.quant.scale) * np.float32(x.quant.scale[0])
            assert np.array_equal(np.float32(b.quant.scale), products)


def test_what_moves_numbers_keeps_their_quantization():
    made = calibrated(MODELS["squeezenet1_1"](size=63, classes=10))
    for node in made.nodes:
        if node.op.__name__ in ("concat", "max_pool2d"):
            names = [n for n in (*node.inputs, *node.outputs) if n]
            assert len({made.tensors[n].quant for n in names}) == 1
    assert made.tensors[made.outputs[0]].quant == QuantParams((1 / 256,), (-128,))


def test_ranges_hold_all_batches_and_zero():
    assert joined((-1, 2), (0, 3)) == (-1, 3)
    assert affine((1.0, 2.55)).zero_point == (-128,)
    assert affine((-2.55, -1.0)).zero_point == (127,)
    graph = MODELS["vgg_small"](size=8)
    one, two = (observe(graph, interpret, [random_feeds(graph, s)]) for s in (0, 1))
    both = observe(graph, interpret, [random_feeds(graph, s) for s in (0, 1)])
    assert both["image"] == joined(one["image"], two["image"])


def test_what_cannot_be_calibrated_says_so():
    graph = MODELS["vgg_small"](size=8)
    with pytest.raises(InputError, match="an input at least"):
        observe(graph, interpret, [])
    bad = {"image": np.full((1, 8, 8, 3), np.inf, np.float32)}
    with pytest.raises(InputError, match="image"):
        observe(graph, lambda *_: {}, [bad])
    with pytest.raises(UnsupportedError, match="not observed"):
        quantize_graph(graph, {})
    type = TensorType((2,))
    curve = Graph((Node(elu, ("x",), ("y",), name="bend"),), ("x",), ("y",), {"x": type, "y": type})
    with pytest.raises(UnsupportedError, match="bend"):
        calibrated(curve)
