"""`litegold check`: is the plan, or another engine, what the oracle says, layer by layer?"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..conformance.check import Report, Row
from ..conformance.check import check as check_graph
from ..face import load
from ..media import feed
from . import app, screen


@app.command()
def check(
    models: Annotated[list[Path], typer.Argument(help="model files")],
    inputs: Annotated[
        list[Path] | None, typer.Option("--input", help=".npy, picture or sound; else random")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="check this engine in place of the plan: litert, onnxruntime")
    ] = None,
    runs: Annotated[int, typer.Option(help="number of random inputs")] = 3,
    seed: Annotated[int, typer.Option(help="of the random inputs")] = 0,
    threads: Annotated[int, typer.Option(help="of the plan")] = 1,
    fuse: Annotated[
        bool, typer.Option(help="let passes join nodes first, as users' runs do")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Compare each tensor with the reference on the same inputs of its node; exit code 1 if one is wrong."""
    reports = []
    for path in models:
        data = path.read_bytes() if path.is_file() else b""
        net = load(path)
        feeds = None
        if inputs:
            feeds = [net.feeds(feed(p, next(iter(net.inputs.values())))) for p in inputs]
        with screen.bar() as progress:
            report = check_graph(
                net.graph,
                feeds,
                against=against,
                model=data,
                runs=runs,
                seed=seed,
                threads=threads,
                fuse=fuse,
                progress=progress,
            )
        report.model = str(path)
        reports.append(report)
        if not as_json:
            show(report)
    if as_json:
        screen.emit_json([r.as_dict() for r in reports])
    if not all(r.ok for r in reports):
        raise typer.Exit(1)


def _reason(row: Row) -> str:
    return row.reason


def show(report: Report) -> None:
    """Print a row a tensor, then the sum."""
    table = Table(title=f"{report.model}: {report.subject}, {report.runs} inputs", expand=True)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("layer", overflow="ellipsis", no_wrap=True, ratio=1, min_width=12)
    for heading in ("operator", "type", "shape"):
        table.add_column(heading, no_wrap=True)
    for heading in ("worst", "bound"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for i, row in enumerate(report.rows):
        bound = "exact" if row.bound == 0 else f"{row.bound:.1e}"
        worst = f"{row.worst:.1e}" if row.worst else "0"
        shape = "x".join(map(str, row.shape)) or "scalar"
        verdict = "[green]ok" if row.ok else "[red]WRONG"
        if not row.compared:
            worst = bound = verdict = "-"
        table.add_row(str(i), row.tensor, row.operator, row.format, shape, worst, bound, verdict)
    screen.out.print(table)
    for row in report.rows:
        if not row.ok:
            screen.out.print(f"{row.tensor} ({row.node}): {row.reason}", style="red", markup=False)
    wrong = sum(not row.ok for row in report.rows)
    left_out = [row for row in report.rows if not row.compared]
    for reason, rows in groupby(sorted(left_out, key=_reason), _reason):
        screen.out.print(f"{len([*rows])} {reason}", style="dim", markup=False)
    line = f"{len(report.rows)} tensors, {wrong} wrong"
    if left_out:
        line += f", {len(left_out)} not compared"
    if report.outputs_ok is not None:
        line += "; outputs with memory reused: " + ("same bits" if report.outputs_ok else "DIFFER")
    screen.out.print(line, style="green" if report.ok else "red")
