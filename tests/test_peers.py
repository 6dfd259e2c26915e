"""Engines that are timed beside ours: each computes what it was fed, and is judged before its time counts."""

import hashlib
import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import litegold as lg
from litegold.cli.bench import draw, facts, means
from litegold.conformance.agreement import expect
from litegold.conformance.contest import FED, OURS, Files, hold
from litegold.conformance.engines.peers.table import PEERS, ModelFile, Peer
from litegold.conformance.engines.timing import LONGEST_REST, come_to_rest, interleave
from litegold.conformance.inputs import random_feeds
from litegold.ir import Graph, Node, QuantParams, TensorType
from litegold.refimpl.matmul import fully_connected
from litegold.runtime.interpreter import interpret
from litegold.train.models.table import MODELS, Layers

pytestmark = pytest.mark.slow  # not in make quick


def pictures():
    """A network that tells swapped axes and layouts apart: two kinds of convolution, a pool, a classifier."""
    net = Layers("pictures", 0)
    x = net.conv("stem", net.input("image", (1, 12, 10, 3)), 16, 3, 2, "relu6")
    x = net.max_pool("pool", net.depthwise("depthwise", x, 3, 1, "relu"), 2, 1)
    x = net.conv("wide", x, 24, 3, activation="relu")
    return net.classes(net.pixel_mean("mean", x), 7)


def keywords():
    """A quantized layer."""
    rng = np.random.default_rng(0)
    x = TensorType((1, 40), np.dtype("i1"), QuantParams((0.1,), (-128,)))
    w = TensorType((4, 40), np.dtype("i1"), QuantParams((0.01,), (0,)))
    y = TensorType((1, 4), np.dtype("i1"), QuantParams((0.5,), (3,)))
    nodes = (Node(fully_connected, ("x", "w"), ("y",)),)
    weights = {"w": rng.integers(-9, 9, (4, 40)).astype("i1")}
    return Graph(nodes, ("x",), ("y",), {"x": x, "w": w, "y": y}, weights, name="keywords")


@pytest.fixture(scope="module")
def task():
    graph = pictures()
    feeds = random_feeds(graph, 0)
    return graph, feeds, expect(graph, feeds), Files(graph)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_computes_what_it_was_fed(task, name, threads):
    if not PEERS[name].available():
        pytest.skip(f"{name} is not installed")
    graph, feeds, expectation, files = task
    model = files.get(PEERS[name].reads)
    peer = PEERS[name](model, threads)
    others = random_feeds(graph, 1)
    peer.feed(model.arranged(others))
    peer.invoke()
    assert not expectation.judge(model.named(peer.outputs())).ok
    peer.feed(model.arranged(feeds))
    for _ in range(3):  # an engine may use its inputs' memory for something else
        peer.invoke()
        agreement = expectation.judge(model.named(peer.outputs()))
        assert agreement.ok, agreement.reason
    assert peer.version()


