"""`litegold demo`: from a model file to a verdict, on real networks where the data are, else on our own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..conformance.check import check as check_graph
from ..conformance.inputs import real_feeds
from ..face import Network, load, save
from . import app, screen
from .check import show

# Networks of the shared data with real inputs beside them: float32, int8 and uint8.
REAL = (
    "mlperf_tiny/pretrainedResnet.tflite",
    "mlperf_tiny/pretrainedResnet_quant.tflite",
    "coral/mobilenet_v1_0.25_128_quant.tflite",
)
SAMPLES = 4


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="folder with models/ and data/; default $LITEGOLD_DATA")
    ] = None,
) -> None:
    """Check real networks over real inputs; without such data, train and check one on handwritten digits."""
    root = data or Path(os.environ.get("LITEGOLD_DATA", "../shared"))
    models = [m for m in (root / "models" / "tflite" / name for name in REAL) if m.is_file()]
    verdicts = [_check_real(m, root) for m in models] if models else [_check_digits()]
    if not all(verdicts):
        raise typer.Exit(1)


def _check_real(model: Path, root: Path) -> bool:
    net = load(model)
    feeds = [f for f, _ in zip(real_feeds(net.graph, root / "data"), range(SAMPLES), strict=False)]
    return _check(net, str(model.name), feeds)


def _check(net: Network, name: str, feeds: list[dict[str, np.ndarray]]) -> bool:
    with screen.bar() as progress:
        report = check_graph(net.graph, feeds or None, progress=progress)
    report.model = name
    show(report)
    return report.ok


def _check_digits() -> bool:
    from ..digits import train

    screen.out.print("No shared models here: learning a small network on handwritten digits ...")
    digits = train()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.tflite"
        save(digits.graph, path)
        net = load(path)
        name = net.graph.inputs[0]
        feeds = [{name: p[None]} for p in digits.pictures[:SAMPLES]]
        ok = _check(net, "digits.tflite", feeds)
        right = sum(
            int(net(p[None]).argmax()) == c
            for p, c in zip(digits.pictures, digits.classes, strict=True)
        )
    total = len(digits.classes)
    screen.out.print(f"accuracy on {total} unseen digits: {right} right, {right / total:.1%}")
    return ok
