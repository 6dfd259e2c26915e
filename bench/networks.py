"""Our plan beside every installed engine, network by network: `python -m bench.networks [NAME...] [--seconds 10]`.

The networks of `train/models`, some of them also in 8 bits, and the TFLite files of the shared data (LITEGOLD_DATA,
default ../shared) but for those of a single operator. Each runs in a process of its own (`litegold bench`), so that
no engine's thread pools outlive its contest and no crash ends the others'. Writes bench/RESULTS.md and
bench/networks.png.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import track

from bench.quantized import quantized
from bench.results import Row, keep, stamp, table
from litegold.cli import screen
from litegold.conformance.engines.peers.table import PEERS
from litegold.formats.tflite import write
from litegold.train.models.table import MODELS

SHARED = Path(os.environ.get("LITEGOLD_DATA", "../shared")) / "models" / "tflite"
EIGHT_BITS = ("mobilenet_v1", "mobilenet_v2", "resnet18", "resnet50", "vgg_small")
ONE_OPERATOR = "mslite_ops"
BENCH = "from litegold.cli import main; main()"
FED = " fed"
GOALS = {"float32": (0.9, 1.1), "int8": (1.0, 1.2)}  # geometric mean of the ratios, and the largest
TAIL = ("rounds", "load", "commit")


Maker = Callable[[Path], str]  # given an empty folder, what `litegold bench` is told


def networks() -> dict[str, Maker]:
    """Return the networks: those that we build, those of them that there are in 8 bits, then files."""
    found: dict[str, Maker] = {name: partial(_built, name) for name in MODELS}
    found |= {f"{name}_int8": partial(_quantized, name) for name in EIGHT_BITS}
    files = sorted(SHARED.glob("*/*.tflite"))
    return found | {str(p): partial(_built, str(p)) for p in files if p.parent.name != ONE_OPERATOR}


def _built(name: str, folder: Path) -> str:
    return name


def _quantized(name: str, folder: Path) -> str:
    path = folder / f"{name}_int8.tflite"
    path.write_bytes(write(quantized(MODELS[name]())))
    return str(path)


def measure(
    name: str, threads: Sequence[int], seconds: float, limit: float
) -> list[dict[str, Any]]:
    """Return a row for each number of threads; it may say what went wrong."""
    words = ["bench", name, "--json", "--seconds", str(seconds)]
    words += [word for count in threads for word in ("--threads", str(count))]
    try:
        ran = subprocess.run(
            [sys.executable, "-c", BENCH, *words], capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return _failed(name, threads, f"no end in {limit:.0f} s")
    if ran.returncode:
        said = ran.stderr.strip().splitlines()
        return _failed(name, threads, said[-1] if said else f"exit code {ran.returncode}")
    found: list[dict[str, Any]] = json.loads(ran.stdout)["models"]
    return found


def _failed(name: str, threads: Sequence[int], reason: str) -> list[dict[str, Any]]:
    return [{"model": Path(name).name, "threads": n, "failed": reason} for n in threads]


def key(row: Row) -> Any:
    """Return what a row is of."""
    return [row["model"], row["threads"]]


def contestants(rows: Sequence[Row]) -> list[str]:
    """Return the engines of which there are times."""
    return [name for name in PEERS if any(name in row for row in rows)]


def markdown(rows: Sequence[Row]) -> str:
    """Return the section of the page: a table for each format and number of threads."""
    parts = [
        "## Networks",
        "Milliseconds, medians of interleaved rounds; the ratio is ours / the fastest engine's, round by round: "
        "median (quartiles). *of the best*: the ratio of the smallest times. *fed*: with feeding inputs and fetching "
        "outputs from Python. Every engine's outputs were within the bound propagated from the operators' envelopes "
        "before its time counted; engines left out are listed below. *load*: what else was running.",
        "![Time of each engine as a multiple of the plan's](networks.png)",
        "\n".join(f"- {name}: {PEERS[name].setting}." for name in contestants(rows)),
    ]
    for form in dict.fromkeys(r["format"] for r in rows if "format" in r):
        for threads in sorted({r["threads"] for r in rows}):
            mine = [r for r in rows if r.get("format") == form and r["threads"] == threads]
            parts += (
                _part(f"### {form}, {threads} thread{'s' * (threads > 1)}", mine) if mine else []
            )
    failed = [r for r in rows if "failed" in r]
    notes = [f"- {r['model']}, {r['threads']} thread(s): {r['failed']}" for r in failed]
    notes += _left_out(rows)
    return "\n\n".join([*parts, "### Not measured", "\n".join(notes) or "Nothing."])


def _part(title: str, rows: Sequence[Row]) -> list[str]:
    peers = contestants(rows)
    headings = ["network", "plan", *peers, "ratio", "of the best", "ratio fed", "spread", *TAIL]
    lines = []
    for row in rows:
        times = [_milliseconds(row, name) for name in ("plan", *peers)]
        ratios = [_ratio(row, ""), _of_the_best(row, peers), _ratio(row, FED)]
        tail = [f"{row['plan']['spread']:.0%}", *(str(row[name]) for name in TAIL)]
        lines.append([row["model"].removesuffix(".tflite"), *times, *ratios, *tail])
    return [title, table(headings, lines), _goal(rows)]


def _milliseconds(row: Row, name: str) -> str:
    return f"{row[name]['median_us'] / 1e3:.4g}" if name in row else "-"


def _ratio(row: Row, end: str) -> str:
    if "ratio" + end not in row:
        return "-"
    low, high = row[f"ratio{end} quartiles"]
    return f"{row['ratio' + end]:.2f} ({low:.2f} .. {high:.2f}) {row['best peer' + end]}"


def _of_the_best(row: Row, peers: Sequence[str]) -> str:
    """Return the ratio of the smallest times: what remains where others use the machine."""
    theirs = [row[name]["best_us"] for name in peers if name in row]
    return f"{row['plan']['best_us'] / min(theirs):.2f}" if theirs else "-"


def _left_out(rows: Sequence[Row]) -> list[str]:
    """Return a line for each engine and reason, with the networks that it concerns."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, reason in row.get("left out", {}).items():
            mine = found.setdefault((name, reason), [])
            if row["model"] not in mine:
                mine.append(row["model"])
    return [f"- {name}: {reason} ({', '.join(who)})" for (name, reason), who in found.items()]


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean.

    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(sum(map(math.log, values)) / len(values))


