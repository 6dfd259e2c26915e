"""Tables in the documents are what the commands print."""

import re
from pathlib import Path

import pytest

from litegold.conformance import matrix

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("file", "made"), [("README.md", matrix.summary), ("docs/ops.md", matrix.markdown)]
)
def test_generated_tables_are_current(file, made):
    text = (ROOT / file).read_text()
    table = re.search(r"<!-- table -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert table, f"{file} has no generated table"
    assert table[1] == made(), f"{file} is old: run `python docs/tables.py`"


def test_documents_that_are_linked_exist():
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name} links {target}"
