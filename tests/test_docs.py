"""Tables in the documents are what the commands print."""

import re
from pathlib import Path

import pytest

from bench import results
from litegold.conformance import matrix, rows

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("file", "mark", "made"),
    [
        ("README.md", "table", matrix.summary),
        ("README.md", "bench", results.excerpt),
        ("docs/ops.md", "table", matrix.markdown),
        ("docs/rows.md", "table", rows.markdown),
    ],
)
def test_generated_parts_are_current(file, mark, made):
    text = (ROOT / file).read_text()
    table = re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert table, f"{file} has no generated {mark}"
    assert table[1] == made(), f"{file} is old: run `python docs/tables.py`"


def test_results_are_shown_as_kept():
    if results.STORE.exists():
        assert results.page(results.load()) == results.PAGE.read_text(), (
            "run `python -m bench.results`"
        )


def test_documents_that_are_linked_exist():
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name} links {target}"
