"""Adapters of other engines: what they refuse, and how they die, reaches us as an EngineError."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from litegold.conformance.engines.litert import EngineError, LiteRT
from litegold.conformance.engines.onnxruntime import OnnxRuntime, with_intermediates
from litegold.conformance.engines.timing import interleave

pytestmark = pytest.mark.slow  # not in make quick

SHARED = Path(os.environ.get("LITEGOLD_DATA", Path(__file__).parents[2] / "shared"))
TFLITE = SHARED / "models/tflite/mslite_ops/abs.tflite"
ONNX = SHARED / "models/onnx/resnet20_cifar10.onnx"
needs_models = pytest.mark.skipif(not TFLITE.exists(), reason="no shared models (LITEGOLD_DATA)")


def test_what_is_no_model_is_refused():
    with LiteRT(timeout=20) as engine, pytest.raises(EngineError, match="refuses"):
        engine.run(b"TFL3 no model at all", [{}])


@needs_models
def test_a_run_returns_all_tensors_and_resizes():
    x = np.float32([[-1.5, 2, -0.0, 7]])
    with LiteRT() as engine:
        small, large = engine.run(TFLITE.read_bytes(), [{1: x}, {1: np.stack([x, -x])}])
    assert np.array_equal(small[0], abs(x)) and np.array_equal(small[1], x)
    assert large[0].shape == (2, 1, 4)


@needs_models
def test_a_killed_child_is_an_error_and_the_next_run_works():
    x = np.float32([[[1, 2, 3, -4]]])
    with LiteRT() as engine:
        engine.run(TFLITE.read_bytes(), [{1: x}])
        os.kill(engine._child.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="crashed"):
            engine.run(TFLITE.read_bytes(), [{1: x}])
        assert engine.run(TFLITE.read_bytes(), [{1: x}], tensors="outputs")[0].keys() == {0}


@needs_models
def test_a_stopped_child_times_out():
    with LiteRT() as engine:
        engine.run(TFLITE.read_bytes(), [{}])
        engine.timeout = 0.2
        os.kill(engine._child.pid, signal.SIGSTOP)
        with pytest.raises(EngineError, match="no answer"):
            engine.run(TFLITE.read_bytes(), [{}])


@pytest.mark.skipif(not ONNX.exists(), reason="no shared models (LITEGOLD_DATA)")
def test_onnx_intermediates_do_not_change_the_outputs():
    feeds = {"input": np.linspace(-1, 1, 3072, dtype=np.float32).reshape(1, 3, 32, 32)}
    model = ONNX.read_bytes()
    with OnnxRuntime() as engine:
        values = engine.run(with_intermediates(model), feeds)
        plain = engine.run(model, feeds, fuse=True)
    assert len(values) > 50
    for name, y in plain.items():
        assert y.shape == values[name].shape and np.argmax(y) == np.argmax(values[name])


def test_what_is_no_onnx_file_is_refused():
    with pytest.raises(EngineError):
        with_intermediates(b"\x3a\xff")


def test_interleaving_feeds_outside_of_the_time():
    calls = []
    timing = interleave(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")},
        rounds=4,
        warm_up=0,
        prepare={"a": lambda: calls.append("feed")},
    )
    assert calls == ["feed", "a", "b", "b", "feed", "a", "feed", "a", "b", "b", "feed", "a"]
    assert timing["a"].ratio == 1.0 and timing["b"].median > 0
