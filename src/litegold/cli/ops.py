"""`litegold ops`: which operator works in which number format, and how well it is judged."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from ..conformance.matrix import PARTS, cells, markdown, totals
from . import app, screen


@app.command()
def ops(
    operator: Annotated[
        str | None, typer.Argument(help="only operators whose name has this")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="as in docs/ops.md")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show the matrix operator x number format x part, read off the tables."""
    if as_markdown:
        print(markdown())
        return
    found = [c for c in cells() if not operator or operator in c.operator]
    if as_json:
        screen.emit_json({"cells": [asdict(c) for c in found], "totals": totals()})
        return
    table = Table()
    for heading in ("family", "operator", "format", *PARTS):
        table.add_column(heading)
    previous = None
    for cell in found:
        marks = ("[green]●" if part else "[dim]·" for part in cell.parts)
        name = cell.operator if cell.operator != previous else ""
        table.add_row(cell.family if name else "", name, cell.format, *marks)
        previous = cell.operator
    screen.out.print(table)
    screen.out.print(", ".join(f"{n} {what}" for what, n in totals().items()))
