"""`python -m bench.mutants` hunts every mutant and writes docs/mutants.md: what is caught, and after how many cases."""

from __future__ import annotations

import argparse
import re
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
"By laws" says after how many of these cases the laws alone find the fault, without any oracle (`conformance/laws`);
half arithmetic has none. `python -m bench.mutants` makes this page, with `--laws` that column alone.

Not here, of what is known: faults of operators that we do not have (AdamW's decay).
"""
Found = dict[
    str, tuple[int, int]
]  # after how many cases a fault was caught: by the properties, by laws alone


def row(name: str, fault: Mutant, counts: tuple[int, int]) -> str:
    """Return a line of the table."""
    count, by_laws = (str(n or "no") for n in counts)
    cells = [fault.what, fault.origin, f"`{fault.file}`", " ".join(fault.keys), by_laws, count]
    if not fault.origin:
        del cells[1]
    return "| " + " | ".join([name, *cells]) + " |"


def table(found: Found, historical: bool) -> list[str]:
    """Return a table of the faults with or without an origin."""
    heading = ["mutant", "fault", "origin", "changed file", "cases of", "by laws", "caught after"]
    if not historical:
        heading.remove("origin")
    chosen = [n for n in found if bool(MUTANTS[n].origin) == historical]
    caught, by_laws = (sum(found[n][i] > 0 for n in chosen) for i in range(2))
    lines = [f"{caught} of {len(chosen)} are caught, {by_laws} by laws alone.", ""]
    lines += ["| " + " | ".join(heading) + " |", "|---" * len(heading) + "|"]
    return [*lines, *(row(n, MUTANTS[n], found[n]) for n in chosen)]


def known() -> dict[str, int]:
    """Return what the page says of the properties."""
    rows = re.findall(r"^\| (\w+) \|.*\| (\d+) \|$", PAGE.read_text(), re.MULTILINE)
    return {name: int(count) for name, count in rows}


def main() -> None:
    """Hunt, write, and fail where one got away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laws", action="store_true", help="hunt by laws alone; keep the rest")
    before = known() if parser.parse_args().laws else {}
    found: Found = {}
    for name, fault in MUTANTS.items():
        found[name] = (
            before.get(name) or caught_after(fault),
            caught_after(fault, question="laws"),
        )
        count, by_laws = (n or "no" for n in found[name])
        print(f"caught after {count}, by laws after {by_laws}: {name}", flush=True)
    total = sum(by_laws > 0 for _, by_laws in found.values())
    print(f"laws alone catch {total} of {len(found)}")
    parts = [HEAD, "## Known from elsewhere\n", *table(found, True), "\n## Usual in ports\n"]
    PAGE.write_text("\n".join([*parts, *table(found, False)]) + "\n")
    sys.exit(not all(count for count, _ in found.values()))


if __name__ == "__main__":
    main()
