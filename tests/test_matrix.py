"""The rows of MindSpore Lite's matrix, and the record of what ran that they rest on."""

import json
import subprocess
import sys

import pytest

from litegold.conformance import rows
from litegold.conformance.ran import recorded
from litegold.conformance.tables import CASES, HOST_CASES
from litegold.ir import OPS, load_all
from litegold.jit_kernels.lowering import CPU

load_all("litegold.refimpl")


def test_the_record_holds_what_the_tests_run():
    """Each line is a case of test_exact.py and of test_oracle.py, or of test_host.py."""
    keys = {(op.__name__, form) for op, form in CASES if (op, form) in CPU}
    keys |= {(op.__name__, "host") for op in HOST_CASES}
    assert not recorded() - keys


def test_rows_are_those_of_the_matrix():
    assert len(rows.ROWS) == len({row.name for row in rows.ROWS}) == 121
    for column, count in rows.DOCUMENTED.items():
        assert sum(row.marked(column) for row in rows.ROWS) == count


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_rows_name_operators(row):
    for column in rows.COLUMNS:
        for name, _ in row.needs(column):
            assert name in OPS


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_what_mindspore_lite_marks_is_here(row):
    for column in rows.COLUMNS:
        cell = rows.cell_of(row, column)
        assert cell.there or not cell.marked, column


def test_a_cell_needs_its_run(monkeypatch):
    """Whatever the tables hold: what is not in the record is not shown."""
    row = next(r for r in rows.ROWS if r.name == "Abs")
    monkeypatch.setattr(rows, "ran", lambda name, form: True)
    assert rows.cell_of(row, "fp32").there
    monkeypatch.setattr(rows, "ran", lambda name, form: (name, form) != ("abs", "f32"))
    assert not rows.cell_of(row, "fp32").there


def test_ops_shows_the_rows():
    main = "from litegold.cli import main; main()"
    command = [sys.executable, "-c", main, "ops", "--rows", "--json"]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(shown["rows"]) == 121
    assert all(shown["counts"][c] >= n for c, n in rows.DOCUMENTED.items())
    assert "no engine" in shown["nnacl"]
