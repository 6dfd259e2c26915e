"""Quantized ONNX: as onnxruntime computes it, node by node; and every encoding of narrow elements."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from litegold.conformance.engines.onnxruntime import EngineError, OnnxRuntime
from litegold.conformance.judge import expected, judge
from litegold.conformance.tables import CASES
from litegold.formats import load, onnx
from litegold.formats.onnx.tensors import Tensors
from litegold.ir import BITS_OF, FORMATS, FormatError, TensorType, UnsupportedError
from litegold.refimpl.affine import dequantize_linear, quantize_linear
from litegold.refimpl.cast import bit_cast, cast
from litegold.refimpl.integer_products import conv_integer, matmul_integer
from litegold.refimpl.narrow import MASKS
from litegold.runtime import Session
from litegold.runtime.interpreter import interpret

SHARED = Path(os.environ.get("LITEGOLD_DATA", Path(__file__).parents[2] / "shared"))
helper = pytest.importorskip("onnx.helper")
schema = pytest.importorskip("onnx.onnx_ml_pb2")

KEYS = [
    (quantize_linear, "f32"),
    *((dequantize_linear, form) for form in ("s8", "u8", "s16", "u16", "s32")),
    *((matmul_integer, "s8"), (matmul_integer, "u8"), (conv_integer, "u8")),
]
HANDED_OVER = {"f32", "f16", "s8", "u8", "s16", "u16", "s32"}  # types that its Python has


@pytest.fixture(scope="module")
def engine():
    with OnnxRuntime(timeout=30) as child:
        yield child


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key[0].__name__}-{key[1]}")
def test_onnxruntime_agrees(engine, key):
    tally = {"run": 0, "all": 0}

    @settings(
        max_examples=15,
        derandomize=True,
        deadline=None,
        suppress_health_check=[*HealthCheck],
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=CASES[key])
    def agrees(case):
        tally["all"] += 1
        node, want = case.graph().nodes[0], expected(case)
        types = {n: t for n, t in zip(node.inputs, case.types, strict=True) if n}
        types |= {n: TensorType.of(w) for n, w in zip(node.outputs, want, strict=True)}
        half = {"f16", "bf16"} & {case.attributes.get("precision"), case.attributes.get("to")}
        odd = conv_integer is key[0] and case.args[1].dtype != np.uint8
        if half or odd or not {t.format for t in types.values()} <= HANDED_OVER:
            return  # float16 is computed in float32 there, and convolutions know uint8 alone
        try:
            model, inputs = onnx.write([node], types)
        except UnsupportedError:
            return
        feeds = dict(zip(node.inputs, case.args, strict=True))
        try:
            got = engine.run(model, {name: feeds[name] for name in inputs})
        except EngineError as error:
            assert "_integer.cc" in str(error)  # it lacks zero points for rows, stacks, filters
            return
        verdict = judge(got[node.outputs[0]], want[0])
        assert verdict, f"onnxruntime has {verdict.reason}\n{case}"
        tally["run"] += 1

    agrees()
    assert tally["run"] * 8 >= tally["all"], tally


def model_of(nodes, inputs, outputs, constants):
    """Return the bytes of a model, and its tensors' names; opset 21."""
    import onnx.numpy_helper as arrays

    declared = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in inputs.items()
    ]
    wanted = [helper.make_empty_tensor_value_info(n) for n in outputs]
    stored = [arrays.from_array(np.asarray(v), n) for n, v in constants.items()]
    graph = helper.make_graph(nodes, "quantized", declared, wanted, stored)
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


def run_everywhere(engine, model, feeds):
    """Compare reference and plan with onnxruntime, which are to be equal bit for bit."""
    graph = load(model)
    want = engine.run(model, feeds)
    by_reference = interpret(graph, feeds)
    by_plan = Session(graph).run(feeds)
    for name in graph.outputs:
        for got in (by_reference[name], by_plan[name]):
            verdict = judge(got, want[name])
            assert verdict, f"{name}: onnxruntime has another: {verdict.reason}"


