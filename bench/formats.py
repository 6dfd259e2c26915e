"""int8 beside float16 beside float32, on the same networks: `python -m bench.formats [NAME...] [--seconds 10]`.

float16 is the float32 network stored in halves (`passes.store_half`), int8 the one that `bench.quantized` makes of it.
All three are plans of ours, interleaved; each is first checked against the oracle, tensor by tensor.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.progress import track

from bench.networks import geometric_mean
from bench.quantized import quantized
from bench.results import Row, keep, stamp, table
from litegold.cli import screen
from litegold.conformance.check import check
from litegold.conformance.engines.timing import Ratio, interleave
from litegold.conformance.inputs import random_feeds
from litegold.ir import Graph, LitegoldError
from litegold.passes.store_half import store_half
from litegold.runtime.bound import Bound
from litegold.runtime.session import Session
from litegold.train.models.table import MODELS

NETWORKS: Final = ("mobilenet_v2", "resnet18", "resnet50")
VARIANTS: Final[Mapping[str, Callable[[Graph], Graph]]] = {
    "float32": lambda graph: graph,
    "float16": store_half,
    "int8": quantized,
}
TURN = 2e-3
# (the one, the other, what the ratio of their times is to be): MindSpore Lite's claims, taken at their word
COMPARED: Final = (("float16", "int8", "at least 1.4"), ("float16", "float32", "at most 1.05"))


def measure(name: str, threads: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Return a row for each number of threads."""
    graph = MODELS[name]()
    graphs = {variant: make(graph) for variant, make in VARIANTS.items()}
    for variant, made in graphs.items():
        report = check(made, runs=1)
        if not report.ok:
            wrong = next((r for r in report.rows if not r.ok), None)
            reason = f"{wrong.tensor}: {wrong.reason}" if wrong else "memory reused: other outputs"
            raise LitegoldError(f"{name} in {variant}: {reason}")
    return [_timed(name, graphs, count, seconds) for count in threads]


def _timed(name: str, graphs: Mapping[str, Graph], threads: int, seconds: float) -> dict[str, Any]:
    plans = {v: Bound(Session(g, threads=threads), random_feeds(g, 0)) for v, g in graphs.items()}
    trial = interleave(plans, 1, turn=TURN)
    rounds = max(7, round(seconds / sum(2 * max(t.median, TURN) for t in trial.values())))
    timings = interleave(plans, rounds, turn=TURN)
    row: dict[str, Any] = {"model": name, "threads": threads, "rounds": rounds}
    for variant, t in timings.items():
        row[variant] = {"median_us": t.median * 1e6, "best_us": t.best * 1e6, "spread": t.spread}
    for one, other, _ in COMPARED:
        row[f"{one}/{other}"] = _plain(timings[one].over(timings[other]))
    return row


def _plain(ratio: Ratio) -> list[float]:
    return [ratio.low, ratio.median, ratio.high]


def key(row: Row) -> Any:
    """Return what a row is of."""
    return [row["model"], row["threads"]]


def markdown(rows: Sequence[Row]) -> str:
    """Return the section of the page."""
    ratios = [f"{one} / {other}" for one, other, _ in COMPARED]
    headings = ["network", "threads", *VARIANTS, *ratios, "rounds", "load", "commit"]
    lines = []
    for row in sorted(rows, key=lambda r: r["threads"]):
        times = [f"{row[v]['median_us'] / 1e3:.4g}" for v in VARIANTS]
        shares = [_spelled(row[f"{one}/{other}"]) for one, other, _ in COMPARED]
        tail = [str(row[n]) for n in ("rounds", "load", "commit")]
        lines.append([row["model"], str(row["threads"]), *times, *shares, *tail])
    text = "Milliseconds, medians of interleaved rounds; ratios round by round: median (quartiles)."
    return "\n\n".join(["## int8, float16, float32", text, table(headings, lines), _means(rows)])


def _spelled(ratio: Sequence[float]) -> str:
    low, median, high = ratio
    return f"{median:.2f} ({low:.2f} .. {high:.2f})"


def _means(rows: Sequence[Row]) -> str:
    lines = []
    for threads in sorted({r["threads"] for r in rows}):
        for one, other, goal in COMPARED:
            ratios = [r[f"{one}/{other}"][1] for r in rows if r["threads"] == threads]
            mean = f"{geometric_mean(ratios):.2f}"
            lines.append(f"- {threads} thread(s), {one} / {other}: **{mean}**, asked for: {goal}")
    return "Geometric means:\n\n" + "\n".join(lines)


def main() -> None:
    """Measure, keep each network's rows as they come, and show them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NETWORKS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=10.0, help="for a network and threads")
    options = parser.parse_args()
    rows = []
    for name in track(options.names, "formats", console=screen.err):
        mark = stamp()
        rows += [r | mark for r in measure(name, options.threads, options.seconds)]
        keep("formats", rows, key)
    screen.out.print(markdown(rows), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
