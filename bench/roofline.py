"""Where the hot kernels stand under their roof: `python -m bench.roofline [--only PART...] [--rounds 40]`.

The roof is measured by the vector language itself (`jit_kernels/peaks.py`): products of registers alone for the number
format, passes over memory of the working set's size. A case (`bench/cases.py`) is a network of a single node, run
through its plan: whatever kernel the plan chooses is measured, fused activation and all. LITEGOLD_ISA measures
narrower instruction sets. One thread; the best of the rounds counts, as for the roof. The products counted are those
of the definition; Winograd's kernels do with fewer, and may pass the peak.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from bench.cases import PARTS, PLAIN, Case
from bench.results import ROOT, Row, isa, keep, load, stamp, table
from bench.winograd_cost import forced
from litegold.cli import screen
from litegold.conformance.engines.timing import Timing, interleave
from litegold.conformance.inputs import random_feeds
from litegold.ir import Array, InputError, UnsupportedError
from litegold.jit_kernels import peaks
from litegold.jit_kernels.gemm_amx import SIDE, configuration
from litegold.jit_kernels.isa import tiles_permitted
from litegold.jit_kernels.loading import callable_of
from litegold.runtime.bound import Bound
from litegold.runtime.session import Session

MEMORY = {"L1": 16 << 10, "L2": 1 << 20, "L3": 8 << 20, "memory": 96 << 20}
TURN = 2e-3
TILES = " tiles"  # behind a format: its peak by the instructions on tiles


def peak_calls() -> dict[str, tuple[Callable[[], object], float]]:
    """Return for each format a call, and how many products it makes."""
    found, rounds = {}, 20_000
    for form, (kernel, each) in peaks.PEAKS.items():
        memory = np.zeros(peaks.ROOM + 64, np.uint8)
        block = np.array([-(-memory.ctypes.data // 64) * 64, rounds], np.int64)
        call = partial(callable_of(kernel), block.ctypes.data, 0, 1)
        found[form] = (_holding(call, memory, block), float(rounds * peaks.SUMS * each))
    if tiles_permitted():
        kernel, each = peaks.TILE_PEAK
        memory, tiles = np.zeros(peaks.TILE_ROOM, np.uint8), configuration(SIDE, False)
        block = np.array([tiles.ctypes.data, memory.ctypes.data, rounds], np.int64)
        call = partial(callable_of(kernel), block.ctypes.data, 0, 1)
        amount = float(rounds * peaks.TILE_SUMS * each)
        found[f"s8{TILES}"] = (_holding(call, memory, block, tiles), amount)
    return found


def peak_of(form: str, kernels: Sequence[str]) -> str:
    """Return which peak judges kernels: that of tiles where one of them uses these.

    >>> peak_of("f16", ["half_product"]), peak_of("s8", ["amx_rows"])
    ('f32', 's8 tiles')
    """
    tiled = any(name.startswith("amx") for name in kernels)
    # float16 is stored, the arithmetic that of float32; hybrid layers multiply bytes
    base = {"f16": "f32", "u8": "s8"}.get(form, form)
    base = "s8" if any("hybrid" in name for name in kernels) else base
    return base + TILES * tiled


def _holding(call: Callable[[], object], *kept: Array) -> Callable[[], object]:
    """Return the call with the arrays that it works on kept alive."""
    return lambda: (call(), kept)


def bandwidth_calls() -> dict[str, tuple[Callable[[], object], float]]:
    """Return for each level of memory a call, and how many bytes it reads."""
    found = {}
    for level, size in MEMORY.items():
        line = peaks.LINES * peaks.VECTOR
        count, rounds = size // line, max(1, (4 << 20) // size)
        memory = np.ones(size + 64, np.uint8)
        block = np.array([-(-memory.ctypes.data // 64) * 64, count, rounds], np.int64)
        call = partial(callable_of(peaks.pass_read), block.ctypes.data, 0, 1)
        found[level] = (_holding(call, memory, block), float(count * line * rounds))
    return found


def roof(case: Case, peak: float, bandwidth: Mapping[str, float]) -> tuple[float, str]:
    """Return the largest rate of products a second for a case, and what sets it: the peak or a level of memory.

    What goes in and out once must come from the smallest level that holds all of it.
    """
    level = next((n for n, size in MEMORY.items() if case.bytes <= 2 * size), "memory")
    from_memory = bandwidth[level] * case.products / case.bytes
    return (peak, "products") if peak <= from_memory else (from_memory, level)


def bound_of(case: Case) -> tuple[Bound, list[str]] | None:
    """Return the plan of a case and its kernels; None where it cannot be run."""
    try:
        with nullcontext() if case.winograd is None else forced(case.winograd):
            session = Session(case.graph)
            bound = Bound(session, random_feeds(case.graph, 0))
    except UnsupportedError:
        return None
    steps = bound.context.plan.steps
    return bound, list(dict.fromkeys(p.step.kernel.__name__ for p in steps))


def measure(parts: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Return a row a roof and a row a case; each part is interleaved with the peaks."""
    cases, roofs = [], dict[str, dict[str, Any]]()
    for part in track(parts, "roofline", console=screen.err):
        for row in _measure_part(part, rounds):
            if row["part"] != "roof":
                cases.append(row)
            elif row["rate"] > roofs.get(row["case"], {"rate": 0})["rate"]:
                roofs[row["case"]] = row
    return [*roofs.values(), *cases]


