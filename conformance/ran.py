"""What the tests have run: which operators, in which number formats, both oracles and the compiled plan have agreed on.

`ran.txt` holds a line for each, `operator format`. Only the tests write it (`pytest --record`, tests/conftest.py):
a line is entered where the test of the second oracle and that of the plan have passed in that very run, and struck
out where one has failed. A test demands that every line is among the cases that the same tests run each time, so that
a green run says it anew.
"""

from __future__ import annotations

import functools
from pathlib import Path

RECORD = Path(__file__).parent / "ran.txt"


@functools.cache
def recorded() -> frozenset[tuple[str, str]]:
    """Return the (operator, number format) pairs of the record."""
    lines = RECORD.read_text().splitlines() if RECORD.exists() else []
    return frozenset((name, form) for name, _, form in (line.partition(" ") for line in lines))


def ran(name: str, form: str) -> bool:
    """Whether the record has this operator in this number format."""
    return (name, form) in recorded()


def record(passed: set[tuple[str, str]], failed: set[tuple[str, str]]) -> None:
    """Enter what has passed, strike out what has failed."""
    kept = (set(recorded()) - failed) | passed
    temporary = RECORD.with_suffix(".tmp")
    temporary.write_text("".join(f"{name} {form}\n" for name, form in sorted(kept)))
    temporary.replace(RECORD)
    recorded.cache_clear()
