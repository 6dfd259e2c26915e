"""The page of results is made of what the benchmarks found, and of nothing else."""

import json

import numpy as np
import pytest

import litegold as lg
from bench import elementwise, formats, networks, results, shortfalls, small_cases, startup
from bench.quantized import quantized
from litegold.conformance.check import check
from litegold.formats import tflite
from litegold.ir import Graph, Node, TensorType, UnsupportedError
from litegold.refimpl.unary import cos
from litegold.train.models.table import MODELS


def found(model, threads, form="float32", ours=2.0, **theirs):
    """A row as `litegold bench --json` gives it; times in microseconds."""
    row = {"model": model, "format": form, "threads": threads, "rounds": 9, "left out": {}}
    row |= {"date": "2026-01-01 00:00", "commit": "abc", "load": 0.5}
    for name, time in {"plan": ours, **theirs}.items():
        for end in ("", " fed"):
            row[name + end] = {"median_us": time, "best_us": time / 2, "spread": 0.01}
    for end in ("", " fed") if theirs else ():
        best = min(theirs, key=theirs.get)
        row |= {f"ratio{end}": ours / theirs[best], f"best peer{end}": best}
        row[f"ratio{end} quartiles"] = [0.9 * ours / theirs[best], 1.1 * ours / theirs[best]]
    return row


def curve():
    t = TensorType((1, 8))
    return Graph((Node(cos, ("x",), ("y",)),), ("x",), ("y",), {"x": t, "y": t}, name="curve")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "results.json"


def test_rows_replace_those_with_the_same_key(store):
    results.keep("networks", [found("a", 1), found("b", 1)], networks.key, store)
    results.keep("networks", [found("a", 1, ours=3.14159), found("a", 2)], networks.key, store)
    rows = results.load(store)["sections"]["networks"]
    assert [(r["model"], r["threads"]) for r in rows] == [("a", 1), ("b", 1), ("a", 2)]
    assert rows[0]["plan"]["median_us"] == 3.142
    assert not list(store.parent.glob(".*")), "a temporary file is left"


def test_what_another_machine_measured_is_dropped(store):
    results.keep("networks", [found("a", 1)], networks.key, store)
    kept = json.loads(store.read_text())
    kept["machine"]["processor"] = "an abacus"
    store.write_text(json.dumps(kept))
    results.keep("networks", [found("b", 1)], networks.key, store)
    assert [r["model"] for r in results.load(store)["sections"]["networks"]] == ["b"]


def test_the_page_says_where_and_how_much(store):
    rows = [
        found("slow", 1, ours=4.0, LiteRT=1.0, OpenVINO=2.0),
        found("fast", 1, ours=1.0, LiteRT=4.0) | {"left out": {"ncnn": "no such layer"}},
        found("words.tflite", 1, "int8", ours=3.0, LiteRT=2.0),
        found("lonely", 2),
        {"model": "broken", "threads": 1, "failed": "exit code -11"},
    ]
    results.keep("networks", rows, networks.key, store)
    page = results.page(results.load(store))
    assert results.machine()["processor"] in page
    assert "4.00 (3.60 .. 4.40) LiteRT" in page and "0.25 (0.23 .. 0.28) LiteRT" in page
    assert "Geometric mean of 2 ratios: **1.00**; worst: 4.00 (slow)" in page
    assert "- ncnn: no such layer (fast)" in page and "- broken, 1 thread(s): exit code -11" in page
    assert "No other engine took part." in page
    quoted = results.excerpt(results.load(store))
    assert "| float32 | 1 | 2 | 1.00 | 0.25 (fast) | 4.00 (slow) |" in quoted
    assert "| int8 | 1 | 1 | 1.50 | 1.50 (words) | 1.50 (words) |" in quoted


