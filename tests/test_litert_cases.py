"""Generated single-operator networks, written as TFLite files, against LiteRT's reference kernels."""

import re
from collections import Counter

import numpy as np
import pytest
import tflite as schema
from hypothesis import HealthCheck, given, settings

from litegold.conformance.engines.litert import EngineError, LiteRT
from litegold.conformance.judge import expected, judge, judge_case
from litegold.conformance.layers import judge_layers, litert_runs
from litegold.conformance.tables import CASES
from litegold.formats import tflite
from litegold.formats.tflite.table import TFLITE_WRITER, TYPE_OF_FORMAT
from litegold.ir import UnsupportedError
from litegold.refimpl.detection import detection_postprocess
from litegold.refimpl.logic import select, where
from litegold.refimpl.packed import packed, unpacked
from litegold.runtime.interpreter import interpret

STRING = schema.TensorType.STRING

pytestmark = pytest.mark.slow  # not in make quick

# Formats in which LiteRT's reference kernels do no arithmetic.
NO_ARITHMETIC = ("f64", "u16", "u32", "u64")
ARITHMETIC = ("refimpl.binary", "refimpl.logic", "refimpl.reduce", "refimpl.scan", "refimpl.unary")


def is_known_there(op, form):
    """float16 is a format of LiteRT's delegates: its reference kernels widen weights and no more."""
    if form == "f16":
        return "f32" not in op.dtypes
    if form not in (*TYPE_OF_FORMAT, "hybrid"):
        return False
    return (
        form not in NO_ARITHMETIC or op in (select, where) or not op.__module__.endswith(ARITHMETIC)
    )