def narrowed(values, bits):
    """Round to a float with so many bits of mantissa."""
    step = 1 << (23 - bits)
    whole = (values.view(np.uint32).astype(np.uint64) + step // 2) // step * step
    return whole.astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("bits", [7, 10])
def test_narrower_floats_do_not_agree(task, bits):
    graph, feeds, expectation, _ = task
    constants = {n: narrowed(v, bits) if v.dtype == "f4" else v for n, v in graph.constants.items()}
    other = Graph(graph.nodes, graph.inputs, graph.outputs, graph.tensors, constants)
    values = interpret(other, feeds)
    assert not expectation.judge({n: values[n] for n in graph.outputs}).ok


def test_quantized_outputs_may_differ_by_few_steps():
    graph = keywords()
    feeds = random_feeds(graph, 0)
    expectation = expect(graph, feeds)
    (want,) = expectation.outputs.values()
    step = np.where(want < 0, 1, -1).astype("i1")
    assert expectation.judge({"y": want}).ok and expectation.judge({"y": want + step}).ok
    assert not expectation.judge({"y": want + 20 * step}).ok
    assert "int16" in expectation.judge({"y": want.astype("i2")}).reason


def test_a_recurrent_network_and_one_of_products_have_tight_bounds():
    for graph in (
        MODELS["lstm2"](frames=6, features=12, cells=16),
        MODELS["transformer4"](tokens=6, features=32, layers=2),
    ):
        feeds = random_feeds(graph, 0)
        expectation = expect(graph, feeds)
        for name, want in expectation.outputs.items():
            assert 0 < expectation.allowed[name] < 2.0**-11 * np.abs(want).max()
        assert expectation.judge(lg.Network(graph).run(feeds)).ok


def test_a_nan_does_not_agree(task):
    _, _, expectation, _ = task
    wrong = {n: np.full_like(v, np.nan) for n, v in expectation.outputs.items()}
    assert not expectation.judge(wrong).ok


class Fake(Peer):
    """An engine whose outputs are all zero."""

    package, module, reads, setting = "numpy", "numpy", "tflite", ""

    def __init__(self, model: ModelFile, threads: int) -> None:
        self.model = model

    def feed(self, arrays):
        assert len(arrays) == len(self.model.inputs)

    def invoke(self): ...

    def outputs(self):
        return [np.zeros((1, 7), np.float32)]


class Absent(Fake):
    module = package = "no_such_engine"


def test_who_is_wrong_or_absent_is_left_out(task, monkeypatch):
    graph, feeds, expectation, files = task
    monkeypatch.setitem(PEERS._table, "fake", Fake)
    monkeypatch.setitem(PEERS._table, "absent", Absent)
    contest = hold(graph, feeds, expectation, files, rounds=2, peers=["fake", "absent"])
    assert contest.left_out["fake"].startswith("wrong: probabilities: off by")
    assert contest.left_out["absent"] == "not installed: pip install no_such_engine"
    assert set(contest.timings) == {OURS, OURS + FED} and contest.ratio() is None
    assert means([contest]) == {} and "ratio" not in facts(contest)


def test_a_wrong_plan_has_no_time(task):
    graph, _, expectation, files = task
    others = random_feeds(graph, 1)
    with pytest.raises(lg.LitegoldError, match="off by"):
        hold(graph, others, expectation, files, rounds=2, peers=[])


def test_ratios_are_taken_round_by_round(task, tmp_path):
    graph, feeds, expectation, files = task
    contest = hold(graph, feeds, expectation, files, rounds=4, peers=["LiteRT"])
    if contest.left_out:
        pytest.skip("LiteRT is not installed")
    ours, theirs = contest.timings[OURS], contest.timings["LiteRT"]
    ratio = contest.ratio()
    rounds = sorted(a / b for a, b in zip(ours.rounds, theirs.rounds, strict=True))
    assert ratio.median == (rounds[1] + rounds[2]) / 2 and ratio.low <= ratio.median <= ratio.high
    assert contest.best_peer() == contest.best_peer(FED) == "LiteRT"
    pytest.importorskip("matplotlib")
    draw([contest], tmp_path / "bars.png")
    assert (tmp_path / "bars.png").read_bytes()[:4] == b"\x89PNG"


def test_a_turn_is_many_calls_after_a_rest():
    calls = {"a": 0}

    def work():
        calls["a"] += 1

    timing = interleave({"a": work}, rounds=3, warm_up=1, turn=1e-3)
    assert calls["a"] > 300 and len(timing["a"].rounds) == 3
    assert come_to_rest() < 1


def test_a_rest_outlasts_threads_that_compute():
    busy = threading.Thread(
        target=hashlib.sha256, args=(bytes(8 << 20),)
    )  # without the interpreter's lock
    start = time.perf_counter()
    busy.start()
    come_to_rest()
    assert not busy.is_alive() or time.perf_counter() - start >= LONGEST_REST


def test_the_verb_prints_nothing_but_json(tmp_path):
    lg.save(pictures(), tmp_path / "net.tflite")
    words = [
        "bench",
        tmp_path / "net.tflite",
        "--rounds",
        2,
        "--threads",
        1,
        "--threads",
        2,
        "--json",
    ]
    code = "from litegold.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)["models"]
    assert [f["threads"] for f in found] == [1, 2]
    assert all(f["plan"]["median_us"] > 0 and f["plan fed"]["median_us"] > 0 for f in found)


def test_the_verb_knows_networks_by_name():
    code = "from litegold.cli import main; main()"
    words = ["bench", "abacus"]
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert ran.returncode == 2 and "neither a file nor one of" in ran.stderr