def weights(rng, shape, dtype):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("several", [False, True])
def test_qlinear_conv(engine, kind, several):
    rng = np.random.default_rng(1)
    channels = (6,) if several else ()
    constants = {
        "sx": np.float32(0.02),
        "zx": np.array(3, kind),
        "w": weights(rng, (6, 2, 3, 2), np.int8),
        "sw": np.full(channels, 0.013, "f") * rng.uniform(0.5, 1, channels).astype("f"),
        "zw": np.zeros(channels, np.int8),
        "sy": np.float32(0.41),
        "zy": np.array(-5 if kind == np.int8 else 120, kind),
        "b": rng.integers(-3000, 3000, 6).astype(np.int32),
    }
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"]
    node = helper.make_node("QLinearConv", names, ["y"], group=2, pads=[1, 0, 1, 1], strides=[2, 1])
    x = weights(rng, (2, 4, 9, 7), kind)
    run_everywhere(engine, model_of([node], {"x": x}, ["y"], constants), {"x": x})


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_qlinear_matmul(engine, kind):
    rng = np.random.default_rng(2)
    constants = {
        "sa": np.float32(0.03),
        "za": np.array(7, kind),
        "b": weights(rng, (11, 5), kind),
        "sb": np.float32(0.007),
        "zb": np.array(1, kind),
        "sy": np.float32(0.2),
        "zy": np.array(9, kind),
    }
    node = helper.make_node("QLinearMatMul", ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"], ["y"])
    a = weights(rng, (3, 4, 11), kind)
    run_everywhere(engine, model_of([node], {"a": a}, ["y"], constants), {"a": a})


def test_dynamic_quantize_linear(engine):
    x = np.random.default_rng(3).uniform(-1, 7, (5, 9)).astype("f")
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
    run_everywhere(engine, model_of([node], {"x": x}, ["y", "scale", "zero"], {}), {"x": x})


def test_quantized_and_dequantized_around_a_float_node(engine):
    """The form with QuantizeLinear and DequantizeLinear around a node is computed as it is written."""
    rng = np.random.default_rng(4)
    constants = {
        "s": np.float32(0.05),
        "z": np.array(100, np.uint8),
        "w": weights(rng, (8, 3), np.int8),
        "sw": rng.uniform(0.01, 0.02, 3).astype("f"),
        "zw": np.zeros(3, np.int8),
        "sy": np.float32(0.3),
        "zy": np.array(2, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["v"], axis=1),
        helper.make_node("MatMul", ["d", "v"], ["m"]),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "sy", "zy"], ["y"]),
    ]
    x = rng.uniform(-6, 9, (4, 8)).astype("f")
    run_everywhere(engine, model_of(nodes, {"x": x}, ["q", "d", "y"], constants), {"x": x})


@pytest.mark.parametrize("several", [False, True])
def test_transpositions_pass_what_is_quantized(engine, several):
    """Between two convolutions there is none, be scales for the tensor or for channels."""
    rng = np.random.default_rng(5)
    scale = 2.0 ** rng.integers(-2, 2, 6 if several else ())  # so that sums are exact
    zero = rng.integers(-9, 9, 6).astype(np.int8) if several else np.array(3, np.int8)
    constants = {
        "v": rng.integers(-3, 4, (6, 4, 3, 3)).astype("f"),
        "w": rng.integers(-3, 4, (5, 6, 1, 1)).astype("f"),
        "s": np.asarray(scale, np.float32),
        "z": zero,
    }
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["a", "s", "z"], ["q"], axis=1),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=-3),
        helper.make_node("Conv", ["d", "w"], ["y"]),
    ]
    x = rng.integers(-2, 3, (2, 4, 7, 8)).astype("f")
    model = model_of(nodes, {"x": x}, ["y"], constants)
    ops = [node.op.__name__ for node in load(model).nodes]
    assert ops.count("transpose") == 2, ops
    run_everywhere(engine, model, {"x": x})