KEYS = sorted(
    ((op, form) for op, form in CASES if op in TFLITE_WRITER and is_known_there(op, form)),
    key=lambda key: (key[0].__name__, key[1]),
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
# Keys that LiteRT's reference kernels do not run: operator -> formats, and what LiteRT says.
NOT_IN_LITERT = {
    "abs": ("s64", "unsupported by op Abs"),
    "bitwise_xor": ("s64 u64", "only supports"),
    "div": ("s8 s16 s64", "only supports|takes these integers"),
    "floor_mod": ("u8", "not supported by floor_mod"),
    "not_equal": ("s16", "takes these integers"),
    "pow": ("s64", "Unsupported data type"),
    "sign": ("s8 s16 s64", "Unsupported datatype"),
    "cast": ("u64", "no element type|UINT64 is unsupported"),
    "ceil": ("f32", "Didn't find op"),
    "elu": ("f32", "Didn't find op|another alpha"),
    "custom_extract_features": ("u8", "Encountered unresolved custom op"),
    "custom_normalize": ("u8", "Encountered unresolved custom op"),
    "custom_predict": ("f32", "Encountered unresolved custom op"),
    "concat": ("u16 u64", "is_supported_type"),
    "detection_postprocess": ("s8", "float32 or uint8"),
    "depth_to_space": ("bool s16 u16 u32 u64", "data_type =="),
    "gather": ("u16 u32 u64", "not supported by gather"),
    "gather_nd": ("u16 u32 u64", "not supported by gather_nd"),
    "one_hot": ("s16 u16 u32 u64", "Unknown output data type|failed to invoke"),
    "pack": ("bool u16 u64", "not supported by pack"),
    "pad": ("u16 u32 u64", "not supported by Pad"),
    "resize_nearest_neighbor": ("s64 u64", "requires float"),
    "range": ("s16 f64", "Unknown index output data type"),
    "reverse": ("u16 u32 u64", "not supported by reverse"),
    "reverse_sequence": ("bool s8 u16 u32 u64", "not supported by reverse_seq"),
    "round": ("f32", "Didn't find op"),
    "space_to_depth": ("bool s16 u16 u32 u64", "data_type =="),
    "sparse_to_dense": ("bool s16 u16 u32 u64", "values->type =="),
    "split": ("bool u16 u32 u64", "is_supported_type"),
    "split_v": ("bool u16 u32 u64", "is_supported_type"),
    "zeros_like": ("bool s8 u8 s16 u16 u32 u64", "only currently supports"),
    "topk": ("u16 u32 u64 f64", "not supported by TopK|largest elements only"),
    "unpack": ("s64 u16 u32 u64", "not supported by unpack"),
}


# What TFLite has no word for: it says nothing about LiteRT.
NO_WORD = "no element type|takes these integers for quantized ones|axis->type != kTfLiteInt32"
DROPS_NAN = ("avg_pool2d", "max_pool2d", "reduce_max", "reduce_min")  # where it is not the first


def key_id(key):
    return f"{key[0].__name__}-{key[1]}"


@pytest.fixture(scope="module")
def litert():
    with LiteRT(timeout=30) as engine:
        yield engine


def run_litert(litert, case, model):
    """Return the outputs of the written case."""
    file = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    inputs, outputs = file.InputsAsNumpy(), file.OutputsAsNumpy()
    names = [file.Tensors(int(i)).Name().decode() for i in inputs]
    feeds = case.feeds()
    texts = {int(i) for i in (*inputs, *outputs) if file.Tensors(int(i)).Type() == STRING}
    feed = {int(i): feeds[n] for i, n in zip(inputs, names, strict=True)}
    feed = {i: np.array(unpacked(a)) if i in texts else a for i, a in feed.items()}
    (tensors,) = litert.run(model, [feed], tensors=[int(i) for i in outputs])
    return [packed(tensors[i].tolist()) if i in texts else tensors[i] for i in map(int, outputs)]


def check(litert, case, tally):
    try:
        model = tflite.write(case.linked() if case.states else case.graph())
    except UnsupportedError as error:
        tally[f"TFLite cannot say it: {error}"] += 1
        return
    want = expected(case)
    if case.op.__name__ in DROPS_NAN and np.isnan(case.args[0]).any():
        tally["LiteRT drops NaN (tensorflow #118388, #118389)"] += 1
        return
    try:
        if case.states:
            check_session(litert, case, model)
        else:
            check_call(litert, case, model, want)
    except EngineError as error:
        tally[str(error)] += 1
        return
    tally["run"] += 1


def check_call(litert, case, model, want):
    """Written and read back, it is the same; and LiteRT agrees."""
    again = interpret(tflite.read(model), case.feeds())
    for i, w in enumerate(want):
        verdict = judge(again[f"y{i}"], w)
        assert verdict, f"written and read back: {verdict.reason}\n{case}"
    verdict = judge_case(case, filled(case, run_litert(litert, case, model)), want)
    assert verdict, f"LiteRT has {verdict.reason}\n{case}"


def filled(case, got):
    """Put 0 where LiteRT leaves its memory as it was: behind the boxes that it found."""
    if case.op is detection_postprocess:
        several, most = (
            case.attributes[k] for k in ("max_classes_per_detection", "max_detections")
        )
        at, which = np.divmod(np.arange(most * several), several)
        written = (at < int(got[3][0])) & (which < case.attributes["num_classes"])
        written = np.arange(most * several) < most if case.attributes["regular"] else written
        got = [
            *(np.where(written[:, None] if y.ndim == 3 else written, y, 0) for y in got[:3]),
            got[3],
        ]
        got[:3] = [y.astype(np.float32) for y in got[:3]]
    return got


def check_session(litert, case, model):
    """LiteRT starts states at zero, so let it run three steps and judge each from the states it had."""
    graph = tflite.read(model)
    feeds = case.feeds()
    steps = [{n: feeds[n][::turn] for n in graph.inputs} for turn in (1, -1, 1)]
    for seen in litert_runs(litert, model, graph, steps):
        for layer in judge_layers(graph, seen):
            assert layer.verdict, f"LiteRT has {layer.tensor} {layer.verdict.reason}\n{case}"


def check_key(litert, key, count):
    tally = Counter()

    @settings(max_examples=count, derandomize=True, deadline=None, suppress_health_check=SLOW)
    @given(case=CASES[key])
    def body(case):
        check(litert, case, tally)

    body()
    print(key_id(key), dict(tally.most_common(4)))
    formats, reason = NOT_IN_LITERT.get(key[0].__name__, ("", ""))
    if key[1] in formats.split():
        assert all(re.search(reason, refusal) for refusal in tally), tally.most_common(4)
    else:
        unsaid = sum(n for why, n in tally.items() if re.search(NO_WORD, why))
        assert tally["run"] * 2 > tally.total() - unsaid, tally.most_common(4)


@pytest.mark.parametrize("key", KEYS, ids=key_id)
def test_litert_agrees(litert, key):
    check_key(litert, key, 15)


@pytest.mark.long
@pytest.mark.parametrize("key", KEYS, ids=key_id)
def test_litert_agrees_on_many_cases(litert, key):
    check_key(litert, key, 1000)
