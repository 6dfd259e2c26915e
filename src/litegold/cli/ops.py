"""`litegold ops`: which operator works in which number format, and how well it is judged."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from ..conformance import rows as matrix_rows
from ..conformance.matrix import PARTS, cells, markdown, totals
from . import app, screen


@app.command()
def ops(
    operator: Annotated[
        str | None, typer.Argument(help="only operators whose name has this")
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="the 121 rows of MindSpore Lite 1.1 instead")
    ] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="as in docs/ops.md")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show the matrix operator x number format x part, read off the tables."""
    if as_markdown:
        print(matrix_rows.markdown() if rows else markdown())
    elif rows:
        _show_rows(operator or "", as_json)
    else:
        _show_cells(operator or "", as_json)


def _show_cells(operator: str, as_json: bool) -> None:
    found = [c for c in cells() if operator in c.operator]
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
    if any(c.format.endswith("-nnacl") for c in found):
        screen.out.print(matrix_rows.NNACL)


def _show_rows(name: str, as_json: bool) -> None:
    """Show the rows whose name, or an operator of which, has `name`; the counts are of all."""
    found = matrix_rows.rows()
    total = matrix_rows.counts(found)
    chosen = [r for r in matrix_rows.ROWS if name in f"{r.name} {r.operators}"]
    columns = matrix_rows.COLUMNS
    if as_json:
        listed = [
            {
                "row": row.name,
                "operators": row.operators.split(),
                "note": row.note,
                "cells": {c: asdict(found[row.name][c]) for c in columns},
            }
            for row in chosen
        ]
        documented = matrix_rows.DOCUMENTED
        screen.emit_json(
            {"rows": listed, "counts": total, "documented": documented, "nnacl": matrix_rows.NNACL}
        )
        return
    table = Table()
    for heading in ("row", "operators here", *columns, "how it maps"):
        table.add_column(heading)
    for row in chosen:
        texts = [matrix_rows.shown(found[row.name][c], c) for c in columns]
        marks = [f"[{'red' if text == 'missing' else 'green'}]{text}" for text in texts]
        table.add_row(row.name, row.operators.replace(":", " "), *marks, row.note)
    screen.out.print(table)
    for heading, numbers in (("here", total), ("MindSpore Lite r1.1", matrix_rows.DOCUMENTED)):
        screen.out.print(f"{heading}: " + ", ".join(f"{n} {c}" for c, n in numbers.items()))
    screen.out.print("bytes: in TFLite's dialect, in nnacl's, or in both. " + matrix_rows.NNACL)