def test_a_failure_is_forgotten_when_it_is_over(store):
    for rows in ([{"model": "a", "threads": 1, "failed": "hangs"}], [found("a", 1)]):
        results.keep("networks", rows, networks.key, store)
    assert "hangs" not in results.page(results.load(store))


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    rows = [found("a", 1, LiteRT=1.0), found("a", 2, ncnn=3.0)]
    networks.draw(rows, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_a_network_is_measured_in_a_process_of_its_own(tmp_path, store):
    lg.save(curve(), tmp_path / "net.tflite")
    rows = networks.measure(str(tmp_path / "net.tflite"), [1], seconds=0.1, limit=120)
    assert [r["model"] for r in rows] == ["net.tflite"] and np.isfinite(
        rows[0]["plan"]["median_us"]
    )
    results.keep("networks", [r | results.stamp() for r in rows], networks.key, store)
    assert "net" in results.page(results.load(store))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "reason"),
    [("import os; os.abort()", "exit code -6"), ("import time; time.sleep(60)", "no end in 1 s")],
)
def test_a_crash_or_a_hang_is_a_result(monkeypatch, code, reason):
    monkeypatch.setattr(networks, "BENCH", code)
    assert networks.measure("net", [1], seconds=0.1, limit=1)[0]["failed"] == reason


def test_an_operator_is_measured_beside_others(store):
    (small,) = [c for c in small_cases.cases() if c.name == "tanh"]
    row = elementwise.measure(small, 1, 1) | results.stamp()
    assert row["plan"]["median_us"] > 0 and row["plan/NumPy"] > 0
    results.keep("elementwise", [row], elementwise.key, store)
    assert "| tanh f32 [256, 1024] | 1 |" in results.page(results.load(store))


def test_nothing_measured_says_so(tmp_path):
    assert results.excerpt(results.load(tmp_path / "none.json")) == "Nothing measured yet."


@pytest.mark.slow
@pytest.mark.parametrize("name", formats.NETWORKS)
def test_an_8_bit_network_is_legal_and_uses_its_range(name):
    graph = quantized(MODELS[name](size=32, classes=10))
    assert check(graph, runs=1).ok
    assert tflite.read(tflite.write(graph)).nodes[0].op is graph.nodes[0].op
    weights = [a for n, a in graph.constants.items() if n.endswith("filters")]
    assert all(np.abs(w).max() == 127 for w in weights)


def test_what_has_no_8_bit_form_is_refused():
    with pytest.raises(UnsupportedError, match="cos"):
        quantized(curve())


@pytest.mark.slow
def test_formats_are_compared(monkeypatch, store):
    monkeypatch.setitem(MODELS._table, "tiny", lambda: MODELS["resnet18"](size=32, classes=10))
    rows = [r | results.stamp() for r in formats.measure("tiny", [1], seconds=0.05)]
    results.keep("formats", rows, formats.key, store)
    page = results.page(results.load(store))
    assert "| tiny | 1 |" in page and "asked for: at least 1.4" in page


def test_what_falls_short_is_profiled(store):
    graph = MODELS["resnet18"](size=32, classes=10)
    lines = shortfalls.measure("resnet18", graph, runs=3)
    assert round(sum(line["share"] for line in lines), 9) == 1
    count = sum(shortfalls.products(node, graph.tensors) for node in graph.nodes)
    assert sum(line["products"] for line in lines) == count > 30e6
    row = {"model": "resnet18", "ratio": 1.5, "peer": "LiteRT", "lines": lines}
    results.keep("shortfalls", [row], shortfalls.key, store)
    assert "### resnet18: 1.50 of LiteRT's time" in results.page(results.load(store))
    results.keep("shortfalls", [], shortfalls.key, store, whole=True)
    assert "resnet18" not in results.page(results.load(store))


def test_start_up_is_shown_with_what_is_asked_for(store):
    rows = [
        {
            "what": "plan entry",
            "value": 321.0,
            "best": 300.0,
            "unit": "ns",
            "runs": 5,
            "commit": "c",
        },
        {"what": "arena of a", "value": 3 << 20, "bound": 2 << 20, "unit": "bytes"},
    ]
    results.keep("startup", rows, startup.key, store)
    page = results.page(results.load(store))
    assert "| plan entry | 321 ns | 300 | 1000 | 5 | c |" in page
    assert "| arena of a | 3.00 | 2.00 | 50.0% |" in page


def test_a_fresh_interpreter_is_timed_and_its_failure_told(tmp_path):
    wall, printed = startup.spent("print(1, 2.5)", tmp_path)
    assert wall > 0 and printed == [1, 2.5]
    with pytest.raises(lg.LitegoldError, match="no such thing"):
        startup.spent("raise ValueError('no such thing')", tmp_path)
