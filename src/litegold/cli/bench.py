"""`litegold bench`: how long a run takes, beside other engines, interleaved in one process."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ..conformance.engines.timing import Timing, interleave
from ..conformance.inputs import random_feeds
from ..face import Network, load
from ..ir import Array
from ..runtime.bound import Bound
from . import app, screen

Call = Callable[[], object]


@app.command()
def bench(
    models: Annotated[list[Path], typer.Argument(help="model files")],
    rounds: Annotated[int, typer.Option(help="runs of each; the median counts")] = 100,
    threads: Annotated[int, typer.Option(help="of every engine")] = 1,
    peers: Annotated[bool, typer.Option(help="also time LiteRT where it is installed")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Time MODELS: the plan alone, and with feeding and fetching, each beside LiteRT's default (XNNPACK)."""
    results = []
    with screen.bar() as progress:
        for i, path in enumerate(models):
            progress(path.name, i, len(models))
            results.append(measure(path, rounds, threads, peers))
    if as_json:
        screen.emit_json({"models": results, "geometric_mean": _mean(results)})
        return
    show(results, threads)


def measure(path: Path, rounds: int, threads: int, peers: bool) -> dict[str, Any]:
    """Return medians in microseconds, and ratios ours / LiteRT's, of one model."""
    net = load(path, threads=threads)
    feeds = random_feeds(net.graph, seed=0)
    session = net.session()
    contestants: dict[str, Call] = {}
    if peers:
        contestants |= _litert(path, net, feeds, threads)
    contestants |= {"plan": Bound(session, feeds), "plan fed": lambda: session.run(feeds)}
    timings = interleave(contestants, rounds)
    result: dict[str, Any] = {"model": path.name, "rounds": rounds, "threads": threads}
    result |= {name: _microseconds(t) for name, t in timings.items()}
    if peers and "LiteRT" in timings:
        result["ratio"] = timings["plan"].ratio
        result["ratio fed"] = timings["plan fed"].median / timings["LiteRT fed"].median
    return result


def _microseconds(timing: Timing) -> dict[str, float]:
    return {"median_us": timing.median * 1e6, "best_us": timing.best * 1e6, "spread": timing.spread}


def _litert(path: Path, net: Network, feeds: dict[str, Array], threads: int) -> dict[str, Call]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return {}
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    given = {net.graph.origin[name]: array for name, array in feeds.items()}
    outputs = [net.graph.origin[name] for name in net.graph.outputs]

    def feed() -> None:
        for index, array in given.items():
            interpreter.set_tensor(index, array)

    def fed() -> list[np.ndarray]:
        feed()
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    fed()
    return {"LiteRT": interpreter.invoke, "LiteRT fed": fed}


def _mean(results: list[dict[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key in ("ratio", "ratio fed"):
        ratios = [r[key] for r in results if key in r]
        if ratios:
            found[key] = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return found


def show(results: list[dict[str, Any]], threads: int) -> None:
    """Print a row a model, then the geometric mean of the ratios."""
    names = ("plan", "LiteRT", "plan fed", "LiteRT fed")
    table = Table(title=f"median microseconds, {threads} thread(s); ratio: ours / LiteRT's")
    table.add_column("model")
    for heading in (*names, "ratio", "ratio fed", "spread"):
        table.add_column(heading, justify="right")
    for r in results:
        times = (f"{r[n]['median_us']:.1f}" if n in r else "-" for n in names)
        ratios = (f"{r[key]:.2f}" if key in r else "-" for key in ("ratio", "ratio fed"))
        table.add_row(r["model"], *times, *ratios, f"{r['plan']['spread']:.0%}")
    screen.out.print(table)
    for key, value in _mean(results).items():
        screen.out.print(f"geometric mean, {key}: {value:.2f}")
