"""Nodes written as ONNX, run by onnxruntime and judged; and `check` against onnxruntime."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from litegold.conformance.case import Case
from litegold.conformance.check import check
from litegold.conformance.engines.onnxruntime import EngineError, OnnxRuntime
from litegold.conformance.judge import bounds, expected, judge
from litegold.conformance.tables import CASES
from litegold.formats import load, onnx, tflite
from litegold.formats.onnx.table import ONNX_WRITER
from litegold.ir import (
    NARROW_FLOATS,
    NARROW_INTS,
    Graph,
    Node,
    QuantParams,
    TensorType,
    UnsupportedError,
)
from litegold.quant.rule import INT8
from litegold.refimpl.activation import logistic, tanh
from litegold.refimpl.affine import dequantize_linear, quantize_linear
from litegold.refimpl.binary import mul
from litegold.refimpl.cast import bit_cast, cast, dequantize, quantize
from litegold.refimpl.conv import conv2d, depthwise_conv2d
from litegold.refimpl.einsum import einsum
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.pool import max_pool2d
from litegold.refimpl.recurrent import lstm
from litegold.refimpl.reduce import mean, reduce_prod
from litegold.refimpl.reduce import sum as sum_op
from litegold.refimpl.region import roi_align, roi_pool
from litegold.refimpl.resample import resize
from litegold.refimpl.resize import resize_nearest_neighbor
from litegold.refimpl.sample import grid_sample
from litegold.refimpl.softmax import softmax
from litegold.refimpl.sort import unique, unique_rows
from litegold.refimpl.trigonometry import acos, asin

SHARED = Path(os.environ.get("LITEGOLD_DATA", Path(__file__).parents[2] / "shared"))
MODELS = SHARED / "models/tflite"
FLOAT_MODELS = [
    "mlperf_tiny/pretrainedResnet.tflite",
    "mlperf_tiny/vww_96_float.tflite",
    "tflm/magic_wand.tflite",
]
# onnxruntime has no kernel for these types or axes, sums int64 in float64, or finds places in float32.
NOT_THERE = {
    *((op, "f32") for op in (resize, grid_sample, roi_align, roi_pool)),
    *((bit_cast, form) for form in ("f32", "s32", "s64", "bool")),
    *((quantize_linear, form) for form in ("f32", "s32")),  # see test_onnx_quantized.py
    *(
        (op, "f32") for op in (acos, asin)
    ),  # beyond the envelope on some processors; docs/engines.md
    (unique, "s32"),
    (unique_rows, "s32"),
    *((resize_nearest_neighbor, form) for form in ("bool", "s64")),
    *((op, "s64") for op in (mean, reduce_prod, sum_op)),
}
# Where onnxruntime leaves the envelope (docs/engines.md), and arguments at which it does.
WRONG_THERE = {
    logistic: np.float32([-15, -10]),  # a rational function: right to some roundings of 1, not of y
    tanh: np.float32([1e-38, 5e-39]),  # its products lose digits where they are subnormal
}
# Most cases have a projection, clipped cells, repeated axes of 1, for which ONNX has no word; types its Python has not.
SELDOM = {lstm, einsum, cast, quantize_linear, dequantize_linear}


def plain_keys(formats):
    keys = (k for k in CASES if k[1] in formats and k[0] in ONNX_WRITER and k not in INT8)
    known = NOT_THERE | {(op, "f32") for op in WRONG_THERE}
    return sorted(set(keys) - known, key=lambda key: (key[0].__name__, key[1]))


HANDED_OVER = ("f8e4m3fn",)  # the narrow type that onnxruntime's Python has, as bytes


def key_id(key):
    return f"{key[0].__name__}-{key[1]}"


@pytest.fixture(scope="module")
def engine():
    with OnnxRuntime(timeout=30) as child:
        yield child


def verdicts(engine, case):
    """Yield what the judge says of each output that onnxruntime has for a case."""
    want, node = expected(case), case.graph().nodes[0]
    types = {n: t for n, t in zip(node.inputs, case.types, strict=True) if n}
    types |= {n: TensorType.of(w) for n, w in zip(node.outputs, want, strict=True)}
    args = dict(zip(node.inputs, case.args, strict=True))
    strange = {t.format for t in types.values()} & {*NARROW_FLOATS, *NARROW_INTS} - {*HANDED_OVER}
    if strange:
        raise UnsupportedError(f"onnxruntime's Python has no arrays of {strange}")
    model, inputs = onnx.write([node], types)
    got = engine.run(model, {name: args[name] for name in inputs})
    for name, w, bound in zip(node.outputs, want, bounds(case, want), strict=True):
        plain = got[name].view(w.dtype) if types[name].format in HANDED_OVER else got[name]
        yield judge(plain, w, bound)


def check_case(engine, case, tally):
    if case.op is max_pool2d and np.isnan(case.args[0]).any():
        return  # it loses NaN (docs/engines.md)
    try:
        found = list(verdicts(engine, case))
    except UnsupportedError as error:
        tally[str(error)] += 1
        return
    for verdict in found:
        assert verdict, f"onnxruntime has {verdict.reason}\n{case}"
    tally["run"] += 1


def check_key(engine, key, count):
    tally = Counter()

    @settings(
        max_examples=count, derandomize=True, deadline=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=CASES[key])
    def body(case):
        check_case(engine, case, tally)

    body()
    assert tally["run"] * (8 if key[0] in SELDOM else 2) >= tally.total(), tally


@pytest.mark.parametrize("key", plain_keys({"f32"}), ids=key_id)
def test_onnxruntime_agrees(engine, key):
    check_key(engine, key, 10)


@pytest.mark.parametrize("op", WRONG_THERE, ids=lambda op: op.__name__)
def test_the_judge_finds_where_onnxruntime_is_wrong(engine, op):
    """Once it is mended, this fails: the operator then belongs to those that agree."""
    (verdict,) = verdicts(engine, Case(op, (WRONG_THERE[op],), {}))
    assert not verdict and "allowed" in verdict.reason


@pytest.mark.parametrize("key", plain_keys({"s32", "s64", "bool"}), ids=key_id)
def test_onnxruntime_agrees_on_integers(engine, key):
    check_key(engine, key, 4)


@pytest.mark.long
@pytest.mark.parametrize("key", plain_keys({"f32"}), ids=key_id)
def test_onnxruntime_agrees_on_many(engine, key):
    check_key(engine, key, 200)


def network(*, middle=()):
    """Return a float network with fused activations; nodes of `middle` lead from `pooled` to `joined`."""
    rng = np.random.default_rng(0)
    constants = {
        "w": rng.standard_normal((6, 3, 3, 4)).astype("f"),
        "b": rng.standard_normal(6).astype("f"),
        "dw": rng.standard_normal((1, 3, 2, 6)).astype("f"),
        "fw": rng.standard_normal((5, 6)).astype("f"),
        "axes": np.int32([1, 2]),
    }
    nodes = (
        Node(conv2d, ("x", "w", "b"), ("c",), {"pad": (1, 1, 1, 1), "activation": "relu6"}),
        Node(depthwise_conv2d, ("c", "dw"), ("d",), {"stride": (2, 1)}),
        Node(max_pool2d, ("d",), ("pooled",), {"stride": (1, 2), "activation": "relu_n1_to_1"}),
        *(middle or [Node(mul, ("pooled", "pooled"), ("joined",), {"activation": "relu"})]),
        Node(mean, ("joined", "axes"), ("m",)),
        Node(fully_connected, ("m", "fw"), ("f",)),
        Node(softmax, ("f",), ("y",), {"beta": 0.5}),
    )
    shapes = {"x": (2, 9, 8, 4), "c": (2, 9, 8, 6), "d": (2, 4, 7, 6), "pooled": (2, 3, 3, 6)}
    shapes |= {"joined": (2, 3, 3, 6), "m": (2, 6), "f": (2, 5), "y": (2, 5)}
    tensors = {name: TensorType(shape) for name, shape in shapes.items()}
    tensors |= {name: TensorType.of(v).without_value() for name, v in constants.items()}
    return Graph(nodes, ("x",), ("y",), tensors, constants, name="generated")


def quantized_middle():
    """Return a network that goes through int8 on its way."""
    nodes = (
        Node(quantize, ("pooled",), ("q",), {"to": "s8"}),
        Node(dequantize, ("q",), ("joined",)),
    )
    graph = network(middle=nodes)
    q = TensorType((2, 3, 3, 6), np.dtype(np.int8), QuantParams((1 / 127,)))
    return Graph(
        graph.nodes, graph.inputs, graph.outputs, {**graph.tensors, "q": q}, graph.constants
    )


def test_a_float_network_runs_as_one_file(monkeypatch):
    files = []
    run = OnnxRuntime.run
    monkeypatch.setattr(
        OnnxRuntime,
        "run",
        lambda self, model, feeds: files.append(model) or run(self, model, feeds),
    )
    report = check(network(), against="onnxruntime", runs=2)
    assert len(files) == 2
    assert report.ok, [row.reason for row in report.rows]
    assert [row.tensor for row in report.rows] == ["c", "d", "pooled", "joined", "m", "f", "y"]
    assert all(row.compared for row in report.rows)


def test_a_wrong_tensor_is_found_and_does_not_blame_its_successors(monkeypatch):
    run = OnnxRuntime.run

    def off(self, model, feeds):
        results = run(self, model, feeds)
        return {**results, "f": results["f"] + 1, "y": results["y"]}

    monkeypatch.setattr(OnnxRuntime, "run", off)
    report = check(network(), against="onnxruntime", runs=1)
    assert not report.ok
    wrong = {row.tensor for row in report.rows if not row.ok}
    assert wrong == {"f"}  # softmax takes no notice of a constant


def test_quantized_nodes_are_not_compared():
    report = check(quantized_middle(), against="onnxruntime", runs=2)
    assert report.ok, [row.reason for row in report.rows]
    left_out = {row.tensor: row.reason for row in report.rows if not row.compared}
    assert left_out.keys() == {"q", "joined"}
    assert all(r.startswith("not compared: ONNX rounds") for r in left_out.values())


def test_what_onnxruntime_refuses_is_left_out_alone(monkeypatch):
    run = OnnxRuntime.run

    def picky(self, model, feeds):
        if b"MaxPool" in model:
            raise EngineError("no such kernel")
        return run(self, model, feeds)

    monkeypatch.setattr(OnnxRuntime, "run", picky)
    report = check(network(), against="onnxruntime", runs=1)
    assert report.ok, [row.reason for row in report.rows]
    assert {r.tensor: r.reason for r in report.rows if not r.compared} == {
        "pooled": "not compared: no such kernel"
    }


def test_nothing_to_compare_is_an_error():
    graph = quantized_middle()
    tensors = {"pooled": graph.tensors["pooled"], "q": graph.tensors["q"]}
    alone = Graph((graph.nodes[3],), ("pooled",), ("q",), tensors, name="alone")
    with pytest.raises(UnsupportedError, match=r"nothing to compare .* ONNX rounds quantized"):
        check(alone, against="onnxruntime")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UnsupportedError, match="pip install onnx"):
        check(network(), against="onnxruntime")


def test_another_shape_than_ours_is_an_error(monkeypatch):
    monkeypatch.setattr(OnnxRuntime, "run", lambda *_: {"c": np.zeros((1, 1), "f")})
    with pytest.raises(EngineError, match=r"tensor c: onnxruntime has float32\[1, 1\]"):
        check(network(), against="onnxruntime")


def test_the_verb_shows_what_is_not_compared(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite.write(quantized_middle()))
    code = "from litegold.cli import main; main()"
    asked = ["check", path, "--against", "onnxruntime", "--runs", "1"]
    ran = subprocess.run([sys.executable, "-c", code, *asked], capture_output=True, text=True)
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    assert "2 not compared: ONNX rounds" in ran.stdout
    assert "8 tensors, 0 wrong, 2 not compared" in ran.stdout


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_real_networks(name):
    if not (MODELS / name).exists():
        pytest.skip("no shared models (LITEGOLD_DATA)")
    report = check(load(MODELS / name), against="onnxruntime", runs=1)
    assert report.ok, [row.reason for row in report.rows]
    assert all(row.compared for row in report.rows) and len(report.rows) >= 7