def _measure_part(part: str, rounds: int) -> list[dict[str, Any]]:
    roofs = {f"peak {n}": c for n, c in peak_calls().items()}
    roofs |= {f"read {n}": c for n, c in bandwidth_calls().items()}
    cases = {f"{c.name} {c.form}": c for c in (build() for build in PARTS[part])}
    bounds = {name: found for name, c in cases.items() if (found := bound_of(c)) is not None}
    calls = {name: call for name, (call, _) in roofs.items()}
    timings = interleave(calls | {n: b for n, (b, _) in bounds.items()}, rounds, turn=TURN)
    rates = {name: amount / timings[name].best for name, (_, amount) in roofs.items()}
    rows = [
        {"case": n, "part": "roof", "rate": r, "spread": timings[n].spread}
        for n, r in rates.items()
    ]
    for name, (_, kernels) in bounds.items():
        rows.append(_row(part, cases[name], kernels, timings[name], rates))
    return rows


def _row(
    part: str,
    case: Case,
    kernels: list[str],
    timing: Timing,
    rates: Mapping[str, float],
) -> dict[str, Any]:
    peak = f"peak {peak_of(case.form, kernels)}"
    bandwidth = {n.removeprefix("read "): r for n, r in rates.items() if n.startswith("read ")}
    top, limit = roof(case, rates[peak], bandwidth)
    row = {
        "case": case.name,
        "part": part,
        "format": case.form,
        "seconds": timing.best,
        "spread": timing.spread,
        "bytes": case.bytes,
        "kernels": kernels,
    }
    if case.products:
        rate = case.products / timing.best
        share = rate / rates[peak]
        row |= {"rate": rate, "of peak": share, "of roof": rate / top, "bound": limit}
    else:
        row |= {
            "of roof": case.bytes / timing.best / _reading(case, bandwidth),
            "bound": "memory",
        }
    return row


def _reading(case: Case, bandwidth: Mapping[str, float]) -> float:
    level = next((n for n, size in MEMORY.items() if case.bytes <= 2 * size), "memory")
    return bandwidth[level]


def key(row: Row) -> Any:
    """Return what a row is of."""
    return [row["isa"], row["part"], row["case"], row.get("format", "")]


def markdown(rows: Sequence[Row]) -> str:
    """Return the section of the page."""
    parts = [
        "## Roofline",
        "One thread, best of the rounds. A product is a multiplication with its addition (two floating-point "
        "operations). *of peak*: of the products that registers alone allow in the same rounds, those of tiles where a "
        "kernel (`amx_...`) multiplies these; *of roof*: of what the "
        "peak, or reading each byte once from the level of memory that holds them, allows. Winograd makes fewer "
        "products than are counted.",
        "![Rate of each kernel over its intensity](roofline.png)",
    ]
    for name in dict.fromkeys(r["isa"] for r in rows):
        mine = [r for r in rows if r["isa"] == name]
        parts += [f"### {name}", _roofs(mine)]
        parts += [
            _cases_table(mine, part) for part in PARTS if any(r["part"] == part for r in mine)
        ]
        parts += _winograd(mine)
    return "\n\n".join(parts)


