"""The verbs, as a person or a machine calls them."""

import json
import os
import subprocess
import sys
import wave

import numpy as np
import pytest
from PIL import Image

import litegold as lg
from litegold.formats.tflite import write
from litegold.ir import Graph, Node, QuantParams, TensorType
from litegold.refimpl.activation import relu
from litegold.refimpl.matmul import fully_connected
from litegold.refimpl.shape import reshape
from litegold.refimpl.softmax import softmax
from litegold.train.models.digits import filter_features, with_head

pytestmark = pytest.mark.slow  # not in make quick


def litegold(*arguments, code=0):
    ran = subprocess.run(
        [sys.executable, "-c", "from litegold.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "LITEGOLD_DATA": "/nowhere"},
    )
    assert ran.returncode == code, (ran.stdout, ran.stderr)
    return ran


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A float classifier of pictures and a quantized one of spectrograms, with samples for both."""
    path = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    features = filter_features(
        rng.normal(size=(4, 3, 3, 1)).astype("f4"), np.zeros(4, "f4"), size=8
    )
    head = rng.normal(size=(10, 64)).astype("f4")
    lg.save(with_head(features, head, np.zeros(10, "f4")), path / "pictures.tflite")
    lg.save(keywords(rng), path / "words.tflite")
    Image.fromarray(rng.integers(0, 255, (20, 30, 3), np.uint8)).save(path / "photo.png")
    np.save(path / "photo.npy", rng.random((1, 8, 8, 1), np.float32))
    np.save(path / "wrong.npy", rng.random((1, 9, 8, 1), np.float32))
    with wave.open(str(path / "word.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 16000, "NONE", ""))
        sound.writeframes((8000 * np.sin(np.arange(16000) / 9)).astype("<i2").tobytes())
    (path / "labels.txt").write_text("\n".join(f"digit {i}" for i in range(10)))
    return path


def keywords(rng):
    x = TensorType((1, 1960), np.dtype("i1"), QuantParams((0.1,), (-128,)))
    w = TensorType((4, 1960), np.dtype("i1"), QuantParams((0.01,), (0,)))
    y = TensorType((1, 4), np.dtype("i1"), QuantParams((0.5,), (3,)))
    p = TensorType((1, 4), np.dtype("i1"), QuantParams((1 / 256,), (-128,)))
    nodes = (Node(fully_connected, ("x", "w"), ("y",)), Node(softmax, ("y",), ("p",)))
    weights = {"w": rng.integers(-9, 9, (4, 1960)).astype("i1")}
    return Graph(nodes, ("x",), ("p",), {"x": x, "w": w, "y": y, "p": p}, weights)


def test_check_says_ok_in_a_table_and_in_json(folder):
    assert "0 wrong" in litegold("check", folder / "pictures.tflite").stdout
    ran = litegold("check", folder / "words.tflite", "--json", "--runs", 2, "--threads", 2)
    (report,) = json.loads(ran.stdout)
    assert report["ok"] and report["outputs_ok"] and report["runs"] == 2
    assert [row["operator"] for row in report["rows"]] == ["fully_connected", "softmax"]


def test_check_another_engine(folder):
    ran = litegold("check", folder / "words.tflite", "--against", "litert", "--json")
    (report,) = json.loads(ran.stdout)
    assert report["ok"] and report["subject"] == "litert"


def test_check_fails_with_one_where_a_layer_is_wrong(folder, monkeypatch, capsys):
    from litegold.cli.check import show
    from litegold.conformance.check import check

    net = lg.load(folder / "pictures.tflite")
    wrong = lg.face.Session.run_all

    def off_by_one(self, feeds):
        tensors = wrong(self, feeds)
        tensors["scores"] = tensors["scores"] + np.float32(1)
        return tensors

    monkeypatch.setattr(lg.face.Session, "run_all", off_by_one)
    report = check(net.graph, runs=1)
    assert not report.ok
    # a softmax does not see the shift: only the layer that is wrong is shown
    assert [row.tensor for row in report.rows if not row.ok] == ["scores"]
    show(report)
    assert "WRONG" in capsys.readouterr().out


def test_run_shows_classes_of_pictures_arrays_and_sound(folder):
    ran = litegold(
        "run", folder / "pictures.tflite", folder / "photo.png", folder / "photo.npy",
        "--labels", folder / "labels.txt", "--json",
    )  # fmt: skip
    first, second = json.loads(ran.stdout)
    top = first["outputs"]["probabilities"]["top"]
    assert len(top) == 5 and top[0]["label"] == f"digit {top[0]['class']}"
    assert first["outputs"] != second["outputs"]
    assert "0." in litegold("run", folder / "words.tflite", folder / "word.wav").stdout


def test_run_saves_outputs(folder):
    litegold("run", folder / "pictures.tflite", folder / "photo.npy", "--save", folder / "y.npz")
    with np.load(folder / "y.npz") as saved:
        want = lg.load(folder / "pictures.tflite")(np.load(folder / "photo.npy"))
        np.testing.assert_array_equal(saved["0/probabilities"], want)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "pictures.tflite", "wrong.npy"), "expected"),
        (("run", "pictures.tflite", "labels.txt"), "unknown kind of file"),
        (("run", "pictures.tflite", "nothing.png"), "nothing.png"),
        (("run", "nothing.tflite", "photo.png"), "nothing.tflite"),
        (("check", "labels.txt"), "labels.txt"),
        (("check", "pictures.tflite", "--against", "abacus"), "litert"),
        (("info", "photo.png"), "photo.png"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(folder, arguments, words):
    verb, *files = arguments
    paths = [folder / f if "." in f else f for f in files]
    error = litegold(verb, *paths, code=2).stderr.strip().splitlines()[-1]
    assert error.startswith("litegold: ") and words in error


def test_info_bench_and_ops(folder):
    facts = json.loads(litegold("info", folder / "words.tflite", "--json").stdout)
    assert facts["nodes"] == 2 and facts["inputs"]["x"].startswith("s8 [1, 1960]")
    timed = json.loads(litegold("bench", folder / "words.tflite", "--rounds", 5, "--json").stdout)
    assert timed["models"][0]["plan"]["median_us"] > 0
    assert timed["models"][0]["LiteRT"]["median_us"] > 0
    matrix = json.loads(litegold("ops", "conv2d", "--json").stdout)
    assert {c["operator"] for c in matrix["cells"]} >= {"conv2d", "depthwise_conv2d"}


def test_import_is_light():
    code = (
        "import sys, litegold; heavy = {'numpy', 'numba', 'scipy', 'rich'} & set(sys.modules); "
        "assert not heavy, heavy; litegold.load; assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_save_leaves_nothing_half_written(tmp_path):
    t = TensorType((2,))
    graph = Graph((Node(relu, ("x",), ("y",)),), ("x",), ("y",), {"x": t, "y": t})
    with pytest.raises(lg.UnsupportedError):
        lg.save(graph, tmp_path / "model.txt")
    broken = Graph((Node(reshape, ("x", "s"), ("y",)),), ("x",), ("y",), {"x": t, "y": t})
    with pytest.raises(lg.LitegoldError):
        lg.save(broken, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
    lg.save(graph, tmp_path / "model.tflite")
    assert lg.load((tmp_path / "model.tflite").read_bytes()).graph.nodes[0].op is relu
    assert write(graph) == (tmp_path / "model.tflite").read_bytes()
