"""What comes before the first result, and what a run costs beyond its kernels: `python -m bench.startup [--cold]`.

Each figure is the median of some fresh processes, from the start of the interpreter where it says so. The kernel cache
is warm, but for the figure of `--cold`, for which it is an empty folder. Memory is the arena of the plan against the
largest sum of what is alive at one step, below which no packing can go.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import track

import litegold as lg
from bench.results import Row, keep, stamp, table
from litegold.cli import screen
from litegold.conformance.engines.timing import interleave
from litegold.conformance.inputs import random_feeds
from litegold.ir import Graph, Node, TensorType
from litegold.refimpl.activation import relu
from litegold.runtime.bound import Bound
from litegold.runtime.session import Session
from litegold.train.models.table import MODELS

FIRST = """
import time; start = time.perf_counter()
import litegold as lg, numpy as np
net = lg.load({path!r}); loaded = time.perf_counter()
x = np.zeros(next(iter(net.inputs.values())).shape, "f"); net(x); first = time.perf_counter()
net(x); second = time.perf_counter()
print(*(loaded - start, first - loaded, second - first))
"""
PLAN = """
import time, numpy as np, litegold as lg
from litegold.runtime.session import Session
net = lg.load({path!r}); (name,) = net.inputs
x = np.zeros(net.inputs[name].shape, "f"); start = time.perf_counter()
Session(net.graph).plan({{name: x}})
print(time.perf_counter() - start)
"""
IMPORT = "import time; start = time.perf_counter(); import litegold; litegold.load; print(time.perf_counter() - start)"
NOTHING = "print(0)"
# What is asked for, in the unit of the row.
GOALS = {
    "MobileNetV2: interpreter start to first result, warm": 1.0,
    "MobileNetV2: interpreter start to first result, cold kernel cache": 45.0,
    "ResNet-50: plan, warm": 1.5,
    "plan entry": 1000.0,
}


def spent(code: str, folder: Path, **environment: str) -> tuple[float, list[float]]:
    """Return how many seconds a fresh interpreter took for `code`, and the numbers that it printed.

    Modules are compiled to `folder` once, as an installation has them, whatever this process was told.
    """
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "modules"), **environment}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    wall = time.perf_counter() - start
    if ran.returncode:
        raise lg.LitegoldError(f"bench.startup: {ran.stderr.strip()}")
    return wall, [float(word) for word in ran.stdout.split()]


def seconds(what: str, samples: Sequence[float]) -> dict[str, Any]:
    """Return a row of a time."""
    return {
        "what": what,
        "value": statistics.median(samples),
        "best": min(samples),
        "unit": "s",
        "runs": len(samples),
    }


def starts(runs: int, cold: bool) -> list[dict[str, Any]]:
    """Return the times of fresh processes; the first of each fills the kernel cache and does not count."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mobilenet, resnet = folder / "mobilenet_v2.tflite", folder / "resnet50.tflite"
        lg.save(MODELS["mobilenet_v2"](), mobilenet)
        lg.save(MODELS["resnet50"](), resnet)
        first, plan = FIRST.format(path=str(mobilenet)), PLAN.format(path=str(resnet))
        for code in (first, plan):
            spent(code, folder)
        ran = [spent(first, folder) for _ in _rounds(runs, "warm start")]
        walls, stages = zip(*ran, strict=True)
        rows.append(seconds("MobileNetV2: interpreter start to first result, warm", walls))
        for i, stage in enumerate(("import and load", "plan and first run", "second run")):
            rows.append(seconds(f"MobileNetV2: {stage}, warm", [s[i] for s in stages]))
        plans = [spent(plan, folder)[1][0] for _ in _rounds(runs, "plan")]
        rows.append(seconds("ResNet-50: plan, warm", plans))
        imports = [spent(IMPORT, folder)[1][0] for _ in _rounds(runs, "import")]
        rows.append(seconds("import of what loads models", imports))
        rows.append(
            seconds("the bare interpreter", [spent(NOTHING, folder)[0] for _ in range(runs)])
        )
        if cold:
            wall, _ = spent(first, folder, LITEGOLD_CACHE=str(folder / "cache"))
            rows.append(
                seconds("MobileNetV2: interpreter start to first result, cold kernel cache", [wall])
            )
    return rows


def _rounds(count: int, what: str) -> Any:
    return track(range(count), what, console=screen.err)


def entry(rounds: int) -> list[dict[str, Any]]:
    """Return what calling a plan costs that has next to nothing to do."""
    t = TensorType((4,))
    graph = Graph((Node(relu, ("x",), ("y",)),), ("x",), ("y",), {"x": t, "y": t}, name="relu")
    feeds = random_feeds(graph, 0)
    session = Session(graph)
    calls = {"plan entry": Bound(session, feeds), "plan entry, fed": lambda: session.run(feeds)}
    timings = interleave(calls, rounds, turn=5e-3)
    return [
        {"what": n, "value": t.median * 1e9, "best": t.best * 1e9, "unit": "ns", "runs": rounds}
        for n, t in timings.items()
    ]


def memory() -> list[dict[str, Any]]:
    """Return the arena of each network's plan, and its lower bound."""
    rows = []
    for name in _each(MODELS):
        graph = MODELS[name]()
        plan = Session(graph).plan(random_feeds(graph, 0))
        rows.append({"what": f"arena of {name}", "value": plan.arena_bytes, "unit": "bytes"})
        rows[-1]["bound"] = plan.arena_bound
    return rows


def _each(names: Any) -> Any:
    return track(list(names), "memory", console=screen.err)


def key(row: Row) -> Any:
    """Return what a row is of."""
    return row["what"]


def markdown(rows: Sequence[Row]) -> str:
    """Return the section of the page."""
    times = [r for r in rows if r["unit"] != "bytes"]
    arenas = [r for r in rows if r["unit"] == "bytes"]
    lines = [
        [
            r["what"],
            f"{r['value']:.4g} {r['unit']}",
            f"{r['best']:.4g}",
            f"{GOALS[r['what']]:.4g}" if r["what"] in GOALS else "",
            str(r["runs"]),
            r["commit"],
        ]
        for r in times
    ]
    sizes = [
        [r["what"], f"{r['value'] / 2**20:.2f}", f"{r['bound'] / 2**20:.2f}", _excess(r)]
        for r in arenas
    ]
    parts = [
        "## Start-up, entry, memory",
        "Medians of fresh processes, and of calls in a row.",
        table(["what", "median", "best", "asked for", "runs", "commit"], lines),
        table(["what", "MiB", "lower bound", "more"], sizes),
    ]
    return "\n\n".join(parts)


def _excess(row: Row) -> str:
    return f"{row['value'] / row['bound'] - 1:.1%}" if row["bound"] else "-"


def main() -> None:
    """Measure, keep the rows, and show them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--cold", action="store_true", help="also with an empty kernel cache")
    options = parser.parse_args()
    mark = stamp()
    rows = [*starts(options.runs, options.cold), *entry(25), *memory()]
    rows = [row | mark for row in rows]
    keep("startup", rows, key)
    screen.out.print(markdown(rows), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