def _winograd(rows: Sequence[Row]) -> list[str]:
    """Return how many times as fast as plain sums each F(m, 3) is."""
    plain = {r["case"].removesuffix(PLAIN): r for r in rows if r["case"].endswith(PLAIN)}
    lines = []
    for start, base in plain.items():
        mine = [r for r in rows if r["case"].startswith(start) and r is not base]
        gains = (
            f"{r['case'].removeprefix(start)} {base['seconds'] / r['seconds']:.2f}" for r in mine
        )
        lines.append(f"- {start.rstrip(' ,')}: {', '.join(gains)}")
    return ["Times as fast as plain sums:\n\n" + "\n".join(lines)] if lines else []


def _roofs(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        if row["part"] == "roof":
            unit = "GB/s" if row["case"].startswith("read") else "G products/s"
            lines.append([row["case"], f"{row['rate'] / 1e9:.1f} {unit}", f"{row['spread']:.0%}"])
    return table(["roof", "rate", "spread"], lines)


def _cases_table(rows: Sequence[Row], part: str) -> str:
    headings = [
        "case",
        "format",
        "us",
        "G products/s",
        "of peak",
        "of roof",
        "bound",
        "MB",
        "spread",
        "kernels",
    ]
    lines = []
    for r in rows:
        if r["part"] != part:
            continue
        rates = [f"{r['rate'] / 1e9:.1f}", f"{r['of peak']:.0%}"] if "rate" in r else ["-", "-"]
        tail = [
            r["bound"],
            f"{r['bytes'] / 1e6:.2f}",
            f"{r['spread']:.0%}",
            ", ".join(r["kernels"]),
        ]
        lines.append(
            [
                r["case"],
                r["format"],
                f"{r['seconds'] * 1e6:.1f}",
                *rates,
                f"{r['of roof']:.0%}",
                *tail,
            ]
        )
    return table(headings, lines)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the picture: rate over intensity, under the roofs, a panel a format."""
    from litegold.cli.bench import plots

    pyplot = plots()
    forms = list(dict.fromkeys(r["format"] for r in rows if "rate" in r and "format" in r))
    figure, panels = pyplot.subplots(
        1, len(forms), squeeze=False, figsize=(4.5 * len(forms), 4), layout="constrained"
    )
    rates = {r["case"]: r["rate"] for r in rows if r["part"] == "roof"}
    for panel, form in zip(panels[0], forms, strict=True):
        tops = [f"peak {peak_of(form, kernels)}" for kernels in ([], ["amx"])]
        _roof_lines(panel, max(rates[top] for top in tops if top in rates), rates)
        for part in PARTS:
            mine = [
                r for r in rows if r["part"] == part and r.get("format") == form and "rate" in r
            ]
            intensity = [r["rate"] * r["seconds"] / r["bytes"] for r in mine]
            panel.scatter(intensity, [r["rate"] / 1e9 for r in mine], s=20, label=part)
        panel.set(xscale="log", yscale="log", title=form, xlabel="products / byte")
        panel.set_ylabel("G products / s")
        panel.legend(fontsize=7)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    pyplot.close(figure)


def _roof_lines(panel: Any, peak: float, rates: Mapping[str, float]) -> None:
    for level in MEMORY:
        speed = rates[f"read {level}"]
        knee = peak / speed
        panel.plot([0.1, knee, 1000], [0.1 * speed / 1e9, peak / 1e9, peak / 1e9], linewidth=0.6)
        panel.annotate(level, (0.1, 0.1 * speed / 1e9), fontsize=6)


def main() -> None:
    """Measure parts, keep the rows, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    mark = stamp() | {"isa": isa()}
    rows = [row | mark for row in measure(options.only, options.rounds)]
    keep("roofline", rows, key)
    mine = [r for r in load()["sections"]["roofline"] if r["isa"] == isa()]
    screen.out.print(markdown(mine), markup=False, soft_wrap=True)
    try:
        draw(mine, ROOT / "bench" / "roofline.png")
    except InputError as error:
        screen.err.print(str(error))


if __name__ == "__main__":
    main()
