"""The frozen ONNX node corpus: which cases pass in the reference and in the plan, and why the others do not.

    python -m bench.corpus [PATTERN ...] [--json FILE]

A pattern is a part of the case's name, or /REGEX/. Without one all cases of the default domain are run.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

from rich.progress import track

from litegold.conformance.corpus import Outcome, cases, find, run


def chosen(name: str, patterns: list[str]) -> bool:
    """Whether a case is asked for."""
    return not patterns or any(
        re.search(p[1:-1], name) if p.startswith("/") else p in name for p in patterns
    )


def main(arguments: list[str]) -> None:
    """Run the cases and print those that fail, then the counts."""
    target = Path(arguments[arguments.index("--json") + 1]) if "--json" in arguments else None
    patterns = [a for a in arguments if not a.startswith("--") and a != str(target)]
    wheel = find()
    if wheel is None:
        raise SystemExit("no corpus: make corpus fetches it, or name the wheel in LITEGOLD_CORPUS")
    wanted = [c for c in cases(wheel) if c.default and chosen(c.name, patterns)]
    outcomes = [run(c) for c in track(wanted, "cases", disable=not sys.stdout.isatty())]
    for o in outcomes:
        if o.reference or o.plan:
            print(f"{o.name}\n    reference: {o.reference or 'ok'}\n    plan: {o.plan or 'ok'}")
    print(summary(outcomes))
    if target:
        target.write_text(json.dumps([asdict(o) for o in outcomes], indent=1))


def summary(outcomes: list[Outcome]) -> str:
    """Return the counts in a line."""
    right = sum(not o.reference for o in outcomes)
    numeric = [o for o in outcomes if o.numeric]
    planned = sum(not o.plan for o in numeric)
    return (
        f"reference {right} of {len(outcomes)}; plan {planned} of {len(numeric)} with numbers only"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
