"""`litegold judge`: an operator in a file of its own, asked what the operators here are asked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..conformance.trial import Finding, findings
from . import STARTED, app, screen


@app.command()
def judge(
    file: Annotated[Path, typer.Argument(help="a Python file that declares an operator")],
    count: Annotated[int, typer.Option(help="cases for each question")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Judge the operators that FILE declares: shape rule, second oracle, bound, vector, kernel; exit code 1 if wrong.

    FILE is run, as a program of yours.
    """
    found, first = [], None
    for finding in findings(file, count):
        found.append(finding)
        if finding.ok is False and first is None:
            first = time.perf_counter() - STARTED
    if as_json:
        screen.emit_json({"findings": [facts(f) for f in found], "first_counterexample_s": first})
    else:
        show(found)
        if first is not None:
            screen.out.print(f"first counterexample {first:.1f} s after the start")
    raise typer.Exit(first is not None)


def facts(finding: Finding) -> dict[str, object]:
    """Return plain values."""
    case = None if finding.case is None else str(finding.case)
    return {**vars(finding), "case": case}


def show(findings: list[Finding]) -> None:
    """Print a table, and the cases against the operator below it."""
    table = Table()
    for heading in ("operator", "format", "question", "verdict", "cases", "seconds", "why"):
        table.add_column(heading)
    for f in findings:
        verdict = {True: "right", False: "[bold]wrong[/]", None: "-"}[f.ok]
        table.add_row(
            f.operator, f.form, f.question, verdict, str(f.cases), f"{f.seconds:.1f}", f.reason
        )
    screen.out.print(table)
    for f in findings:
        if f.case is not None:
            screen.out.print(f"{f.operator} {f.form}, {f.question}: {f.case}", markup=False)
