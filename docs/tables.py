"""Write the generated tables into README.md and docs/ops.md: `python docs/tables.py`."""

from pathlib import Path

from litegold.conformance import matrix

ROOT = Path(__file__).parents[1]

for name, made in (("README.md", matrix.summary), ("docs/ops.md", matrix.markdown)):
    path = ROOT / name
    head, rest = path.read_text().split("<!-- table -->")
    tail = rest.partition("<!-- end -->")[2]
    path.write_text(f"{head}<!-- table -->\n{made()}\n<!-- end -->{tail}")
