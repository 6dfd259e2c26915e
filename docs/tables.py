"""Write the generated parts of README.md and docs/ops.md: `python docs/tables.py`."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # for `bench`, which is not part of the package

from bench import results  # noqa: E402
from litegold.conformance import matrix, rows  # noqa: E402

for name, mark, made in (
    ("README.md", "table", matrix.summary),
    ("README.md", "bench", results.excerpt),
    ("docs/ops.md", "table", matrix.markdown),
    ("docs/rows.md", "table", rows.markdown),
):
    results.replace_part(ROOT / name, mark, made())
