"""Elementwise operators, reductions, movement, transforms, norms: `python -m bench.elementwise [NAME...]`.

Each is a network of one node on 2**18 float32 numbers, which the second-level cache holds: our plan beside NumPy and
onnxruntime in one process, interleaved. The plan is judged first; what onnxruntime has no kernel for it does not run.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from rich.progress import track

from bench.networks import geometric_mean
from bench.results import Row, keep, stamp, table
from bench.small_cases import Small, cases
from litegold.cli import screen
from litegold.conformance.case import Case
from litegold.conformance.contest import silence
from litegold.conformance.engines.peers.table import PEERS, ModelFile, Peer
from litegold.conformance.engines.timing import interleave
from litegold.conformance.judge import judge_case
from litegold.formats import onnx
from litegold.ir import LitegoldError, TensorType
from litegold.runtime.bound import Bound
from litegold.runtime.session import Session

OURS: Final = "plan"
RIVALS: Final = ("NumPy", "onnxruntime")
TURN: Final = 5e-4


def measure(small: Small, threads: int, rounds: int) -> dict[str, Any]:
    """Return the row of one operator."""
    case, row = (
        small.case,
        {"family": small.family, "operator": _spelled(small), "threads": threads},
    )
    session, feeds = Session(case.graph(), threads=threads), case.feeds()
    results = session.run(feeds)
    verdict = judge_case(case, [results[name] for name in case.graph().outputs])
    if not verdict:
        raise LitegoldError(f"{small.name}: {verdict.reason}")
    tensors = [a for i, a in enumerate(case.args) if a is not None and i not in case.constant]
    if small.name == "split":  # its first tensor is the axis
        tensors = [None, *tensors]
    contestants: dict[str, Callable[[], object]] = {OURS: Bound(session, feeds)}
    if small.numpy is not None:
        contestants["NumPy"] = functools.partial(small.numpy, *tensors)
    try:
        with silence():
            contestants["onnxruntime"] = _peer(case, threads).invoke
    except Exception as error:  # whatever another engine says against a network is a result
        row["left out"] = " ".join(str(error).split())[:120]
    with np.errstate(all="ignore"):
        timings = interleave(contestants, rounds, turn=TURN)
    for name, t in timings.items():
        row[name] = {"median_us": t.median * 1e6, "best_us": t.best * 1e6, "spread": t.spread}
        if name != OURS:
            row[f"{OURS}/{name}"] = timings[OURS].over(t).median
    return row


def _spelled(small: Small) -> str:
    shapes = [str(list(a.shape)) for a in small.case.args[:2] if a is not None and a.size > 8]
    return f"{small.name} {small.case.format} {' '.join(shapes)}"


def _peer(case: Case, threads: int) -> Peer:
    """Return onnxruntime with the node and its inputs in place."""
    graph = case.graph()
    types = dict(graph.tensors) | {n: TensorType.of(v) for n, v in graph.constants.items()}
    model, inputs = onnx.write(graph.nodes, types, graph.constants)
    feeds = case.feeds()
    shapes = tuple(feeds[n].shape for n in inputs)
    file = ModelFile(model, dict.fromkeys(inputs), dict.fromkeys(graph.outputs), shapes)
    peer = PEERS["onnxruntime"](file, threads)
    peer.feed(file.arranged(feeds))
    peer.invoke()
    return peer


def key(row: Row) -> Any:
    """Return what a row is of."""
    return [row["family"], row["operator"], row["threads"]]


def markdown(rows: Sequence[Row]) -> str:
    """Return the section of the page."""
    headings = ["operator", "threads", OURS, *RIVALS, *(f"{OURS} / {r}" for r in RIVALS), "commit"]
    parts = [
        "## Elementwise operators, reductions, movement, normalisations",
        "Microseconds, medians of interleaved rounds on 2**18 numbers in one process; ratios are medians round by "
        "round.",
    ]
    for family in dict.fromkeys(r["family"] for r in rows):
        mine = [r for r in rows if r["family"] == family]
        lines = [_line(r) for r in sorted(mine, key=lambda r: r["threads"])]
        parts += [f"### {family}", table(headings, lines)]
    return "\n\n".join([*parts, _means(rows)])


def _line(row: Row) -> list[str]:
    times = [f"{row[n]['median_us']:.4g}" if n in row else "" for n in (OURS, *RIVALS)]
    ratios = [row.get(f"{OURS}/{r}") for r in RIVALS]
    shares = ["" if r is None else f"{r:.2f}" for r in ratios]
    return [row["operator"], str(row["threads"]), *times, *shares, row["commit"]]


def _means(rows: Sequence[Row]) -> str:
    lines = []
    for threads in sorted({r["threads"] for r in rows}):
        for rival in RIVALS:
            name = f"{OURS}/{rival}"
            ratios = [r[name] for r in rows if r["threads"] == threads and name in r]
            if ratios:
                mean = f"**{geometric_mean(ratios):.2f}**"
                lines.append(f"- {threads} thread(s), {OURS} / {rival}: {mean} over {len(ratios)}")
    return "Geometric means:\n\n" + "\n".join(lines)


def main() -> None:
    """Measure, keep the rows of each operator as they come, and show them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="operators; all without")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dry", action="store_true", help="show the figures, and keep none")
    options = parser.parse_args()
    chosen = [c for c in cases() if not options.names or c.name in options.names]
    rows: list[dict[str, Any]] = []
    for small in track(chosen, "elementwise", console=screen.err):
        mark = stamp()
        rows += [measure(small, threads, options.rounds) | mark for threads in options.threads]
    if not options.dry:
        keep("elementwise", rows, key)
    screen.out.print(markdown(rows), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
