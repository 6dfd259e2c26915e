"""The frozen ONNX node corpus: which cases pass in the reference and in the plan, and why the others do not.

    python -m bench.corpus [PATTERN ...] [--json FILE] [--write]

A pattern is a part of the case's name, or /REGEX/. Without one all cases of the default domain are run; with --write
the result goes to docs/onnx_corpus.md.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

from rich.progress import track

from litegold.conformance.corpus import Outcome, cases, find, run
from litegold.conformance.corpus_findings import FINDINGS, finding


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
            known = finding(o.name)
            print(o.name, f"({known.whose}: {known.reason})" if known else "")
            print(f"    reference: {o.reference or 'ok'}\n    plan: {o.plan or 'ok'}")
    print(summary(outcomes))
    if target:
        target.write_text(json.dumps([asdict(o) for o in outcomes], indent=1))
    if "--write" in arguments and not patterns:
        PAGE.write_text(page(outcomes))


PAGE = Path(__file__).resolve().parents[1] / "docs" / "onnx_corpus.md"


def page(outcomes: list[Outcome]) -> str:
    """Return the result as a page: the counts, and each case that differs with its reason."""
    rows = []
    for f in FINDINGS:
        names = [o.name for o in outcomes if finding(o.name) is f and (o.reference or o.plan)]
        if names:
            rows.append(f"| {', '.join(names)} | {f.whose} | {f.reason} |")
    return "\n".join(
        [
            "# The frozen ONNX node corpus",
            "",
            "Written by `python -m bench.corpus --write`. The wheel `onnx==1.22.0` holds 1,739 cases of the",
            "default domain; litegold's reference must lie within a float32 computation's error bound of what",
            "they hold, and the compiled plan within it of the reference; integers are equal. No tolerance of",
            "the corpus is used.",
            "",
            f"Right: {summary(outcomes)}.",
            "",
            "| cases that differ | whose | why |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


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
