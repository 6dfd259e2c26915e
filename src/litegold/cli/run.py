"""`litegold run`: run a network on files, and say what it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ..face import Network, load
from ..ir import Array, InputError, is_host
from ..media import feed, labels
from . import app, screen


@app.command()
def run(
    model: Annotated[Path, typer.Argument(help="model file")],
    inputs: Annotated[
        list[Path], typer.Argument(help=".npy, picture or sound files, one sample each")
    ],
    names: Annotated[Path | None, typer.Option("--labels", help="class names, a line each")] = None,
    top: Annotated[int, typer.Option(help="how many classes to show")] = 5,
    pixels: Annotated[
        str, typer.Option(help="range of a float network's pixels: 0..1, 0..255 or -1..1")
    ] = "0..1",
    backend: Annotated[str, typer.Option(help="jit or reference")] = "jit",
    save: Annotated[Path | None, typer.Option(help="write the outputs here as .npz")] = None,
    threads: Annotated[int, typer.Option(help="of the plan")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Run MODEL on each file; a network with several inputs takes as many .npy files, in their order."""
    net = load(model, threads=threads)
    classes = labels(names) if names else list(net.graph.metadata.get("labels", ()))
    results: list[tuple[str, dict[str, Array]]] = []
    for sample in _samples(net, inputs):
        types = list(net.inputs.values())
        values = [feed(p, t, pixels=pixels) for p, t in zip(sample, types, strict=True)]
        results.append((", ".join(map(str, sample)), net.run(*values, backend=backend)))
    if save:
        named = {f"{i}/{n}": a for i, (_, y) in enumerate(results) for n, a in y.items()}
        np.savez(save, **named)  # type: ignore[arg-type]
    summaries = [_summary(net, source, y, classes, top) for source, y in results]
    if as_json:
        screen.emit_json(summaries)
    else:
        for summary in summaries:
            _show(summary)


def _samples(net: Network, inputs: list[Path]) -> list[list[Path]]:
    count = len(net.inputs)
    if count == 0 or len(inputs) % count:
        raise InputError(f"{len(inputs)} files for {count} inputs: {', '.join(net.inputs)}")
    return [inputs[i : i + count] for i in range(0, len(inputs), count)]


def _summary(
    net: Network, source: str, values: dict[str, Array], classes: list[str], top: int
) -> dict[str, Any]:
    outputs = {}
    for name, value in values.items():
        if is_host(value):
            outputs[name] = {"shape": (), "dtype": "value", "value": _plain(value)}
            continue
        entry: dict[str, Any] = {"shape": value.shape, "dtype": str(value.dtype)}
        if value.ndim >= 1 and value.size == value.shape[-1] and 1 < value.size <= 100_000:
            entry["top"] = _top(net, name, value.ravel(), classes, top)
        else:
            entry |= {"min": value.min(), "max": value.max()} if value.size else {}
        outputs[name] = entry
    return {"input": source, "outputs": outputs}


def _plain(value: Any) -> Any:
    """Return a sequence, texts or nothing as plain values."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def _top(
    net: Network, name: str, scores: Array, classes: list[str], top: int
) -> list[dict[str, Any]]:
    declared = net.graph.tensors.get(name)
    quant = declared.quant if declared else None
    real = scores.astype(np.float64)
    if quant is not None:
        real = (real - quant.zero_point[0]) * quant.scale[0]
    order = np.argsort(-real, kind="stable")[:top]
    # 1001 classes are ImageNet's 1000 behind a background class; a list without it is one off
    shift = 1 if len(classes) == len(scores) - 1 else 0
    return [
        {
            "class": int(i),
            "label": classes[i - shift] if 0 <= i - shift < len(classes) else "",
            "score": float(real[i]),
        }
        for i in order
    ]


def _show(summary: dict[str, Any]) -> None:
    for name, entry in summary["outputs"].items():
        shape = "x".join(map(str, entry["shape"])) or "scalar"
        table = Table(title=f"{summary['input']} -> {name} ({shape} {entry['dtype']})")
        if "top" not in entry:
            text = entry.get("value", f"{entry.get('min', '')} .. {entry.get('max', '')}")
            screen.out.print(table.title, text)
            continue
        for heading in ("class", "label", "score", ""):
            table.add_column(heading, justify="right" if heading in ("class", "score") else "left")
        largest = max((abs(row["score"]) for row in entry["top"]), default=0) or 1
        for row in entry["top"]:
            blocks = "█" * round(20 * max(row["score"], 0) / largest)
            table.add_row(str(row["class"]), row["label"], f"{row['score']:.4f}", blocks)
        screen.out.print(table)
