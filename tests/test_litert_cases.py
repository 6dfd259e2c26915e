"""Generated single-operator networks, written as TFLite files, against LiteRT's reference kernels."""

from collections import Counter

import pytest
import tflite as schema
from hypothesis import HealthCheck, given, settings

from litegold.conformance.engines.litert import EngineError, LiteRT
from litegold.conformance.judge import expected, judge, judge_case
from litegold.conformance.tables import CASES
from litegold.formats import tflite
from litegold.formats.tflite.table import TFLITE_WRITER
from litegold.ir import UnsupportedError
from litegold.runtime.interpreter import interpret

KEYS = sorted(
    (key for key in CASES if key[0] in TFLITE_WRITER), key=lambda key: (key[0].__name__, key[1])
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
# Keys of which LiteRT's reference kernels run less than half of the cases, and why.
NOT_IN_LITERT: dict[str, str] = {}


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
    feed = {int(i): feeds[n] for i, n in zip(inputs, names, strict=True)}
    (tensors,) = litert.run(model, [feed], tensors=[int(i) for i in outputs])
    return [tensors[int(i)] for i in outputs]


def check(litert, case, tally):
    want = expected(case)
    try:
        model = tflite.write(case.graph())
    except UnsupportedError as error:
        tally[f"TFLite cannot say it: {error}"] += 1
        return
    again = interpret(tflite.read(model), case.feeds())
    for i, w in enumerate(want):
        verdict = judge(again[f"y{i}"], w)
        assert verdict, f"written and read back: {verdict.reason}\n{case}"
    try:
        got = run_litert(litert, case, model)
    except EngineError as error:
        tally[str(error)] += 1
        return
    tally["run"] += 1
    verdict = judge_case(case, got, want)
    assert verdict, f"LiteRT has {verdict.reason}\n{case}"


def check_key(litert, key, count):
    tally = Counter()

    @settings(max_examples=count, derandomize=True, deadline=None, suppress_health_check=SLOW)
    @given(case=CASES[key])
    def body(case):
        check(litert, case, tally)

    body()
    print(key_id(key), dict(tally.most_common(4)))
    if key_id(key) not in NOT_IN_LITERT:
        assert tally["run"] * 2 > tally.total(), tally.most_common(4)


@pytest.mark.parametrize("key", KEYS, ids=key_id)
def test_litert_agrees(litert, key):
    check_key(litert, key, 15)


@pytest.mark.long
@pytest.mark.parametrize("key", KEYS, ids=key_id)
def test_litert_agrees_on_many_cases(litert, key):
    check_key(litert, key, 1000)
