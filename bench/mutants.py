"""`python -m bench.mutants` hunts every mutant and writes docs/mutants.md: what is caught, and after how many cases."""

from __future__ import annotations

import sys
from pathlib import Path

from litegold.conformance.mutants.hunt import caught_after
from litegold.conformance.mutants.mutant import LIMIT, MUTANTS, Mutant

PAGE = Path(__file__).parents[1] / "docs" / "mutants.md"
HEAD = f"""# Faults that the tests find

The tests of the operators were tried on faults: a line of a reference, a quantized rule or a kernel is changed into a
wrong one, and the properties that every operator is tested for are asked again, on the same drawn cases: the reference
agrees with the exact oracle, the plan with the reference, at one and at two threads. Nothing is written for a fault.
It is caught when a case is refused; drawn are at most {LIMIT} cases for each operator and format beside it. The first
table holds faults that oracles, suites and engines have had; the second such as ports have time and again.
`python -m bench.mutants` makes this page.

Not here, of what is known: faults of operators that we do not have (AdamW's decay), and negative amounts of ONNX's Pad,
which are no operator's matter here: the reader cuts with a slice.
"""


def row(name: str, fault: Mutant, count: int) -> str:
    """Return a line of the table."""
    cells = [fault.what, fault.origin, f"`{fault.file}`", " ".join(fault.keys), str(count or "no")]
    if not fault.origin:
        del cells[1]
    return "| " + " | ".join([name, *cells]) + " |"


def table(found: dict[str, int], historical: bool) -> list[str]:
    """Return a table of the faults with or without an origin."""
    heading = ["mutant", "fault", "origin", "changed file", "cases of", "caught after"]
    if not historical:
        heading.remove("origin")
    chosen = [n for n in found if bool(MUTANTS[n].origin) == historical]
    caught = sum(found[n] > 0 for n in chosen)
    lines = [f"{caught} of {len(chosen)} are caught.", ""]
    lines += ["| " + " | ".join(heading) + " |", "|---" * len(heading) + "|"]
    return [*lines, *(row(n, MUTANTS[n], found[n]) for n in chosen)]


def main() -> None:
    """Hunt, write, and fail where one got away."""
    found: dict[str, int] = {}
    for name, fault in MUTANTS.items():
        found[name] = caught_after(fault)
        print(f"{found[name] or 'not caught':>10} {name}", flush=True)
    parts = [HEAD, "## Known from elsewhere\n", *table(found, True), "\n## Usual in ports\n"]
    PAGE.write_text("\n".join([*parts, *table(found, False)]) + "\n")
    sys.exit(not all(found.values()))


if __name__ == "__main__":
    main()