def _goal(rows: Sequence[Row]) -> str:
    ratios = {row["model"]: row["ratio"] for row in rows if "ratio" in row}
    if not ratios:
        return "No other engine took part."
    worst = max(ratios, key=lambda name: ratios[name])
    mean = f"**{geometric_mean([*ratios.values()]):.2f}**"
    text = f"Geometric mean of {len(ratios)} ratios: {mean}; worst: {ratios[worst]:.2f} ({worst})."
    if rows[0]["format"] in GOALS:
        text += " Asked for: at most {} and {}.".format(*GOALS[rows[0]["format"]])
    return text


def summary(rows: Sequence[Row]) -> str:
    """Return the table that the README quotes: geometric means and extremes of the ratios."""
    lines = []
    for form in dict.fromkeys(r["format"] for r in rows if "format" in r):
        for threads in sorted({r["threads"] for r in rows}):
            mine = [r for r in rows if r.get("format") == form and r["threads"] == threads]
            ratios = {r["model"]: r["ratio"] for r in mine if "ratio" in r}
            if ratios:
                best, *_, worst = sorted(ratios, key=lambda n: ratios[n]) * 2
                ends = [f"{ratios[n]:.2f} ({n.removesuffix('.tflite')})" for n in (best, worst)]
                mean = f"{geometric_mean([*ratios.values()]):.2f}"
                lines.append([form, str(threads), str(len(ratios)), mean, *ends])
    headings = ["networks", "threads", "count", "our time / the fastest engine's", "best", "worst"]
    return table(headings, lines)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the picture: for each network a dot an engine, time as a multiple of the plan's."""
    from litegold.cli.bench import plots

    pyplot = plots()
    counts = sorted({r["threads"] for r in rows})
    models = list(dict.fromkeys(r["model"] for r in rows if r["threads"]))[::-1]
    size = (2.2 + 4.2 * len(counts), 1.4 + 0.22 * len(models))
    figure, panels = pyplot.subplots(
        1, len(counts), squeeze=False, sharey=True, figsize=size, layout="constrained"
    )
    for panel, count in zip(panels[0], counts, strict=True):
        for name in contestants(rows):
            mine = [r for r in rows if r["threads"] == count and name in r]
            shares = [r[name]["median_us"] / r["plan"]["median_us"] for r in mine]
            panel.scatter(shares, [models.index(r["model"]) for r in mine], s=18, label=name)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_xscale("log", base=2)
        panel.set_yticks(
            range(len(models)), [m.removesuffix(".tflite") for m in models], fontsize=7
        )
        panel.set_title(f"{count} thread(s)", fontsize=9)
        panel.grid(axis="x", linewidth=0.3)
        panel.set_xlabel("time / the plan's: right of 1 the plan is faster", fontsize=8)
    panels[0][0].legend(fontsize=7)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    """Measure, and keep each network's rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="these networks alone; parts of names do")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=10.0, help="for a network and threads")
    parser.add_argument(
        "--limit", type=float, default=900.0, help="seconds that a network may take"
    )
    options = parser.parse_args()
    parts = options.names or [""]
    wanted = {n: make for n, make in networks().items() if any(part in n for part in parts)}
    for make in track(wanted.values(), "networks", console=screen.err):
        with tempfile.TemporaryDirectory() as folder:
            mark, name = stamp(), make(Path(folder))
            rows = measure(name, options.threads, options.seconds, options.limit)
        keep("networks", [row | mark for row in rows], key)
    picture()


def picture() -> None:
    """Draw what is kept, where matplotlib is installed."""
    from bench.results import ROOT, load
    from litegold.ir import InputError

    try:
        draw(load()["sections"]["networks"], ROOT / "bench" / "networks.png")
    except InputError as error:
        screen.err.print(str(error))


if __name__ == "__main__":
    main()