WRITTEN = sorted(
    (key for key in CASES if key[0] in (cast, bit_cast, quantize_linear, dequantize_linear)),
    key=lambda key: (key[0].__name__, key[1]),
)


@pytest.mark.slow
@pytest.mark.parametrize("key", WRITTEN, ids=lambda key: f"{key[0].__name__}-{key[1]}")
def test_narrow_types_survive_a_file(key):
    told = []

    @settings(
        max_examples=6,
        derandomize=True,
        deadline=None,
        suppress_health_check=[*HealthCheck],
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=CASES[key])
    def survives(case):
        node, want = case.graph().nodes[0], expected(case)
        types = {n: t for n, t in zip(node.inputs, case.types, strict=True) if n}
        types |= {n: TensorType.of(w) for n, w in zip(node.outputs, want, strict=True)}
        try:
            model, inputs = onnx.write([node], types)
        except UnsupportedError as error:
            assert "rounds the scales" in str(error)
            return
        feeds = dict(zip(node.inputs, case.args, strict=True))
        again = interpret(load(model), {name: feeds[name] for name in inputs})
        verdict = judge(again[node.outputs[0]], want[0])
        assert verdict, f"{verdict.reason}\n{case}"
        told.append(case)

    survives()
    assert told


@pytest.mark.slow
def test_a_real_network(engine):
    """Of 56 quantized convolutions: every bit of the output is onnxruntime's."""
    path = SHARED / "models" / "onnx" / "onnx_models" / "shufflenet-v2-12-int8.onnx"
    if not path.exists():
        pytest.skip("no shared models (LITEGOLD_DATA)")
    feeds = {"input": np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype("f")}
    want = engine.run(path.read_bytes(), feeds)["output"]
    got = Session(load(path)).run(feeds)["output"]
    verdict = judge(got, want)
    assert verdict, verdict.reason


NUMBER = {
    "bf16": 16,
    "f8e4m3fn": 17,
    "f8e5m2fnuz": 20,
    "u4": 21,
    "s4": 22,
    "f4e2m1": 23,
    "u2": 25,
    "s2": 26,
}
PACKED = {"u4": 2, "s4": 2, "f4e2m1": 2, "u2": 4, "s2": 4}


def stored(form, bits):
    """Return the words in which a file stores elements: several in a byte, the first in the lowest bits."""
    count = PACKED.get(form, 1)
    padded = [*bits, *[0] * (-len(bits) % count)]
    groups = [padded[i : i + count] for i in range(0, len(padded), count)]
    return [sum(v << (8 // count * i) for i, v in enumerate(group)) for group in groups]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("form", NUMBER)
def test_narrow_elements_are_read(form, raw):
    mask = MASKS.get(form, 0xF if form == "f4e2m1" else 0xFFFF if form == "bf16" else 0xFF)
    bits = [(37 * i + 11) & mask for i in range(7)]
    tensor = schema.TensorProto(data_type=NUMBER[form], dims=[7])
    words = np.array(stored(form, bits), BITS_OF[form])
    if raw:
        tensor.raw_data = words.tobytes()
    else:
        tensor.int32_data.extend(words.tolist())
    value = Tensors(None).array(tensor, "a tensor")
    assert value.dtype == FORMATS[form]
    assert value.view(BITS_OF[form]).tolist() == bits


@pytest.mark.parametrize("raw", [False, True])
def test_missing_bytes_of_narrow_elements_are_an_error(raw):
    tensor = schema.TensorProto(data_type=NUMBER["u4"], dims=[7])
    if raw:
        tensor.raw_data = bytes(3)
    else:
        tensor.int32_data.extend([0] * 3)
    with pytest.raises(FormatError, match="a tensor"):
        Tensors(None).array(tensor, "a tensor")
