"""Where the time goes in the networks that are slower here than elsewhere: `python -m bench.shortfalls [--over 1.0]`.

Takes those of bench/results.json whose ratio to the fastest engine is above `--over` (one thread), and times every
kernel call of their plans. Calls of the same kernel are one line; what it multiplies is set against the peak that
`bench.roofline` found.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.progress import track

from bench.networks import networks
from bench.results import Row, isa, keep, load, stamp, table
from bench.roofline import peak_of
from litegold.cli import screen
from litegold.cli.bench import network
from litegold.conformance.inputs import random_feeds
from litegold.ir import Graph, Node, TensorType
from litegold.refimpl.conv import conv2d, depthwise_conv2d
from litegold.refimpl.matmul import fully_connected, matmul
from litegold.runtime.profiler import profile
from litegold.runtime.session import Session

SHOWN: Final = 5  # lines a network
# Axes of the weights whose sizes are multiplied in the number of products of one result.
TERMS: Final = {
    conv2d: slice(1, None),
    depthwise_conv2d: slice(1, 3),
    fully_connected: slice(1, None),
}


def products(node: Node, types: Mapping[str, TensorType]) -> int:
    """Return how many multiplications with an addition a node's definition has; 0 where that is no measure."""
    body = node.attributes.get("body")
    if isinstance(body, Graph):
        return sum(products(inner, body.tensors) for inner in body.nodes)
    if node.op not in TERMS and node.op is not matmul:
        return 0
    x, w = (types.get(name or "") for name in node.inputs[:2])
    out = types.get(node.outputs[0])
    if x is None or w is None or out is None:
        return 0
    if node.op is matmul:
        return out.size * x.shape[-2 if node.attributes.get("transpose_x") else -1]
    return out.size * math.prod(w.shape[TERMS[node.op]])


def measure(name: str, graph: Graph, runs: int) -> list[dict[str, Any]]:
    """Return the lines of a network, the longest first: a kernel, its calls, seconds, products, kind of numbers."""
    feeds = random_feeds(graph, 0)
    session = Session(graph)
    types = session.plan(feeds).types
    lines: dict[str, dict[str, Any]] = {}
    steps = profile(session, feeds, runs)
    longest = dict[int, Any]()  # of a node's steps: the one that multiplies
    for step in steps:
        if step.seconds > longest.get(id(step.node), (0.0,))[0]:
            longest[id(step.node)] = (step.seconds, step)
    for step in steps:
        line = lines.setdefault(
            step.kernel, {"kernel": step.kernel, "calls": 0, "seconds": 0.0, "products": 0}
        )
        first = types.get(step.node.inputs[0] or "") if step.node.inputs else None
        line["calls"] += 1
        line["seconds"] += step.seconds
        if longest.get(id(step.node), (0, step))[1] is step:
            line["products"] += products(step.node, types)
        line["format"] = first.format if first else ""
    total = sum(line["seconds"] for line in lines.values())
    for line in lines.values():
        line["share"] = line["seconds"] / total
    return sorted(lines.values(), key=lambda line: -line["seconds"])


def key(row: Row) -> Any:
    """Return what a row is of."""
    return row["model"]


def markdown(rows: Sequence[Row]) -> str:
    """Return the section of the page: of the networks that fall short still."""
    parts = [
        "## What falls short",
        "Networks that one thread of another engine runs faster, and their kernels by the time that they take; one "
        "thread, medians. *of peak*: products of the definition against those that registers alone allow; a kernel "
        "that stores and loads rather than multiplies has none.",
    ]
    for row in sorted(rows, key=lambda r: -r["ratio"]):
        lines = [
            [
                line["kernel"],
                str(line["calls"]),
                f"{line['seconds'] * 1e6:.1f}",
                f"{line['share']:.0%}",
                f"{line['of peak']:.0%}" if line.get("of peak") else "-",
            ]
            for line in row["lines"][:SHOWN]
        ]
        title = f"### {row['model'].removesuffix('.tflite')}: {row['ratio']:.2f} of {row['peer']}'s time"
        parts += [title, table(["kernel", "calls", "us", "share", "of peak"], lines)]
    return "\n\n".join(parts)


def peaks() -> dict[str, float]:
    """Return the peaks that are kept, by number format."""
    roofs = [r for r in load()["sections"].get("roofline", []) if r["part"] == "roof"]
    return {r["case"].removeprefix("peak "): r["rate"] for r in roofs if r["isa"] == isa()}


def main() -> None:
    """Profile what falls short, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--over", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    kept = [r for r in load()["sections"].get("networks", []) if r["threads"] == 1]
    slow = {r["model"]: r for r in kept if r.get("ratio", 0) > options.over}
    makers = {Path(name).name: make for name, make in networks().items()}
    makers |= {f"{n}.tflite": make for n, make in makers.items() if n.endswith("_int8")}
    tops, rows = peaks(), []
    for name, row in track(slow.items(), "profiles", console=screen.err):
        if name not in makers:
            continue
        with tempfile.TemporaryDirectory() as folder:
            graph, _ = network(makers[name](Path(folder)))
        lines = measure(name, graph, options.runs)
        for line in lines:
            top = tops.get(peak_of(line["format"], [line["kernel"]]))
            if top:
                line["of peak"] = line["products"] / line["seconds"] / top
        rows.append(
            {"model": name, "ratio": row["ratio"], "peer": row["best peer"], "lines": lines}
        )
    keep("shortfalls", [row | stamp() for row in rows], key, whole=True)
    if rows:
        screen.out.print(markdown(rows), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
