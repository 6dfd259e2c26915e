"""Write the golden vectors: one frozen case an operator and number format, with its result and its bound.

`python golden/make.py` writes the vectors that are missing, `--all` draws all anew, `--check` recomputes every
result from the stored inputs and compares.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from litegold.conformance.case import Case
from litegold.conformance.golden import load, save
from litegold.conformance.judge import bounds, expected, judge
from litegold.conformance.tables import CASES

FOLDER = Path(__file__).parent
LARGEST = 4096  # bytes of tensors that a vector may hold
DRAWS = 15


def draw(key: Any) -> Case:
    """Return the largest of the first few cases that is small enough; the same one each time."""
    best: list[Case] = []

    @settings(
        max_examples=DRAWS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=CASES[key])
    def collect(case: Case) -> None:
        if not best or nbytes(best[0]) < nbytes(case) <= LARGEST or nbytes(best[0]) > LARGEST:
            best[:] = [case]

    collect()
    return best[0]


def nbytes(case: Case) -> int:
    """Return the size of the inputs."""
    return sum(a.nbytes for a in case.args if a is not None)


def write(everything: bool) -> int:
    """Write vectors; return how many."""
    count = 0
    for op, form in sorted(CASES, key=lambda key: (key[0].__name__, key[1])):
        path = FOLDER / op.__name__ / f"{form}.npz"
        if everything or not path.exists():
            case = draw((op, form))
            want = expected(case)
            path.parent.mkdir(exist_ok=True)
            save(path, case, want, bounds(case, want))
            count += 1
    return count


def check() -> int:
    """Recompute all vectors; return how many differ."""
    wrong = 0
    for path in sorted(FOLDER.glob("*/*.npz")):
        case, want, _ = load(path)
        for got, w in zip(expected(case), want, strict=True):
            verdict = judge(got, w)
            if not verdict:
                print(f"{path.parent.name}/{path.stem}: {verdict.reason}")
                wrong += 1
    return wrong


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        return 1 if check() else 0
    print(f"{write(options.all)} vectors written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
