"""Faults are caught by the properties that every operator is tested for, on the cases that it is tested with."""

import re
from pathlib import Path

import pytest

from litegold.conformance.mutants.hunt import caught_after
from litegold.conformance.mutants.mutant import MUTANTS, cases_until_caught, injected

PAGE = Path(__file__).parents[1] / "docs" / "mutants.md"
INTERPRETED = [name for name in MUTANTS if not MUTANTS[name].compiled]
COMPILED = [name for name in MUTANTS if MUTANTS[name].compiled]


@pytest.mark.parametrize("name", list(MUTANTS))
def test_mutant_fits_the_source(name):
    assert MUTANTS[name].source()


@pytest.mark.slow
@pytest.mark.parametrize("name", INTERPRETED)
def test_mutant_is_caught(name):
    assert caught_after(MUTANTS[name]), MUTANTS[name].what


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tail_is_not_summed", "last_panel_is_half_written"])
def test_mutant_of_a_kernel_is_caught(name):
    assert caught_after(MUTANTS[name]), MUTANTS[name].what


@pytest.mark.long
@pytest.mark.parametrize("name", COMPILED)
def test_every_mutant_of_a_kernel_is_caught(name):
    assert caught_after(MUTANTS[name]), MUTANTS[name].what


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["lrn_over_the_batch", "batch_is_not_broadcast", "pad_takes_the_other_end"]
)
def test_mutant_is_caught_by_laws_alone(name):
    assert caught_after(MUTANTS[name], question="laws"), MUTANTS[name].what


@pytest.mark.slow
@pytest.mark.parametrize("name", INTERPRETED[::10])
def test_nothing_is_caught_where_nothing_is_wrong(name):
    with injected(MUTANTS[name]):
        pass
    assert not cases_until_caught(MUTANTS[name].keys[:1], limit=20)


def test_the_page_lists_all_of_them():
    rows = re.findall(r"^\| (\w+) \|.*\| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    found = {name: count for name, count in rows if name != "mutant"}
    assert found.keys() == set(MUTANTS), "run `python -m bench.mutants`"
    assert "no" not in found.values()
