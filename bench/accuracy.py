"""Accuracy on real data, beside LiteRT's reference kernels or onnxruntime: `python -m bench.accuracy [--samples N]`.

Needs the shared data (LITEGOLD_DATA, default ../shared).
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track
from rich.table import Table

import litegold as lg
from litegold.cli import screen
from litegold.conformance.engines.litert import LiteRT
from litegold.conformance.engines.onnxruntime import OnnxRuntime
from litegold.ir import Array

ROOT = Path(os.environ.get("LITEGOLD_DATA", "../shared"))
Samples = tuple[Array, Array]  # values as stored, classes


def cifar10() -> Samples:
    """Return the first 1,000 test pictures (N, 32, 32, 3), bytes."""
    from PIL import Image

    folder = ROOT / "data" / "cifar10" / "lossless"
    with Image.open(folder / "cifar10_batch_50.png") as sheet:
        pictures = np.asarray(sheet.convert("RGB")).reshape(-1, 32, 32, 3)
    numbers = re.findall(r"\d+", (folder / "cifar10_labels.js").read_text())
    return pictures, np.array(numbers, int)[50_000 : 50_000 + len(pictures)]


def mnist() -> Samples:
    """Return the test digits (N, 28, 28), bytes."""
    folder = ROOT / "data" / "mnist"
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as f:
        pictures = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as f:
        return pictures, np.frombuffer(f.read(), np.uint8, offset=8).astype(int)


def keywords() -> Samples:
    """Return 1,000 int8 MFCC samples (N, 490); file names end in the class."""
    with zipfile.ZipFile(ROOT / "data" / "kws01" / "kws01_int8_mfcc.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".bin"))
        values = [np.frombuffer(archive.read(n), np.int8) for n in names]
    return np.stack(values), np.array([int(re.findall(r"\d+", n)[-1]) for n in names])


def normalized(pictures: Array) -> Array:
    """Return a picture as networks trained with torchvision take it: ImageNet's mean and deviation, channels first."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((pictures / 255 - mean) / deviation).transpose(2, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Row:
    """A network, its data, how a sample is stored for it, and the classes its samples may differ in.

    `beside` is the engine that answers as well; none runs operator set 1 of ONNX any more.
    """

    model: str
    data: Callable[[], Samples]
    encode: Callable[[Array], Array]
    exact: bool
    beside: str | None = "litert"


ROWS = (
    Row("mlperf_tiny/pretrainedResnet.tflite", cifar10, lambda x: x.astype(np.float32), False),
    Row(
        "mlperf_tiny/pretrainedResnet_quant.tflite",
        cifar10,
        lambda x: (x.astype(np.int16) - 128).astype(np.int8),
        True,
    ),
    Row("mlperf_tiny/kws_ref_model.tflite", keywords, lambda x: x, True),
    Row("tflm/trained_lstm.tflite", mnist, lambda x: (x / 255).astype(np.float32), False),
    Row("resnet20_cifar10.onnx", cifar10, normalized, False, "onnxruntime"),
    Row("onnx_models/mnist_model_zoo.onnx", mnist, lambda x: x.astype(np.float32), False, None),
)


def theirs(row: Row, path: Path, net: lg.Network, feeds: list[Array]) -> list[int]:
    """Return the classes that the other engine finds."""
    (name,), (out,) = net.inputs, net.graph.outputs
    if row.beside == "onnxruntime":
        with OnnxRuntime() as engine:
            model = path.read_bytes()
            return [int(np.argmax(engine.run(model, {name: f}, fuse=True)[out])) for f in feeds]
    with LiteRT() as engine:
        index = net.graph.origin[name]
        ran = engine.run(path.read_bytes(), [{index: f} for f in feeds], tensors="outputs")
    return [int(np.argmax(r[net.graph.origin[out]])) for r in ran]


def measure(row: Row, samples: int) -> dict[str, object]:
    """Return how many samples we and the other engine have right, and how many classes differ."""
    path = ROOT / "models" / Path(row.model).suffix[1:] / row.model
    net = lg.load(path)
    (name,) = net.inputs
    pictures, classes = (a[:samples] for a in row.data())
    feeds = [row.encode(p).reshape(net.inputs[name].shape) for p in pictures]
    ours = [int(np.argmax(net(f))) for f in track(feeds, row.model, transient=True)]
    others = theirs(row, path, net, feeds) if row.beside else None
    return {
        "model": row.model,
        "samples": len(feeds),
        "litegold": int(np.sum(np.array(ours) == classes)),
        "beside": row.beside or "-",
        "theirs": "-" if others is None else int(np.sum(np.array(others) == classes)),
        "differ": 0 if others is None else int(np.sum(np.array(ours) != np.array(others))),
        "allowed": 0 if row.exact else 2 * len(feeds) // 1000,
    }


def main() -> None:
    """Print the table; exit code 1 if more classes differ than may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = [measure(row, options.samples) for row in ROWS]
    if options.json:
        screen.emit_json(results)
    else:
        table = Table(title="right answers")
        for heading in ("model", "samples", "litegold", "beside", "theirs", "differ", "allowed"):
            table.add_column(heading)
        for result in results:
            table.add_row(*map(str, result.values()))
        screen.out.print(table)
    raise SystemExit(any(int(str(r["differ"])) > int(str(r["allowed"])) for r in results))


if __name__ == "__main__":
    main()
